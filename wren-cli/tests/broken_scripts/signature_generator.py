# expect: FUNCTION_SIGNATURE at 7:5: replace `yield` with `return`, or collect into a list
import wren
from wren import http


@wren.on_schedule(every="1h")
def pages():
    page = 1
    while page < 5:
        yield http.get(f"https://api.example.com/items?page={page}").json()
        page += 1
