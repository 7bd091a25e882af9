# What APScheduler takes to add jobs, and to find the next due time of six expressions in Dublin; one JSON object on the output.
import datetime
import json
import sys
import time
import zoneinfo

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

ROUNDS = 500
EXPRESSIONS = ["*/5 * * * *", "0 9 * * *", "30 8 * * 0-4", "0 0 1 * *", "15 10,14 * 1,6 *", "0 3 * * 6"]
DUBLIN = zoneinfo.ZoneInfo("Europe/Dublin")


def job():
    pass


def memory():
    with open("/proc/self/smaps_rollup") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))


triggers = [CronTrigger.from_crontab(expression, timezone=DUBLIN) for expression in EXPRESSIONS]
started = time.perf_counter()
for trigger in triggers:
    fire = datetime.datetime(2024, 10, 4, tzinfo=DUBLIN)
    for _ in range(ROUNDS):
        fire = trigger.get_next_fire_time(fire, fire + datetime.timedelta(seconds=1))
next_ns = (time.perf_counter() - started) * 1e9 / ROUNDS / len(triggers)

jobs = int(sys.argv[1])
scheduler = BackgroundScheduler(timezone=DUBLIN)
scheduler.start(paused=True)
before = memory()
started = time.perf_counter()
for number in range(jobs):
    expression = f"{number % 60} {number // 60 % 24} * * *"
    scheduler.add_job(job, CronTrigger.from_crontab(expression, timezone=DUBLIN))
add_seconds = time.perf_counter() - started
json.dump({"next_ns": next_ns, "add_seconds": add_seconds, "bytes": max(0, memory() - before)}, sys.stdout)
