# expect: UNSUPPORTED_IMPORT at 14:1: `asyncio` works, and runs one task at a time; the process executor has it: set `executor
import threading

import wren

results = []


def worker():
    results.append(1)


thread = threading.Thread(target=worker, daemon=True)
thread.start()


@wren.on_schedule("@hourly")
def collect():
    return len(results)
