# expect: INVALID_METADATA at 5:2: write `@wren.on_schedule("0 9 * * *")`
import wren


@wren.on_schedule
def daily():
    print("daily")
