# expect: INVALID_METADATA at 6:32: did you mean `timezone`?
# expect: INVALID_METADATA at 6:52: did you mean `retries`?
import wren


@wren.on_schedule("0 9 * * *", tz="Europe/Dublin", max_retries=3)
def daily():
    print("daily")
