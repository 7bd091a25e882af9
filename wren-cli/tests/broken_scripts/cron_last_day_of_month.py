# expect: INVALID_CRON at 6:25: use `28-31`, and return early in the script unless tomorrow is the first
import wren
from wren import gmail


@wren.on_schedule("0 18 L * *")
def close_books():
    gmail.send(to="accounts@example.com", subject="Close the books", body="It is the last day.")
