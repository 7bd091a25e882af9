// How fast graphile-worker takes jobs that do nothing, and works them off; one JSON object on the output.
import { setTimeout } from "node:timers/promises";

import { Logger, makeWorkerUtils, run } from "graphile-worker";

const [connectionString, schema, jobsText, batchText, concurrencyText] = process.argv.slice(1);
const [jobs, batch, concurrency] = [jobsText, batchText, concurrencyText].map(Number);
const logger = new Logger(() => () => {});
const options = { connectionString, schema, logger, maxPoolSize: concurrency + 2 };

/** Adds the jobs, several callers at a time when each adds a single one. */
async function enqueue(utils) {
  let left = jobs;
  const caller = async () => {
    while (left > 0) {
      const count = Math.min(batch, left);
      left -= count;
      if (batch === 1) {
        await utils.addJob("nothing", {});
      } else {
        await utils.addJobs(Array.from({ length: count }, () => ({ identifier: "nothing", payload: {} })));
      }
    }
  };
  await Promise.all(Array.from({ length: batch === 1 ? concurrency : 1 }, caller));
}

/** Works off all jobs; when it returns, the ends of all of them are in the database. */
async function work(utils) {
  // As its documentation has it for the highest throughput: jobs are fetched and their ends are written many at a time.
  const many = { localQueue: { size: 500 }, completeJobBatchDelay: 0 };
  let started = 0;
  let finished;
  const all = new Promise((resolve) => (finished = resolve));
  const nothing = async () => {
    started += 1;
    if (started === jobs) finished();
  };
  const preset = { worker: { concurrentJobs: concurrency, ...(batch === 1 ? {} : many) } };
  const runner = await run({ ...options, preset, noHandleSignals: true, taskList: { nothing } });
  await all;
  // A worker does not wait for the end of one job before it begins the next.
  while ((await left(utils)) > 0) await setTimeout(1);
  return runner;
}

async function left(utils) {
  const text = `SELECT count(*)::int AS jobs FROM "${schema}"._private_jobs`;
  return (await utils.withPgClient((client) => client.query(text))).rows[0].jobs;
}

/** Returns how many jobs a second are done by something that does them all, and what that returned. */
async function rate(act) {
  const before = performance.now();
  const made = await act();
  return [(jobs * 1000) / (performance.now() - before), made];
}

const utils = await makeWorkerUtils(options);
await utils.migrate();
const [enqueued_per_s] = await rate(() => enqueue(utils));
const [completed_per_s, runner] = await rate(() => work(utils));
await runner.stop();
await utils.release();
console.log(JSON.stringify({ enqueued_per_s, completed_per_s }));
