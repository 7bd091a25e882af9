# expect: INVALID_TIMEZONE at 5:42: did you mean `Europe/Dublin`?
import wren


@wren.on_schedule("0 9 * * *", timezone="Europe/Dubln")
def morning():
    print("morning")
