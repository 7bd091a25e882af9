# expect: INVALID_CRON at 5:20: cron here has no seconds field: did you mean `*/5 * * * *`?
import wren


@wren.on_schedule("0 */5 * * * *")
def every_five_minutes():
    print("tick")
