# expect: DUPLICATE_TRIGGER at 10: line 10 declares it again: each time needs another schedule or function
import wren


def report():
    print("report")


for zone in ["Europe/Dublin", "Europe/London", "Europe/Dublin"]:
    wren.on_schedule("0 9 * * *", timezone=zone)(report)
