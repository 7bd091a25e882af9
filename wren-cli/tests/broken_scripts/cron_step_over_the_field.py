# expect: INVALID_CRON at 5:22: cron starts anew with every hour, day, month or year: for a longer period use `every`
import wren


@wren.on_schedule("*/90 * * * *")
def every_ninety_minutes():
    print("tick")
