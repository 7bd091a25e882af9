# expect: SYNTAX_ERROR at 11:12: add the `}` that is missing
import wren
from wren import http


@wren.on_schedule("0 6 * * *")
def prices():
    answer = http.get("https://api.example.com/prices", params={"currency": "EUR"})
    rows = answer.json()["rows"]
    cheapest = min(rows, key=lambda row: row["price"])
    return {"item": cheapest["name"], "price":
