"""Beats once a second and counts the beats over all runs."""

import wren


@wren.on_schedule(every="1s")
def heartbeat():
    beats = wren.state.get("beats", 0) + 1
    wren.state["beats"] = beats
    print(f"beat {beats}, due at {wren.context().scheduled_for}")
    return {"beats": beats}
