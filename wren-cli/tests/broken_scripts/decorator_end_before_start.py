# expect: INVALID_METADATA at 5:53: choose an end after the start, or swap the two
import wren


@wren.on_schedule("@daily", start="2099-06-01", end="2099-01-01")
def season():
    print("season")
