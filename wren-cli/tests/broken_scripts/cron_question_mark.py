# expect: INVALID_CRON at 5:25: use `*` instead
import wren


@wren.on_schedule("0 12 ? * MON")
def monday():
    print("monday")
