# expect: SYNTAX_ERROR at 12:1: indent the line as one of the blocks before it, with spaces only
import wren


@wren.on_schedule("15 * * * *")
def sync():
    items = wren.state.get("queue", [])
    for item in items:
        if item["done"]:
            continue
        print(item["id"])
      item["done"] = True
    wren.state["queue"] = items
