# expect: INVALID_FILTER at 6:24: unclosed group; every `(` and `[` needs its end
import wren
from wren import gmail


@wren.on_email(subject="re:(invoice|receipt")
def file(email):
    gmail.label(email.id, add="Money")
