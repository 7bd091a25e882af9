# expect: INVALID_METADATA at 5:7: did you mean `on_schedule`?
import wren


@wren.on_shedule("0 9 * * *")
def daily():
    print("daily")
