# expect: FUNCTION_SIGNATURE at 7:22: write `def escalate(email):` and take the rest from `email`, or give the others defaults
import wren
from wren import slack


@wren.on_email(from_="*@customer.example.com")
def escalate(sender, subject, body):
    slack.post("#support", f"{sender}: {subject}\n{body[:200]}")
