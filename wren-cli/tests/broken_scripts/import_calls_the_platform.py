# expect: IMPORT_ERROR at 5:9: move it into the function that the trigger runs
import wren
from wren import http

RATES = http.get("https://rates.example.com/latest").json()


@wren.on_schedule("0 18 * * mon-fri")
def convert():
    return {currency: 100 * rate for currency, rate in RATES.items()}
