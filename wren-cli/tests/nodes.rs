//! Real servers on one PostgreSQL, some of which die or sleep under load: every due time is one run, and none is run by two
//! servers at once.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

mod support;

use std::time::Instant;

use support::processes::signal;
use support::{PATIENCE, Wren, eventually, eventually_within};
use wren_conformance::servers::PostgresServer;

const SCRIPTS: usize = 20;
/// How many triggers each script has; `WREN_NODES_TRIGGERS=50` makes a thousand in all, which takes a machine that is idle.
const TRIGGERS: usize = 10;
/// The period of each, aligned with the epoch, so that all are due in the same second.
const PERIOD_SECONDS: i64 = 15;
const LEASE: &str = "3s";

fn triggers_of_a_script() -> usize {
    std::env::var("WREN_NODES_TRIGGERS").map_or(TRIGGERS, |text| text.parse().unwrap())
}

/// That many functions.
fn script() -> String {
    let job = |number| {
        format!(
            "@wren.on_schedule(every=\"{PERIOD_SECONDS}s\", overlap=\"allow\")\ndef job_{number}():\n    return {number}\n\n"
        )
    };
    format!("import wren\n\n\n{}", (0..triggers_of_a_script()).map(job).collect::<String>())
}

/// A database and what its tables say.
struct Database<'a> {
    server: &'a PostgresServer,
    url: String,
}

impl Database<'_> {
    fn number(&self, what: &str) -> i64 {
        let name = self.url.split('?').next().unwrap().rsplit('/').next().unwrap();
        let text = self.server.query(name, &format!("SET search_path = wren; SELECT coalesce(({what}), 0)"));
        text.lines().last().unwrap().parse().unwrap_or_else(|_| panic!("{what}: {text}"))
    }

    /// Waits until the periods of so many more due times have passed and all of them are recorded.
    fn pass(&self, periods: i64) {
        let last = "SELECT max(scheduled_for) FROM runs";
        let wanted = self.number(last) + periods * PERIOD_SECONDS * 1_000_000;
        eventually("the next due times", || (self.number(last) >= wanted).then_some(()));
    }

    /// How many parts of the triggers each living server plans.
    fn shares(&self) -> Vec<i64> {
        let name = self.url.split('?').next().unwrap().rsplit('/').next().unwrap();
        let text = self.server.query(
            name,
            "SELECT count(*) FROM wren.records s JOIN wren.records n ON n.space = 'nodes' \
             AND n.key = convert_to('node/' || convert_from(s.value, 'UTF8'), 'UTF8') \
             AND n.expires_at > extract(epoch FROM now()) * 1000000 \
             WHERE s.space = 'nodes' AND s.key LIKE 'shard/%' GROUP BY s.value ORDER BY 1",
        );
        text.lines().map(|line| line.parse().unwrap()).collect()
    }
}

fn start(url: &str) -> Wren {
    let mut wren = Wren::prepare(url, &["--lease", LEASE, "--concurrency", "8"]);
    wren.start_server();
    wren
}

#[test]
fn four_servers_of_which_one_dies_and_one_sleeps_make_one_run_of_every_due_time() {
    let server = PostgresServer::shared();
    if !wren_conformance::requirement("PostgreSQL", server.map(drop)) {
        return;
    }
    let server = server.unwrap();
    let database = Database { server, url: server.create_database() };
    let (one, mut two) = (start(&database.url), start(&database.url));
    eventually("two equal shares", || (database.shares() == [32, 32]).then_some(()));
    let file = one.write("jobs.py", script());
    for number in 0..SCRIPTS {
        // By turns, since what one server is told the other has to plan.
        let wren = if number % 2 == 0 { &one } else { &two };
        let file = if number % 2 == 0 { file.clone() } else { wren.write("jobs.py", script()) };
        wren.json(["deploy", &file, "--name", &format!("jobs_{number}"), "--json"]);
    }
    eventually("the first due times", || (database.number("SELECT count(*) FROM runs") > 0).then_some(()));
    database.pass(2);

    let mut three = start(&database.url);
    let mut four = start(&database.url);
    eventually("four equal shares", || (database.shares() == [16, 16, 16, 16]).then_some(()));
    database.pass(2);

    two.kill();
    let killed = Instant::now();
    let three_share_all = || {
        let shares = database.shares();
        shares.len() == 3 && shares.iter().sum::<i64>() == 64
    };
    eventually("three shares", || three_share_all().then_some(()));
    let taken_over = killed.elapsed();

    // A server that sleeps for longer than its lease, and wakes up among its successors.
    signal(three.server_pid(), "STOP");
    let two_share_all = || {
        let shares = database.shares();
        shares.len() == 2 && shares.iter().sum::<i64>() == 64
    };
    eventually("two shares", || two_share_all().then_some(()));
    database.pass(1);
    signal(three.server_pid(), "CONT");
    eventually("three shares again", || (database.shares().len() == 3).then_some(()));
    database.pass(2);

    // Everything that is recorded by now is to end.
    let last = database.number("SELECT max(scheduled_for) FROM runs");
    let open = format!("SELECT count(*) FROM progress WHERE completed_at IS NULL AND scheduled_for <= {last}");
    eventually_within(3 * PATIENCE, "the ends of all runs", || (database.number(&open) == 0).then_some(()));
    for server in [&mut three, &mut four] {
        server.stop_gracefully();
    }
    let mut one = one;
    one.stop_gracefully();

    let triggers = database.number("SELECT count(*) FROM triggers");
    assert_eq!(triggers, (SCRIPTS * triggers_of_a_script()) as i64);
    let step = PERIOD_SECONDS * 1_000_000;
    let gaps_and_doubles = format!(
        "SELECT count(*) FROM (SELECT scheduled_for - lag(scheduled_for) OVER (PARTITION BY trigger_id ORDER BY scheduled_for) \
         AS step FROM runs WHERE scheduled_for <= {last}) s WHERE step <> {step}"
    );
    assert_eq!(database.number(&gaps_and_doubles), 0, "a due time was lost or doubled");
    let unfinished = format!(
        "SELECT count(*) FROM triggers t WHERE NOT EXISTS \
         (SELECT 1 FROM runs r WHERE r.trigger_id = t.id AND r.scheduled_for = {last})"
    );
    assert_eq!(database.number(&unfinished), 0, "a trigger has stopped");
    let late_first = format!(
        "SELECT count(*) FROM triggers t WHERE (SELECT min(scheduled_for) FROM runs r WHERE r.trigger_id = t.id) \
         > t.created_at + {step}"
    );
    assert_eq!(database.number(&late_first), 0, "a first due time was lost");
    let overlapping = "SELECT count(*) FROM all_attempts a JOIN all_attempts b ON b.run_id = a.run_id AND b.epoch > a.epoch \
                       WHERE a.ended_at IS NULL OR a.ended_at > b.started_at OR a.ended NOT IN ('lost', 'released')";
    assert_eq!(database.number(overlapping), 0, "a run was run by two at once");
    let wrong = format!(
        "SELECT count(*) FROM progress WHERE scheduled_for <= {last} AND state <> 'success' AND skip_reason IS NULL"
    );
    assert_eq!(database.number(&wrong), 0, "a run went wrong");
    println!(
        "{} runs of {triggers} triggers, {} of them run again after a worker was lost; taken over {taken_over:.1?} after \
         the kill (lease {LEASE}), the latest due time recorded {} ms late",
        database.number("SELECT count(*) FROM runs"),
        database.number("SELECT count(*) FROM progress WHERE orphaned > 0"),
        database.number(
            "SELECT max(created_at - r.scheduled_for) / 1000 FROM runs r JOIN progress ON run_id = id \
             WHERE skip_reason IS NULL"
        ),
    );
}
