# expect: INVALID_CRON at 6:20: write the five fields only: did you mean `0 9 * * mon-fri`?
# expect: INVALID_CRON at 11:20: for a period write `every="5m"` instead of an expression
import wren


@wren.on_schedule("cron(0 9 ? * MON-FRI *)")
def open_of_business():
    print("open")


@wren.on_schedule("rate(5 minutes)")
def heartbeat():
    print("alive")
