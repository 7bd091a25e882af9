# expect: CRON_NEVER_FIRES at 5:25: choose a day that the month has, such as `28`, or another month
import wren


@wren.on_schedule("0 23 31 4,6,9,11 *", timezone="Europe/Paris")
def month_end():
    print("closing the month")
