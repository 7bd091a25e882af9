# expect: INVALID_CRON at 6:20: cron here has no seconds field: did you mean `0 12 * * MON-FRI`?
import wren
from wren import slack


@wren.on_schedule("0 0 12 ? * MON-FRI")
def lunch():
    slack.post("#lunch", "Lunch!")
