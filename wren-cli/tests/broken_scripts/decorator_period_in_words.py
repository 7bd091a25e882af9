# expect: INVALID_METADATA at 5:26: did you mean `15m`?
import wren


@wren.on_schedule(every="15 minutes")
def poll():
    print("poll")
