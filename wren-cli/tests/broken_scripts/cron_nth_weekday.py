# expect: INVALID_CRON at 5:29: run on that weekday every week, and return early in the script unless the date fits
import wren


@wren.on_schedule("0 10 * * 1#1", timezone="America/New_York")
def first_monday():
    print("board meeting")
