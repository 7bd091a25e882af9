"""Posts every invoice that arrives by mail to a Slack channel."""

import wren
from wren import slack


@wren.on_email(subject="invoice", from_="*@acme.com", retries=5)
def announce(email: wren.Email):
    names = ", ".join(attachment.filename for attachment in email.attachments) or "no attachment"
    slack.post("#invoices", f"{email.from_} sent “{email.subject}” ({names})")
