# expect: INVALID_METADATA at 2:1: every line of it begins with `# `, and `# ///` ends it
# /// script
# [tool.wren]
# timezone = "Europe/Dublin"

import wren


@wren.on_schedule("0 9 * * *")
def daily():
    print("daily")
