# expect: SCRIPT_TOO_LARGE: move large data out of the script
# grow: 12000
import base64

import wren
from wren import gmail


@wren.on_schedule("0 9 * * mon")
def newsletter():
    gmail.send(to="list@example.com", subject="News", html=f'<img src="data:image/png;base64,{LOGO}">')


LOGO = base64.b64encode(b"\x89PNG").decode()
LOGO += "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
