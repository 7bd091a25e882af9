# expect: INVALID_METADATA at 5:19: use one decorator for each expression: a function may have several
import wren


@wren.on_schedule(["0 9 * * *", "0 17 * * *"], timezone="Europe/Berlin")
def twice_a_day():
    print("twice a day")
