# expect: IMPORT_ERROR at 6:11: a script sees none of the machine's variables: write `wren.secret("WEATHER_API_KEY")`
import os

import wren

API_KEY = os.environ["WEATHER_API_KEY"]


@wren.on_schedule("0 7 * * *")
def weather():
    answer = wren.http.get("https://weather.example.com/today", headers={"X-Key": API_KEY})
    return answer.json()
