# expect: INVALID_METADATA at 5: put the decorator directly above a `def` at the top level of the script
import wren


@wren.on_schedule("0 9 * * *")
class Daily:
    def run(self):
        print("daily")
