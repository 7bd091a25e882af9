"""Prints a number of lines a second, for a number of seconds: what the followers of a load test see."""

# /// script
# [tool.wren]
# timeout = "1h"
# ///

import time


def followed(event):
    pause = 1 / event["lines"]
    begun = time.monotonic()
    number = 0
    while time.monotonic() - begun < event["seconds"]:
        number += 1
        print(f"line {number} of a run that somebody follows, as long as such lines usually are", flush=True)
        # By the number of lines and not from the one before, so that pauses do not add up.
        time.sleep(max(0, begun + number * pause - time.monotonic()))
    return {"lines": number}
