# expect: INVALID_FILTER at 6:20: any[0] must be a dict of rules, not `invoice`; write it as [{"subject": "invoice"}
# expect: INVALID_FILTER at 6:20: any[1] must be a dict of rules, not `receipt`
import wren


@wren.on_email(any=["invoice", "receipt"])
def money(email):
    print(email.subject)
