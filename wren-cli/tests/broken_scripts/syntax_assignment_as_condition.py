# expect: SYNTAX_ERROR at 8:12: compare with `==`
import wren


@wren.on_schedule("@daily")
def rotate():
    day = wren.context().scheduled_for.weekday()
    if day = 0:
        wren.state["week"] = {}
    return day
