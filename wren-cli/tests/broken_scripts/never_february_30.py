# expect: CRON_NEVER_FIRES at 5:24: choose a day that the month has, such as `28`, or another month
import wren


@wren.on_schedule("0 0 30 2 *")
def quarter_end():
    print("closing the quarter")
