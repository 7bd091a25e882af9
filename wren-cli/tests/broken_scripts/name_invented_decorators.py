# expect: INVALID_METADATA at 7:7: write `@wren.on_schedule("0 9 * * *")`
# expect: INVALID_METADATA at 9:10: use `print`: what a script prints is its log
# expect: INVALID_METADATA at 12:7: write `@wren.on_schedule(every="15m")`
import wren


@wren.cron("0 9 * * *")
def daily():
    wren.log("daily")


@wren.every("15m")
def often():
    wren.log("often")
