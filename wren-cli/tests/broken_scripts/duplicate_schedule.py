# expect: DUPLICATE_TRIGGER at 6:2: remove one of them: the first stands at line 5
import wren


@wren.on_schedule("0 9 * * *")
@wren.on_schedule("0  9 * * *", timezone="UTC")
def daily():
    print("daily")
