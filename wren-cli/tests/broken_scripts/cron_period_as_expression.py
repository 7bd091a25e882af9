# expect: INVALID_CRON at 6:20: for a period write `every="15m"` instead of an expression
# expect: INVALID_CRON at 11:20: for a period write `every="2h"` instead of an expression
import wren


@wren.on_schedule("15m")
def poll():
    print("poll")


@wren.on_schedule("@every 2h")
def sweep():
    print("sweep")
