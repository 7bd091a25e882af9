# expect: IMPORT_ERROR at 4:10: write `import json` at the top of the script
import wren

SCHEMA = json.loads('{"required": ["id", "name"]}')


@wren.on_schedule("0 3 * * *")
def validate():
    rows = wren.http.get("https://api.example.com/rows").json()
    return [row for row in rows if any(key not in row for key in SCHEMA["required"])]
