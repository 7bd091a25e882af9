"""Counts the working days to each deadline every weekday morning, and warns when one comes near."""

# /// script
# [tool.wren]
# timezone = "Europe/Dublin"
# timeout = "30s"
# ///

import datetime

import wren

DEADLINES = {
    "tax return": datetime.date(2026, 10, 31),
    "annual report": datetime.date(2027, 3, 1),
    "passport": datetime.date(2028, 6, 15),
}
WARN_DAYS = 10


def working_days(start, end):
    days = (end - start).days
    return sum(1 for day in range(days) if (start + datetime.timedelta(days=day)).weekday() < 5)


@wren.on_schedule("30 7 * * mon-fri", catch_up="latest", retries=2)
def count_down():
    today = datetime.date.today()
    warned = wren.state.get("warned", [])
    left = {}
    for name, day in DEADLINES.items():
        if day < today:
            continue
        left[name] = working_days(today, day)
        if left[name] <= WARN_DAYS and name not in warned:
            print(f"only {left[name]} working days until {name} is due on {day.isoformat()}")
            warned.append(name)
    wren.state["warned"] = warned
    return left
