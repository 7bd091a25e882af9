# expect: IMPORT_ERROR at 5:2: write `import wren` at the top of the script
from datetime import datetime


@wren.on_schedule("0 9 * * *", timezone="UTC")
def now():
    return datetime.now().isoformat()
