# How fast Procrastinate takes jobs that do nothing, and works them off; one JSON object on the output.
import asyncio
import json
import logging
import sys
import time

import procrastinate

url, schema, jobs, batch, concurrency = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
logging.disable(logging.CRITICAL)
app = procrastinate.App(
    connector=procrastinate.PsycopgConnector(
        conninfo=url, kwargs={"options": f"-c search_path={schema}"}, min_size=1, max_size=concurrency + 2
    )
)


@app.task
async def nothing():
    pass


async def enqueue():
    for first in range(0, jobs, batch):
        await nothing.batch_defer_async(*[{}] * min(batch, jobs - first))


async def seconds(work):
    before = time.perf_counter()
    await work
    return time.perf_counter() - before


async def main():
    async with app.open_async():
        await app.connector.execute_query_async(query=f"CREATE SCHEMA {schema}")
        await app.schema_manager.apply_schema_async()
        enqueuing = await seconds(enqueue())
        working = await seconds(
            app.run_worker_async(wait=False, concurrency=concurrency, install_signal_handlers=False)
        )
        left = await app.job_manager.list_jobs_async(status="todo")
        if list(left):
            raise SystemExit(f"{len(list(left))} jobs are left")
    json.dump({"enqueued_per_s": jobs / enqueuing, "completed_per_s": jobs / working}, sys.stdout)


asyncio.run(main())
