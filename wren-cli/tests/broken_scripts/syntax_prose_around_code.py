# expect: SYNTAX_ERROR at 2:1: remove it, or begin it with `#`
Here is the script you asked for:

import wren


@wren.on_schedule("@daily")
def backup():
    print("backing up")
