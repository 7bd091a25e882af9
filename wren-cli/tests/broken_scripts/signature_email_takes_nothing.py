# expect: FUNCTION_SIGNATURE at 7:5: write `def file_invoice(email):`
import wren
from wren import gmail


@wren.on_email(subject="invoice")
def file_invoice():
    mail = gmail.inbox(limit=1)[0]
    gmail.label(mail.id, add="Invoices")
