# expect: SYNTAX_ERROR at 5:18: add the `)` that is missing
import wren


@wren.on_schedule("0 9 * * *", timezone="Europe/Dublin"
def good_morning():
    print("good morning")
    return {"sent": True}
