//! PostgreSQL stops, crashes, cuts connections and loses answers, and servers sleep past their lease, with the real server
//! and the real database: every due time has one run, and what was acknowledged is there.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

#[path = "kills/client.rs"]
mod client;
#[path = "kills/due.rs"]
mod due;
#[path = "kills/ledger.rs"]
mod ledger;
#[path = "postgres_faults/pair.rs"]
mod pair;
#[path = "postgres_faults/proxy.rs"]
mod proxy;
#[path = "kills/script.rs"]
mod script;
#[path = "postgres_faults/site.rs"]
mod site;
mod support;
#[path = "kills/traffic.rs"]
mod traffic;
#[path = "kills/verdict.rs"]
mod verdict;

use std::time::Duration;

use pair::{Pair, Wakes};
use proxy::{Fault, Proxy};
use site::Site;
use support::eventually;
use wren_conformance::servers::PostgresServer;

/// How often a database goes away in one test.
const OUTAGES: u32 = 2;
/// How long it stays away: due times come and pass meanwhile.
const OUTAGE: Duration = Duration::from_secs(3);
/// How many commits and how many answers to commits are lost, and how often all connections are cut.
const LOSSES: u32 = 60;
const CUTS: u32 = 30;
/// How often each of two servers sleeps and wakes early, and as often late.
const SLEEPS: u32 = 2;

/// Returns a server of this test's own.
fn postgres() -> Option<PostgresServer> {
    let server = PostgresServer::start();
    let there = server.as_ref().map(drop).map_err(String::as_str);
    if wren_conformance::requirement("PostgreSQL", there) { server.ok() } else { None }
}

/// Returns the name of the database in a URL.
fn database(url: &str) -> &str {
    let place = url.split_once('?').map_or(url, |(place, _)| place);
    place.rsplit_once('/').unwrap().1
}

#[test]
fn a_database_that_stops_and_starts_again_loses_and_doubles_nothing() {
    outages(PostgresServer::stop);
}

#[test]
fn a_database_that_crashes_and_recovers_loses_and_doubles_nothing() {
    outages(PostgresServer::crash);
}

fn outages(end: fn(&mut PostgresServer)) {
    let Some(mut server) = postgres() else { return };
    let mut site = Site::start(&server.create_database());
    for _ in 0..OUTAGES {
        site.works();
        site.asks_while(|| end(&mut server));
        site.says_that_it_cannot_work_for(OUTAGE);
        server.start_again();
        // By itself: the process stays.
        site.works();
    }
    site.settles();
}

#[test]
fn connections_that_are_cut_again_and_again_lose_and_double_nothing() {
    let Some(server) = postgres() else { return };
    let url = server.create_database();
    let mut site = Site::start(&url);
    for _ in 0..CUTS {
        server.cut_connections(database(&url));
        site.asks();
        site.asks();
    }
    site.works();
    site.settles();
}

#[test]
fn commits_that_are_lost_or_whose_answer_is_lose_and_double_nothing() {
    let Some(server) = postgres() else { return };
    let proxy = Proxy::start(server.socket_folder());
    let direct = server.create_database();
    let through = direct.replace(server.socket_folder().to_str().unwrap(), proxy.folder().to_str().unwrap());
    let mut site = Site::start(&through);
    for loss in 0..2 * LOSSES {
        proxy.arm(if loss % 2 == 0 { Fault::AfterCommit } else { Fault::BeforeCommit });
        site.asks();
        eventually("a commit", || proxy.has_struck().then_some(()));
    }
    site.works();
    assert_eq!(proxy.losses(), (LOSSES, LOSSES));
    site.settles();
}

#[test]
fn a_server_that_sleeps_past_its_lease_is_stood_in_for_and_writes_nothing_late() {
    let Some(server) = postgres() else { return };
    let mut pair = Pair::start(&server);
    for _ in 0..SLEEPS {
        for wakes in [Wakes::Early, Wakes::Late] {
            pair.one_sleeps_while_the_other_works(0, wakes);
            pair.one_sleeps_while_the_other_works(1, wakes);
        }
    }
    pair.settles();
}

#[test]
fn a_server_that_sleeps_within_a_transaction_holds_the_other_up_for_seconds_at_most() {
    let Some(server) = postgres() else { return };
    let mut pair = Pair::start(&server);
    for _ in 0..SLEEPS {
        pair.one_sleeps_within_a_transaction(0);
        pair.one_sleeps_within_a_transaction(1);
    }
    pair.settles();
}
