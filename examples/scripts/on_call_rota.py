"""Says every Monday morning who is on call, and remembers whose turn it was."""

# /// script
# [tool.wren]
# timezone = "Europe/Dublin"
# timeout = "30s"
# ///

import datetime

import wren

TEAM = ["ada", "grace", "edsger", "barbara"]


@wren.on_schedule("0 8 * * mon", catch_up="latest", retries=3)
def announce():
    turn = wren.state.get("turn", -1) + 1
    person = TEAM[turn % len(TEAM)]
    wren.state["turn"] = turn
    until = datetime.date.today() + datetime.timedelta(days=7)
    print(f"{person} is on call until {until.isoformat()}")
    return {"on_call": person, "until": until.isoformat()}


@wren.on_schedule("0 17 * * fri")
def remind():
    turn = wren.state.get("turn", 0)
    print(f"{TEAM[turn % len(TEAM)]} has the pager over the weekend")
