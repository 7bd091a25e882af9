# expect: INVALID_CRON at 5:25: did you mean `6-22` or, across the end, `22-23,0-6`?
import wren


@wren.on_schedule("*/15 22-6 * * *")
def night_watch():
    print("all quiet")
