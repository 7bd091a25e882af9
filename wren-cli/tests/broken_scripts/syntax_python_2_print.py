# expect: SYNTAX_ERROR at 9:11: `print` is a function: write `print(…)`
import wren


@wren.on_schedule(every="1h")
def count_runs():
    runs = wren.state.get("runs", 0) + 1
    wren.state["runs"] = runs
    print "runs so far:", runs
