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
use wren_conformance::servers::PostgresServer;

/// How many kills there are unless `WREN_KILLS` says otherwise.
const KILLS: u64 = 40;

#[test]
fn sqlite_keeps_its_promises_over_kills_between_any_two_writes() {
    kill("sqlite", 400);
}

#[test]
fn redb_keeps_its_promises_over_kills_between_any_two_writes() {
    kill("redb", 400);
}

#[test]
fn postgres_keeps_its_promises_over_kills_between_any_two_writes() {
    let server = PostgresServer::shared();
    if wren_conformance::requirement("PostgreSQL", server.as_ref().map(drop).map_err(|reason| *reason)) {
        // A server takes its 64 parts of the triggers first, a transaction for each.
        kill(&server.unwrap().create_database(), 700);
    }
}

/// Kills servers on a store at moments up to `deep`, and checks what they leave behind.
fn kill(store: &str, deep: u64) {
    let kills = std::env::var("WREN_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let mut victim = Victim::new(store);
    let mut life = 0;
    while victim.kills() < kills {
        life += 1;
        assert!(life <= 2 * kills, "most lives end without a kill: {}", victim.report());
        victim.live(walk::moment(life, deep));
    }
    victim.live_on();
    println!("{}: {}", store.split(':').next().unwrap_or(store), victim.report());
}
