# expect: INVALID_METADATA at 7:25: did you mean "300s" or "300m"?
# expect: INVALID_METADATA at 7:38: did you mean "60s" or "60m"?
# expect: INVALID_METADATA at 7:50: write `3` without quotes
import wren


@wren.on_schedule(every=300, timeout=60, retries="3")
def poll():
    print("poll")
