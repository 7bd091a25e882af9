"""Runs every second and prints a little, beside a load test."""

import wren


@wren.on_schedule(every="1s")
def ticking():
    for number in range(5):
        print(f"{number}: due at {wren.context().scheduled_for}")
    return {"lines": 5}
