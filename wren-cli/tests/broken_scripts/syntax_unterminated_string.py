# expect: SYNTAX_ERROR at 8:12: close the string with `"`
import wren
from wren import slack


@wren.on_schedule("30 16 * * mon-fri")
def stand_down():
    text = "Time to go home
    slack.post("#general", text)
