# expect: IMPORT_TIMEOUT at 14: remove the loop: `@wren.on_schedule(every="1m")` above the function takes its place
import time

import wren


def job():
    print("checking the queue")


print("scheduler started")
while True:
    job()
    time.sleep(60)
