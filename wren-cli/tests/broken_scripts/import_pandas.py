# expect: IMPORT_ERROR at 3:1: no packages are installed here: use `csv` and `statistics`
import wren
import pandas as pd
from wren import gmail


@wren.on_schedule("0 6 1 * *")
def monthly():
    frame = pd.read_csv("https://data.example.com/sales.csv")
    total = frame["amount"].sum()
    gmail.send(to="cfo@example.com", subject="Sales", body=str(total))
