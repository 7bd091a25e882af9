# expect: SYNTAX_ERROR at 9:35: close it with `}`; a brace as text is written `{{`
import wren
from wren import slack


@wren.on_schedule("0 12 * * *")
def lunch():
    options = wren.state.get("options", ["soup"])
    slack.post("#lunch", f"Today: {options[0]")
