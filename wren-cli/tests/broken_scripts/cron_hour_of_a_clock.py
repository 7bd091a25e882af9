# expect: INVALID_CRON at 8:24: did you mean `9`?
# expect: INVALID_CRON at 8:24: did you mean `mon`?
import wren

SCHEDULE = "0 9am * * Monday"


@wren.on_schedule(cron=SCHEDULE)
def monday():
    print("monday")
