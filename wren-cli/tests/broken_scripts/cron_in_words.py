# expect: INVALID_CRON at 6:20: did you mean `0 9 * * *`?
import wren
from wren import slack


@wren.on_schedule("every day at 9am", timezone="Europe/London")
def tea():
    slack.post("#office", "Tea?")
