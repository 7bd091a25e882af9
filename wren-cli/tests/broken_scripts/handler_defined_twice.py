# expect: INVALID_METADATA at 11:5: rename one of them: both triggers would call the second
import wren


@wren.on_schedule("0 9 * * *")
def report():
    print("morning report")


@wren.on_schedule("0 17 * * *")
def report():
    print("evening report")
