# expect: SYNTAX_ERROR at 8:12: end the line with `:`
# expect: SYNTAX_ERROR at 9:16: the expression is not complete
# expect: SYNTAX_ERROR at 15:11: `print` is a function: write `print(…)`
import wren


@wren.on_schedule("0 9 * * *")
def first()
    total = 1 +
    return total


@wren.on_schedule("0 10 * * *")
def second():
    print 'second'
