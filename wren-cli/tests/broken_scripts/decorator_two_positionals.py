# expect: INVALID_METADATA at 5:32: write `timezone="Europe/Dublin"`
import wren


@wren.on_schedule("0 9 * * *", "Europe/Dublin")
def daily():
    print("daily")
