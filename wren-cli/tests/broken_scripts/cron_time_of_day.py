# expect: INVALID_CRON at 5:20: did you mean `30 9 * * *`?
import wren


@wren.on_schedule("09:30", timezone="Asia/Tokyo")
def opening():
    print("the market opens")
