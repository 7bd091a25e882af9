# expect: IMPORT_ERROR at 2:1: did you mean `json`? Otherwise, no packages are installed here: use Python's standard
import jsn
import wren


@wren.on_schedule("@hourly")
def load():
    return jsn.loads(wren.http.get("https://api.example.com/x").text)
