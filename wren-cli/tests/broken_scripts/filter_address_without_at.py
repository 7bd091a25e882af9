# expect: INVALID_FILTER at 5:22: did you mean `*@acme.com`?
import wren


@wren.on_email(from_="acme.com")
def from_acme(email):
    print(email.subject)
