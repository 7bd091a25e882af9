# expect: SYNTAX_ERROR at 10:2: tabs and spaces are mixed: indent with 4 spaces for each level
import wren


@wren.on_schedule("*/10 * * * *")
def poll():
    seen = wren.state.get("seen", 0)
    if seen > 100:
        print("resetting")
	wren.state["seen"] = 0
    return seen
