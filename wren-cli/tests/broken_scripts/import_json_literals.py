# expect: IMPORT_ERROR at 7:16: in Python it is `True`
import wren
from wren import slack

CONFIG = {
    "channel": "#alerts",
    "enabled": true,
    "threshold": null,
}


@wren.on_schedule(every="15m")
def check():
    if CONFIG["enabled"]:
        slack.post(CONFIG["channel"], "checked")
