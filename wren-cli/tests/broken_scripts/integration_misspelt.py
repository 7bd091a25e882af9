# expect: UNKNOWN_INTEGRATION at 3:18: did you mean `gmail`?
import wren
from wren import gmial, slack


@wren.on_schedule("0 9 * * *")
def digest():
    slack.post("#mail", f"{len(gmial.inbox(unread=True))} unread")
