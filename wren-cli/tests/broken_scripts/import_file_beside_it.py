# expect: IMPORT_ERROR at 6:6: a script is deployed without the files beside it: write what it needs into the script, or
import json

import wren

with open("config.json") as file:
    CONFIG = json.load(file)


@wren.on_schedule("0 * * * *")
def poll():
    return wren.http.get(CONFIG["url"]).status_code
