# expect: INVALID_TIMEZONE at 5:42: name a place, such as `America/Los_Angeles`
import wren


@wren.on_schedule("0 9 * * *", timezone="PST")
def morning():
    print("morning")
