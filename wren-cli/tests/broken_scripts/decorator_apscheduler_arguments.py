# expect: INVALID_METADATA at 7:27: write the time as a cron expression, such as `"30 9 * * *"`
# expect: INVALID_METADATA at 7:35: write the time as a cron expression, such as `"30 9 * * *"`
# expect: INVALID_METADATA at 12:19: write `every="2h"`
import wren


@wren.on_schedule("cron", hour=9, minute=30)
def morning():
    print("morning")


@wren.on_schedule(hours=2)
def often():
    print("often")
