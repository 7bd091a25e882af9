# expect: SYNTAX_ERROR at 8:1: indent the body by 4 spaces, or write `pass`
import wren
from wren import gmail


@wren.on_email(from_="*@bank.example.com")
def statement(email: wren.Email):
for attachment in email.attachments:
    print(attachment.filename)
