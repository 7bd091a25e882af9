# expect: IMPORT_ERROR at 3:1: it has no module of its own: write `openai = wren.integration("openai")`
import wren
from wren import openai


@wren.on_schedule("0 9 * * *")
def tip_of_the_day():
    answer = openai.post("/v1/chat/completions", json={"model": "gpt-4o-mini", "messages": []})
    return answer.json()
