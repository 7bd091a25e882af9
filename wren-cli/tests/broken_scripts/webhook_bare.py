# expect: UNKNOWN_TRIGGER_TYPE at 5:2: this platform serves only `schedule` and `email`
import wren


@wren.on_webhook
def received(request):
    print(request)


@wren.on_schedule("@daily")
def daily():
    print("daily")
