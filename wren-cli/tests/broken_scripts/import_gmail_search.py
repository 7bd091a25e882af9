# expect: IMPORT_ERROR at 5:12: wren.gmail has: get, inbox, label, send
import wren
from wren import gmail

INVOICES = gmail.search("subject:invoice")


@wren.on_schedule("0 9 1 * *")
def count():
    return len(INVOICES)
