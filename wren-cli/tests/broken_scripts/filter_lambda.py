# expect: INVALID_METADATA at 6:16: arguments are text: name one, as in `subject="invoice"`, and let the function itself
import wren
from wren import slack


@wren.on_email(lambda email: "urgent" in email.subject.lower())
def urgent(email):
    slack.post("#ops", email.subject)
