# expect: INVALID_CRON at 5:28: did you mean `mon`?
import wren


@wren.on_schedule("0 9 * * Mo-Fr")
def workday():
    print("hallo")
