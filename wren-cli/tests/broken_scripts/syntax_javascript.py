# expect: SYNTAX_ERROR at 9:11: leave `const` out: `name = value`
# expect: SYNTAX_ERROR at 10:15: write `for name in list:`
# expect: SYNTAX_ERROR at 11:15: is a comma missing here?
import wren


@wren.on_schedule("@hourly")
def sum_up():
    const total = 0
    for (item of wren.state["items"]) {
        total += item
    }
    return total
