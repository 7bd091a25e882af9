# expect: INVALID_METADATA at 5:13: TOML is written as `# timezone = "Europe/Dublin"`
# expect: INVALID_METADATA at 6:11: TOML is written as `# memory = "512MB"`
# /// script
# [tool.wren]
# timezone: Europe/Dublin
# memory: 512MB
# ///
import wren


@wren.on_schedule("0 9 * * *")
def daily():
    print("daily")
