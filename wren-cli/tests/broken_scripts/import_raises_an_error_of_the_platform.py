# expect: IMPORT_ERROR at 9:9: the script is imported before it is deployed: mend the line, or move what it does into
import wren

REQUIRED = ["channel", "recipient"]
settings = {"channel": "#ops"}

for key in REQUIRED:
    if key not in settings:
        raise wren.UserFacingConfigError(f"missing setting {key}", code="INTEGRATION_NOT_CONFIGURED")


@wren.on_schedule("@daily")
def run():
    print(settings)
