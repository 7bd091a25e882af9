# expect: INVALID_METADATA at 9:40: arguments are text, numbers, lists and dicts: let the function itself decide, and return
import wren


def is_important(email):
    return email.from_.endswith("@board.example.com")


@wren.on_email(subject="minutes", body=is_important)
def important(email):
    print(email.subject)
