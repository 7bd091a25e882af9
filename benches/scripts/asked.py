"""Runs when a load test asks for it."""


def asked(event=None):
    print("asked for", event)
    return {"event": event}
