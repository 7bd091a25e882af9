# expect: INVALID_FILTER at 5:50: must be True or False, not `pdf`
import wren


@wren.on_email(subject="invoice", has_attachment="pdf")
def save(email):
    for attachment in email.attachments:
        print(attachment.filename, attachment.size)
