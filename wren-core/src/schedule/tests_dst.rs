//! Claims about clock changes: named cases from the zones that break schedulers, and an oracle that walks the minutes.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::tests_oracle::{Clerk, any_expr};
use super::{CronExpr, Schedule, Timezone};

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Checks all fires in a window of UTC, whose ends belong to it.
fn check(zone: &str, expr: &str, from: &str, to: &str, expected: &[&str]) {
    let schedule = Schedule::cron(CronExpr::parse(expr).unwrap(), Timezone::parse(zone).unwrap());
    let found: Vec<String> = schedule
        .upcoming(utc(from) - TimeDelta::milliseconds(1))
        .take_while(|at| *at <= utc(to))
        .map(|at| at.format("%m-%dT%H:%M").to_string())
        .collect();
    assert_eq!(found, expected, "{expr} in {zone}");
}

#[test]
fn a_fixed_time_in_new_yorks_gap_runs_at_its_end() {
    // 2026-03-08: 02:00 EST (07:00 UTC) becomes 03:00 EDT.
    let check = |expr, expected: &[_]| {
        check("America/New_York", expr, "2026-03-07T06:00:00Z", "2026-03-09T06:59:00Z", expected)
    };
    check("30 2 * * *", &["03-07T07:30", "03-08T07:00", "03-09T06:30"]);
    check("0 2 8 3 *", &["03-08T07:00"]);
    // Four times in the gap are one run, also together with the gap's end itself.
    check("0,15,30,45 2 8 * *", &["03-08T07:00"]);
    check("0,30 2-3 8 * *", &["03-08T07:00", "03-08T07:30"]);
    check("59 1 8 * *", &["03-08T06:59"]);
}

#[test]
fn a_star_in_new_yorks_gap_has_nothing_to_make_up_for() {
    let check = |expr, expected: &[_]| {
        check("America/New_York", expr, "2026-03-08T06:00:00Z", "2026-03-08T08:00:00Z", expected)
    };
    check("*/30 2 * * *", &[]);
    check("30 * * * *", &["03-08T06:30", "03-08T07:30"]);
    check("*/30 * * * *", &["03-08T06:00", "03-08T06:30", "03-08T07:00", "03-08T07:30", "03-08T08:00"]);
}

#[test]
fn a_fixed_time_in_new_yorks_repeat_runs_the_first_time_only() {
    // 2026-11-01: 02:00 EDT (06:00 UTC) becomes 01:00 EST.
    let check = |expr, expected: &[_]| {
        check("America/New_York", expr, "2026-11-01T04:00:00Z", "2026-11-02T06:30:00Z", expected)
    };
    check("30 1 * * *", &["11-01T05:30", "11-02T06:30"]);
    check("0 1,2 1 * *", &["11-01T05:00", "11-01T07:00"]);
    check(
        "0,20,40 1-2 1 11 *",
        &["11-01T05:00", "11-01T05:20", "11-01T05:40", "11-01T07:00", "11-01T07:20", "11-01T07:40"],
    );
}

#[test]
fn a_star_in_new_yorks_repeat_runs_in_both_passes() {
    let check = |expr, expected: &[_]| {
        check("America/New_York", expr, "2026-11-01T05:00:00Z", "2026-11-01T07:00:00Z", expected)
    };
    check("*/30 1 * * *", &["11-01T05:00", "11-01T05:30", "11-01T06:00", "11-01T06:30"]);
    check("30 * * * *", &["11-01T05:30", "11-01T06:30"]);
    check("@hourly", &["11-01T05:00", "11-01T06:00", "11-01T07:00"]);
    // Next year the clocks change on another day, so both years have the same offset at this date.
    check("*/40 1 1 11 *", &["11-01T05:00", "11-01T05:40", "11-01T06:00", "11-01T06:40"]);
}

#[test]
fn a_start_inside_the_second_pass_returns_nothing_past() {
    let schedule = |expr| Schedule::cron(CronExpr::parse(expr).unwrap(), Timezone::parse("America/New_York").unwrap());
    // 01:20 EST; the first pass had 01:30 EDT at 05:30 UTC.
    let after = utc("2026-11-01T06:20:00Z");
    assert_eq!(schedule("30 1 * * *").next_after(after), Some(utc("2026-11-02T06:30:00Z")));
    assert_eq!(schedule("*/30 1 * * *").next_after(after), Some(utc("2026-11-01T06:30:00Z")));
}

#[test]
fn dublin_turns_its_clocks_at_one() {
    // 2026-03-29 01:00 becomes 02:00; 2026-10-25 02:00 becomes 01:00. IANA calls the winter the daylight-saving half.
    check(
        "Europe/Dublin",
        "30 1 * * *",
        "2026-03-28T00:00:00Z",
        "2026-03-30T12:00:00Z",
        &["03-28T01:30", "03-29T01:00", "03-30T00:30"],
    );
    check(
        "Europe/Dublin",
        "30 1 * * *",
        "2026-10-24T00:00:00Z",
        "2026-10-26T12:00:00Z",
        &["10-24T00:30", "10-25T00:30", "10-26T01:30"],
    );
    check(
        "Europe/Dublin",
        "*/30 1 * * *",
        "2026-10-25T00:00:00Z",
        "2026-10-25T12:00:00Z",
        &["10-25T00:00", "10-25T00:30", "10-25T01:00", "10-25T01:30"],
    );
}

#[test]
fn lord_howe_moves_by_half_an_hour() {
    // 2026-10-04 02:00 +10:30 (15:30 UTC the day before) becomes 02:30 +11; 2026-04-05 02:00 +11 becomes 01:30 +10:30.
    let zone = "Australia/Lord_Howe";
    check(
        zone,
        "15 2 * * *",
        "2026-10-02T00:00:00Z",
        "2026-10-04T23:00:00Z",
        &["10-02T15:45", "10-03T15:30", "10-04T15:15"],
    );
    check(zone, "*/15 2 4 10 *", "2026-10-03T00:00:00Z", "2026-10-04T12:00:00Z", &["10-03T15:30", "10-03T15:45"]);
    check(
        zone,
        "45 1 * * *",
        "2026-04-03T00:00:00Z",
        "2026-04-05T23:00:00Z",
        &["04-03T14:45", "04-04T14:45", "04-05T15:15"],
    );
    check(
        zone,
        "*/15 1 5 4 *",
        "2026-04-04T00:00:00Z",
        "2026-04-05T00:00:00Z",
        &["04-04T14:00", "04-04T14:15", "04-04T14:30", "04-04T14:45", "04-04T15:00", "04-04T15:15"],
    );
    check(zone, "10 * 5 4 *", "2026-04-04T13:30:00Z", "2026-04-04T16:00:00Z", &["04-04T14:10", "04-04T15:40"]);
}

#[test]
fn casablanca_leaves_and_rejoins_its_offset_around_ramadan() {
    // 2026-02-15 03:00 +01 becomes 02:00 +00; 2026-03-22 02:00 +00 becomes 03:00 +01.
    let zone = "Africa/Casablanca";
    check(
        zone,
        "30 2 * * *",
        "2026-02-14T00:00:00Z",
        "2026-02-16T12:00:00Z",
        &["02-14T01:30", "02-15T01:30", "02-16T02:30"],
    );
    check(
        zone,
        "30 2 * * *",
        "2026-03-21T00:00:00Z",
        "2026-03-23T12:00:00Z",
        &["03-21T02:30", "03-22T02:00", "03-23T01:30"],
    );
}

#[test]
fn sao_paulo_once_had_days_without_midnight() {
    // 2018-11-04 00:00 -03 became 01:00 -02; 2018-02-18 00:00 -02 became 23:00 -03 of the 17th.
    let zone = "America/Sao_Paulo";
    check(
        zone,
        "@daily",
        "2018-11-03T00:00:00Z",
        "2018-11-05T12:00:00Z",
        &["11-03T03:00", "11-04T03:00", "11-05T02:00"],
    );
    check(
        zone,
        "30 23 * * *",
        "2018-02-17T00:00:00Z",
        "2018-02-19T12:00:00Z",
        &["02-17T01:30", "02-18T01:30", "02-19T02:30"],
    );
    check(
        zone,
        "@daily",
        "2018-02-17T00:00:00Z",
        "2018-02-19T12:00:00Z",
        &["02-17T02:00", "02-18T03:00", "02-19T03:00"],
    );
}

#[test]
fn kathmandu_is_a_quarter_past() {
    check(
        "Asia/Kathmandu",
        "0 9 * * *",
        "2026-05-01T00:00:00Z",
        "2026-05-02T12:00:00Z",
        &["05-01T03:15", "05-02T03:15"],
    );
    check(
        "Asia/Kathmandu",
        "0 */12 * * *",
        "2026-05-01T00:00:00Z",
        "2026-05-01T23:00:00Z",
        &["05-01T06:15", "05-01T18:15"],
    );
}

#[test]
fn samoa_had_no_30_december_2011() {
    // The 29th ended at 10:00 UTC of the 30th, and the 31st began: no day was lost to those who wait 24 hours.
    let zone = "Pacific/Apia";
    check(
        zone,
        "0 9 * * *",
        "2011-12-28T00:00:00Z",
        "2012-01-01T00:00:00Z",
        &["12-28T19:00", "12-29T19:00", "12-30T19:00", "12-31T19:00"],
    );
    check(zone, "0 9 30 12 *", "2011-12-28T00:00:00Z", "2012-01-03T00:00:00Z", &[]);
    check(zone, "0 */12 * * *", "2011-12-30T00:00:00Z", "2011-12-30T23:00:00Z", &["12-30T10:00", "12-30T22:00"]);
}

#[test]
fn a_zone_without_end_of_its_table_keeps_firing() {
    check("America/New_York", "0 12 1 7 *", "2150-06-01T00:00:00Z", "2150-08-01T00:00:00Z", &["07-01T17:00"]);
}

/// Returns all fires in a window by walking its minutes on the clock, which is what cron itself does.
fn walk(expr: &str, zone: Timezone, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let clerk = Clerk::new(expr);
    let minute = TimeDelta::minutes(1);
    // Starting a day early shows which local times of the window come for the second time.
    let mut at = from - TimeDelta::days(1);
    let mut latest_shown: NaiveDateTime = zone.to_local(at) - minute;
    let mut fires = Vec::new();
    while at <= to {
        let shown = zone.to_local(at);
        let second_pass = shown <= latest_shown;
        let skipped_minutes = (shown - latest_shown).num_minutes() - 1;
        let made_up_for = (1..180).contains(&skipped_minutes)
            && (1..=skipped_minutes).any(|back| clerk.accepts(shown - minute * back as i32));
        let fires_now = match clerk.follows_elapsed {
            true => clerk.accepts(shown),
            false => !second_pass && clerk.accepts(shown) || made_up_for,
        };
        if fires_now && at >= from {
            fires.push(at);
        }
        latest_shown = latest_shown.max(shown);
        at += minute;
    }
    fires
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn fires_are_those_of_a_clock_that_is_watched(
        expr in prop_oneof![any_expr(), "[0-9] [0-3],1 \\* \\* \\*", "\\*/[1-9] [0-3] \\* \\* \\*", "[0-9],[3-5][0-9] [0-3]-4 \\* \\* \\*"],
        (zone, change) in prop::sample::select(vec![
            ("America/New_York", "2026-03-08T07:00:00Z"), ("America/New_York", "2026-11-01T06:00:00Z"),
            ("Europe/Dublin", "2026-03-29T01:00:00Z"), ("Europe/Dublin", "2026-10-25T01:00:00Z"),
            ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"), ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
            ("Africa/Casablanca", "2026-02-15T02:00:00Z"), ("Africa/Casablanca", "2026-03-22T02:00:00Z"),
            ("America/Sao_Paulo", "2018-02-18T02:00:00Z"), ("America/Sao_Paulo", "2018-11-04T03:00:00Z"),
            ("Antarctica/Troll", "2026-03-29T01:00:00Z"), ("Antarctica/Troll", "2026-10-25T01:00:00Z"),
            ("Pacific/Apia", "2011-12-30T10:00:00Z"), ("Asia/Kathmandu", "2026-01-01T00:00:00Z"),
        ]),
        seconds_before in 0_i64..90_000,
    ) {
        let Ok(parsed) = CronExpr::parse(&expr) else { return Ok(()) };
        let zone = Timezone::parse(zone).unwrap();
        let after = utc(change) - TimeDelta::seconds(seconds_before);
        let until = utc(change) + TimeDelta::days(2);
        let first_minute = after - TimeDelta::seconds(after.timestamp().rem_euclid(60)) + TimeDelta::minutes(1);
        let expected = walk(&expr, zone, first_minute, until);
        let schedule = Schedule::cron(parsed, zone);
        let found: Vec<_> = schedule.upcoming(after).take_while(|at| *at <= until).collect();
        prop_assert_eq!(&found, &expected);
        // Asking from any instant in between gives the same answer as going on from fire to fire.
        for pair in expected.windows(2) {
            let between = pair[0] + (pair[1] - pair[0]) / 2;
            prop_assert_eq!(schedule.next_after(between), Some(pair[1]));
        }
    }
}
