# expect: INVALID_METADATA at 5:32: use one decorator for each: a function may have several
import wren


@wren.on_schedule("0 9 * * *", every="1h")
def often():
    print("often")
