# expect: INVALID_FILTER at 11:13: expressions have no lookaround: say what must not be there by `not_`
import re

import wren

URGENT = re.compile(r"^(?!re:).*urgent")


@wren.on_email(
    from_=["*@acme.com", "*@globex.com"],
    subject=URGENT,
)
def page_someone(email):
    print(email.from_, email.subject)
