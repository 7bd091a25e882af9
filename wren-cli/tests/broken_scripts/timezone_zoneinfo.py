# expect: INVALID_TIMEZONE at 6:8: did you mean `America/New_York`?
from zoneinfo import ZoneInfo

import wren

ZONE = ZoneInfo("America/New York")


@wren.on_schedule("30 16 * * mon-fri", timezone=ZONE)
def closing_bell():
    print("closing")
