# expect: SYNTAX_ERROR at 7:21: end the line with `:`
import wren
from wren import gmail, slack


@wren.on_schedule("0 8 * * mon-fri", timezone="Europe/Dublin")
def morning_digest()
    mails = gmail.inbox(unread=True, limit=10)
    lines = [f"- {mail.subject} ({mail.from_})" for mail in mails]
    slack.post("#inbox", "\n".join(lines) or "Nothing new")
