# expect: SYNTAX_ERROR at 11:10: write `elif`
import wren
from wren import http, slack


@wren.on_schedule(every="10m")
def temperature():
    degrees = http.get("https://weather.example.com/dublin").json()["celsius"]
    if degrees > 25:
        slack.post("#weather", "hot")
    else if degrees < 0:
        slack.post("#weather", "cold")
    else:
        print(degrees)
