# expect: SYNTAX_ERROR at 5:19: use the plain quotes `'` and `"`
import wren


@wren.on_schedule(“0 9 * * *”)
def report():
    print("report")
