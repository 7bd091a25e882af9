# expect: IMPORT_ERROR at 4:39: `send_report` is defined at line 7, which is run later: move this line below it
import wren

daily = wren.on_schedule("0 9 * * *")(send_report)


def send_report():
    print("report")
