# expect: UNKNOWN_TRIGGER_TYPE at 6:2: this platform serves only `schedule` and `email`
import wren
from wren import slack


@wren.on_webhook("/github", methods=["POST"])
def pushed(request):
    slack.post("#code", f"{request['json']['pusher']['name']} pushed")
