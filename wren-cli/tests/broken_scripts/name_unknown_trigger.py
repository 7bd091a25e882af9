# expect: INVALID_METADATA at 5:7: the triggers are on_schedule, on_email, on_webhook
import wren


@wren.on_message(channel="#support")
def reply(message):
    print(message["text"])
