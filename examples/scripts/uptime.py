"""Looks at a page every five minutes and reports when it goes down or comes back."""

# /// script
# [tool.wren]
# egress = ["example.com"]
# timeout = "1m"
# ///

import wren

PAGE = "https://example.com/"


@wren.on_schedule("*/5 * * * *", overlap="skip")
def check():
    try:
        status = wren.http.get(PAGE, timeout=10).status_code
        up = status < 500
    except wren.UserFacingConfigError:
        # Somebody has to act before requests can be sent: that says nothing about the page.
        raise
    except wren.WrenError as error:
        print(f"the request failed: {error.code}: {error.message}")
        up = False
    was_up = wren.state.get("up", True)
    if up != was_up:
        print(f"{PAGE} {'is back' if up else 'is down'}")
    wren.state["up"] = up
    return {"up": up}
