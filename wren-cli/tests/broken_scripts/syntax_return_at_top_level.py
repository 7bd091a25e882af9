# expect: SYNTAX_ERROR at 10:5: indent it into a function; to end early at the top level, use `if`
import datetime

import wren
from wren import slack

TODAY = datetime.date.today()

if TODAY.weekday() >= 5:
    return


@wren.on_schedule("0 9 * * *")
def remind():
    slack.post("#team", "Remember your hours")
