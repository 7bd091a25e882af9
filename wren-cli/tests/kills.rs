//! The server kills itself between any two of its writes, life after life on the same data: what it acknowledged is there,
//! and every due time has one run.
//!
//! Where it dies is told to it by `WREN_FAILPOINT`, which the feature `failpoints` of `wren-core` understands. `WREN_KILLS` says
//! how many kills there are to be, 40 without it; a proof takes 500.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]
#![allow(clippy::print_stdout, reason = "a proof says how far it went")]

#[path = "kills/client.rs"]
mod client;
#[path = "kills/due.rs"]
mod due;
#[path = "kills/ledger.rs"]
mod ledger;
#[path = "kills/script.rs"]
mod script;
mod support;
#[path = "kills/traffic.rs"]
mod traffic;
#[path = "kills/verdict.rs"]
mod verdict;
#[path = "kills/victim.rs"]
mod victim;
#[path = "kills/walk.rs"]
mod walk;

use victim::Victim;
use walk::Walk;
use wren_conformance::servers::PostgresServer;

/// How many kills there are unless `WREN_KILLS` says otherwise.
const KILLS: u64 = 40;
/// The walk of stores that one server has for itself.
const EMBEDDED: Walk = Walk { step: 1, spread: 1..400 };

#[test]
fn sqlite_keeps_its_promises_over_kills_between_any_two_writes() {
    kill("sqlite", &EMBEDDED);
}

#[test]
fn redb_keeps_its_promises_over_kills_between_any_two_writes() {
    kill("redb", &EMBEDDED);
}

#[test]
fn postgres_keeps_its_promises_over_kills_between_any_two_writes() {
    let server = PostgresServer::shared();
    if wren_conformance::requirement("PostgreSQL", server.as_ref().map(drop).map_err(|reason| *reason)) {
        // A server takes its 64 parts of the triggers first, a transaction of four moments for each: three further on is at
        // another one of the four each time.
        kill(&server.unwrap().create_database(), &Walk { step: 3, spread: 200..700 });
    }
}

/// Kills servers on a store at the moments of a walk, and checks what they leave behind.
fn kill(store: &str, walk: &Walk) {
    let kills = std::env::var("WREN_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let mut victim = Victim::new(store);
    let mut life = 0;
    while victim.kills() < kills {
        life += 1;
        assert!(life <= 2 * kills, "most lives end without a kill: {}", victim.report());
        victim.live(walk.moment(life));
    }
    victim.live_on();
    println!("{}: {}", store.split(':').next().unwrap_or(store), victim.report());
}
