# expect: INVALID_METADATA at 9:3: did you mean `timezone`?
# expect: UNKNOWN_INTEGRATION at 12:18: did you mean `gmail`?
# expect: INVALID_CRON at 15:20: did you mean `0 9 * * *`?
# expect: INVALID_METADATA at 15:30: did you mean `timezone`?
# expect: FUNCTION_SIGNATURE at 16:11: write `def daily():`, or give every parameter a default
# expect: INVALID_METADATA at 20:26: did you mean `15s` or `15m`?
# /// script
# [tool.wren]
# timezon = "Europe/Dublin"
# ///
import wren
from wren import gmial


@wren.on_schedule("0 9 * *", tz="UTC")
def daily(mail):
    print(len(gmial.inbox()))


@wren.on_schedule(every="15")
def poll():
    print("poll")
