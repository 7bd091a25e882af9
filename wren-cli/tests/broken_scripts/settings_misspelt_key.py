# expect: INVALID_METADATA at 5:3: did you mean `timezone`?
# expect: INVALID_METADATA at 6:3: `retries` is said of each trigger: `@wren.on_schedule(…, retries=…)`
# /// script
# [tool.wren]
# timezon = "Europe/Dublin"
# retries = 3
# ///
import wren


@wren.on_schedule("0 9 * * *")
def daily():
    print("daily")
