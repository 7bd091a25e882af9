# expect: INVALID_CRON at 6:20: did you mean `0 9 * * *`?
import wren
from wren import gmail


@wren.on_schedule("0 9 * *", timezone="Europe/Dublin")
def daily_summary():
    mails = gmail.inbox(unread=True, limit=20)
    gmail.send(to="me@example.com", subject="Today", body=wren.ai("Summarise", mails))
