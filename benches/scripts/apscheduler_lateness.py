# How late jobs start that are due every second; one JSON object on the output.
import datetime
import json
import logging
import sys
import time

from apscheduler.schedulers.background import BackgroundScheduler

logging.disable(logging.CRITICAL)
rate, seconds = int(sys.argv[1]), int(sys.argv[2])
late = []


def job():
    late.append(time.time() % 1 * 1000)


scheduler = BackgroundScheduler(timezone=datetime.timezone.utc)
for _ in range(rate):
    scheduler.add_job(job, "cron", second="*")
scheduler.start()
time.sleep(seconds)
scheduler.shutdown(wait=False)
json.dump({"late_ms": late}, sys.stdout)
