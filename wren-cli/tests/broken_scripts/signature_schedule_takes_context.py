# expect: FUNCTION_SIGNATURE at 7:11: write `def daily():`; what a run knows of itself is in `wren.context()`
import wren
from wren import slack


@wren.on_schedule("0 9 * * *")
def daily(context):
    slack.post("#daily", f"run {context.run_id}")
