# expect: CRON_NEVER_FIRES at 6:22: choose a time in the future
import wren
from wren import slack


@wren.on_schedule(at="2024-12-24T18:00:00", timezone="Europe/Dublin")
def merry_christmas():
    slack.post("#general", "Merry Christmas!")
