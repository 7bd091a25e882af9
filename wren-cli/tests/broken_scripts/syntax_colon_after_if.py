# expect: SYNTAX_ERROR at 9:33: end the line with `:`
import wren
from wren import http, slack


@wren.on_schedule(every="5m")
def watch_site():
    answer = http.get("https://shop.example.com/health")
    if answer.status_code != 200
        slack.post("#ops", f"shop answers {answer.status_code}")
    else:
        print("shop is up")
