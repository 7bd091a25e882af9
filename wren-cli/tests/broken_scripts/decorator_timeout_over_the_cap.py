# expect: INVALID_METADATA at 5:40: ask for at most `1h`, or do the work in several runs
import wren


@wren.on_schedule("0 2 * * *", timeout="6h")
def nightly_rebuild():
    print("rebuilding")
