# expect: SYNTAX_ERROR at 8:9: indent it into the loop
import wren
from wren import gmail


def handle(mail):
    if "unsubscribe" in (mail.text or "").lower():
        continue
    print(mail.subject)


@wren.on_schedule("0 * * * *")
def triage():
    for mail in gmail.inbox(unread=True):
        handle(mail)
