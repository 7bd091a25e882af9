# expect: INVALID_METADATA at 5: put the decorator directly above a `def` at the top level of the script
import wren
from wren import slack

wren.on_schedule("0 9 * * *")(lambda: slack.post("#daily", "hello"))


def unused():
    print("unused")
