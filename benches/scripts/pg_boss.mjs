// How fast pg-boss takes jobs that do nothing, and works them off in batches; one JSON object on the output.
import PgBoss from "pg-boss";

const [connectionString, schema, jobsText, batchText, concurrencyText] = process.argv.slice(1);
const [jobs, batch, concurrency] = [jobsText, batchText, concurrencyText].map(Number);
const QUEUE = "nothing";

const boss = new PgBoss({ connectionString, schema, max: concurrency, supervise: false, schedule: false });
boss.on("error", (error) => {
  throw error;
});

async function enqueue() {
  for (let left = jobs; left > 0; left -= batch) {
    const count = Math.min(batch, left);
    await boss.insert(Array.from({ length: count }, () => ({ name: QUEUE, data: {} })));
  }
}

/** Fetches and completes until nothing is left. Its own polling workers pause between two batches, so this does not use them. */
async function work() {
  let done = 0;
  const worker = async () => {
    for (;;) {
      const fetched = await boss.fetch(QUEUE, { batchSize: 50 });
      if (fetched.length === 0) return;
      await boss.complete(QUEUE, fetched.map((job) => job.id));
      done += fetched.length;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  if (done !== jobs) throw new Error(`${done} of ${jobs} jobs were completed`);
}

const seconds = async (act) => {
  const before = performance.now();
  await act();
  return (performance.now() - before) / 1000;
};

await boss.start();
await boss.createQueue(QUEUE);
const enqueuing = await seconds(enqueue);
const working = await seconds(work);
await boss.stop({ graceful: false });
console.log(JSON.stringify({ enqueued_per_s: jobs / enqueuing, completed_per_s: jobs / working }));
process.exit(0);
