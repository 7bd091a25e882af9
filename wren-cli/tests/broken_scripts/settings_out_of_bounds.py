# expect: INVALID_METADATA at 8:13: did you mean "300s" or "300m"?
# expect: INVALID_METADATA at 9:13: ask for at most `2GiB`
# expect: INVALID_METADATA at 10:14: did you mean `api.example.com`?
# expect: INVALID_METADATA at 11:15: this platform has `wasm` and `process`
# /// script
# dependencies = []
# [tool.wren]
# timeout = 300
# memory = "8GB"
# egress = ["https://api.example.com/v1/"]
# executor = "docker"
# ///
import wren


@wren.on_schedule("0 4 * * *")
def heavy():
    return wren.http.get("https://api.example.com/v1/rows").json()
