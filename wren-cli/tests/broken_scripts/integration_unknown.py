# expect: UNKNOWN_INTEGRATION at 3:18: known integrations: anthropic, gmail, openai, slack
import wren
from wren import notion, slack


@wren.on_schedule("0 9 * * mon")
def tasks():
    pages = notion.query(database="Tasks", filter={"Status": "Open"})
    slack.post("#tasks", f"{len(pages)} open tasks")
