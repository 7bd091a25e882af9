# expect: INVALID_FILTER at 5:23: did you mean `from`?
import wren


@wren.on_email(sender="*@acme.com", subject="order")
def order(email: wren.Email):
    print(email.subject)
