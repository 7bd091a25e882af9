# expect: CRON_NEVER_FIRES at 5:56: choose an end in the future
import wren


@wren.on_schedule("0 9 * * *", start="2025-01-01", end="2025-03-31")
def campaign():
    print("campaign mail")
