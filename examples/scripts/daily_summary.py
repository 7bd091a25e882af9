"""Mails a summary of the unread mails every morning at nine."""

import wren
from wren import gmail


@wren.on_schedule("0 9 * * *", timezone="Europe/Dublin", catch_up="latest", retries=3, timeout="5m")
def daily_summary():
    mails = gmail.inbox(unread=True, limit=20)
    if not mails:
        print("nothing to summarise")
        return {"mails": 0}
    summary = wren.ai("Summarise these mails in five sentences.", mails)
    gmail.send(to="me@example.com", subject="Your mails today", body=summary)
    return {"mails": len(mails)}
