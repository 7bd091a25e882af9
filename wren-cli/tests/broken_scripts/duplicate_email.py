# expect: DUPLICATE_TRIGGER at 6:2: remove one of them: the first stands at line 5
import wren


@wren.on_email(subject="invoice", from_="*@acme.com")
@wren.on_email(from_="*@acme.com", subject="invoice")
def invoice(email):
    print(email.subject)
