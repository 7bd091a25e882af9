# expect: INVALID_CRON at 8:20: did you mean `0`?
# expect: INVALID_CRON at 8:23: midnight is `0`
# expect: INVALID_CRON at 13:27: write a value from 1 to 12, or `*` for every one
# expect: INVALID_CRON at 13:30: write a value from 0 to 7, or `*` for every one
import wren


@wren.on_schedule("60 24 * * *")
def midnight():
    print("midnight")


@wren.on_schedule("0 9 31 13 8")
def never():
    print("never")
