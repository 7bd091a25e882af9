# expect: SYNTAX_ERROR at 8:25: the script declares `latin-1`: convert it to UTF-8, and remove the `coding` comment
# -*- coding: latin-1 -*-
import wren


@wren.on_schedule("0 9 * * *")
def greet():
    return "Bonjour, café"
