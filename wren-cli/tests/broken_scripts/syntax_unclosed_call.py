# expect: SYNTAX_ERROR at 8:15: add the `)` that is missing
import wren
from wren import gmail


@wren.on_schedule("0 17 * * fri")
def weekly_report():
    gmail.send(
        to="team@example.com",
        subject="Weekly report",
        body=wren.ai("Summarise the week", gmail.inbox(limit=50),
    )
