//! Claims about cron expressions on a calendar without clock changes, and about what is said of faulty ones.

use chrono::{DateTime, Utc};

use super::{CronError, CronErrorKind, CronExpr, CronField, Schedule, Timezone};

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn schedule(expr: &str) -> Schedule {
    Schedule::cron(CronExpr::parse(expr).unwrap(), Timezone::UTC)
}

/// Returns the first fires after an instant, as text without the parts that are always the same.
fn fires(expr: &str, after: &str, count: usize) -> Vec<String> {
    let shown = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%M").to_string();
    schedule(expr).upcoming(utc(after)).take(count).map(shown).collect()
}

fn fault(expr: &str) -> CronError {
    CronExpr::parse(expr).unwrap_err()
}

fn hint(expr: &str) -> String {
    fault(expr).hint.unwrap_or_default()
}

#[test]
fn the_next_fire_is_strictly_later() {
    assert_eq!(fires("0 9 * * *", "2026-03-01T09:00:00Z", 1), ["2026-03-02T09:00"]);
    assert_eq!(fires("0 9 * * *", "2026-03-01T08:59:59.999999999Z", 1), ["2026-03-01T09:00"]);
    assert_eq!(fires("* * * * *", "2026-03-01T09:00:30Z", 2), ["2026-03-01T09:01", "2026-03-01T09:02"]);
}

#[test]
fn either_day_field_is_enough_unless_one_begins_with_a_star() {
    // 2026-05-13 is a Wednesday; crontab(5)'s own example is the 1st and 15th, and every Friday.
    assert_eq!(
        fires("30 4 1,15 * 5", "2026-05-13T00:00:00Z", 3),
        ["2026-05-15T04:30", "2026-05-22T04:30", "2026-05-29T04:30"]
    );
    assert_eq!(fires("0 0 13 * */5", "2026-05-01T00:00:00Z", 2), ["2026-09-13T00:00", "2026-11-13T00:00"]);
    assert_eq!(fires("0 0 */10 * mon", "2026-05-01T00:00:00Z", 2), ["2026-05-11T00:00", "2026-06-01T00:00"]);
}

#[test]
fn sunday_is_0_and_7_and_sun() {
    for expr in ["0 0 * * 0", "0 0 * * 7", "0 0 * * SUN", "0 0 * * sun-sun", "0 0 * * 7-7"] {
        assert_eq!(fires(expr, "2026-05-13T00:00:00Z", 1), ["2026-05-17T00:00"], "{expr}");
    }
    assert_eq!(
        fires("0 0 * * fri-7", "2026-05-13T00:00:00Z", 4),
        ["2026-05-15T00:00", "2026-05-16T00:00", "2026-05-17T00:00", "2026-05-22T00:00"]
    );
}

#[test]
fn names_ranges_steps_and_lists_combine() {
    assert_eq!(
        fires("5-10/5,50 8-18/10 1 JAN,jul-Aug *", "2026-01-01T00:00:00Z", 7),
        [
            "2026-01-01T08:05",
            "2026-01-01T08:10",
            "2026-01-01T08:50",
            "2026-01-01T18:05",
            "2026-01-01T18:10",
            "2026-01-01T18:50",
            "2026-07-01T08:05",
        ]
    );
}

#[test]
fn nicknames_are_expressions() {
    for (nickname, meaning) in [
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
    ] {
        let after = "2026-05-13T00:00:00Z";
        assert_eq!(fires(nickname, after, 5), fires(meaning, after, 5), "{nickname}");
        assert_eq!(CronExpr::parse(nickname).unwrap().to_string(), nickname);
    }
    assert!(CronExpr::parse("@hourly").unwrap().follows_elapsed_time());
    assert!(!CronExpr::parse("@daily").unwrap().follows_elapsed_time());
}

#[test]
fn rare_dates_are_found_across_a_century_without_leap_year() {
    assert_eq!(fires("0 0 29 2 *", "2096-03-01T00:00:00Z", 1), ["2104-02-29T00:00"]);
    // Both day fields must accept the day: 29 February on a Sunday. 2096's is a Wednesday.
    assert_eq!(
        fires("0 0 29 2 */7", "2026-01-01T00:00:00Z", 4),
        ["2032-02-29T00:00", "2060-02-29T00:00", "2088-02-29T00:00", "2128-02-29T00:00"]
    );
}

#[test]
fn dates_that_no_calendar_has_are_refused() {
    for expr in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 30-31 feb *", "0 0 31 2 */2"] {
        let error = fault(expr);
        assert_eq!(error.kind, CronErrorKind::NeverFires, "{expr}");
        assert_eq!(error.field, Some(CronField::DayOfMonth));
    }
    assert_eq!(fault("0 0 30 2 *").message, "`0 0 30 2 *` never fires: month `2` has no day `30`");
    assert_eq!(fault("0 0  30 2 *").span, 5..9);
    // Either day field is enough here, so Mondays remain.
    assert!(CronExpr::parse("0 0 30 2 mon").is_ok());
}

#[test]
fn white_space_is_all_that_is_normalised() {
    let expr = CronExpr::parse(" 0\t9  * *   MON-fri ").unwrap();
    assert_eq!(expr.to_string(), "0 9 * * MON-fri");
    assert_eq!(serde_json::to_string(&expr).unwrap(), "\"0 9 * * MON-fri\"");
    assert_eq!(serde_json::from_str::<CronExpr>("\"0  9 * * MON-fri\"").unwrap(), expr);
    assert!(serde_json::from_str::<CronExpr>("\"0 9 * *\"").is_err());
}

#[test]
fn a_wrong_number_of_fields_comes_with_the_expression_that_was_meant() {
    assert_eq!(fault("0 9 * *").message, "`0 9 * *` has 4 fields, cron needs 5");
    assert_eq!(hint("0 9 * *"), "did you mean `0 9 * * *`?");
    assert_eq!(hint("0 0 9 * * *"), "cron here has no seconds field: did you mean `0 9 * * *`?");
    assert_eq!(hint("0 0 9 * * ? 2026"), "cron here has no seconds field: did you mean `0 9 * * *`?");
    assert_eq!(
        hint("0 0 9 ? * 2-6"),
        "cron here has no seconds field: did you mean `0 9 * * 2-6`? (weekdays: 0 is sunday, 1 is monday)"
    );
    assert_eq!(hint("0 9 * * * root"), "did you mean `0 9 * * *`?");
    assert!(hint("15m").contains("`every=\"15m\"`"));
    assert_eq!(hint("0 9 ** *"), "did you mean `0 9 * * *`?");
    assert_eq!(hint("cron(0 9 * * ? *)"), "write the five fields only: did you mean `0 9 * * *`?");
    assert!(hint("@every 5m").contains("`every=\"5m\"`"));
    assert_eq!(CronExpr::diagnose("every day at 9:00 daily").len(), 1);
    assert_eq!(fault("*").message, "`*` has 1 field, cron needs 5");
    assert_eq!(fault(&vec!["*"; 500].join(" ")).message.matches("500 fields").count(), 1);
    assert!(fault(&"1,".repeat(5_000)).message.contains("10000 bytes"));
    for empty in ["", "   ", "\t\n"] {
        assert_eq!(fault(empty).message, "the expression is empty");
    }
}

#[test]
fn each_fault_says_what_is_wrong_and_what_to_write() {
    for (expr, message, expected) in [
        ("61 * * * *", "minute 61 is out of range 0-59", "write a value from 0 to 59, or `*` for every one"),
        ("60 * * * *", "minute 60 is out of range 0-59", "did you mean `0`?"),
        ("0 24 * * *", "hour 24 is out of range 0-23", "midnight is `0`"),
        ("0 0 0 * *", "day of month 0 is out of range 1-31", "days of the month count from 1"),
        ("0 0 * 13 *", "month 13 is out of range 1-12", "write a value from 1 to 12, or `*` for every one"),
        ("0 0 * * 8", "day of week 8 is out of range 0-7", "write a value from 0 to 7, or `*` for every one"),
        (
            "10-5 * * * *",
            "the minute range `10-5` runs backwards",
            "did you mean `5-10` or, across the end, `10-59,0-5`?",
        ),
        ("0 22-0 * * *", "the hour range `22-0` runs backwards", "did you mean `0-22` or, across the end, `22-23,0`?"),
        (
            "0 0 * * fri-mon",
            "the day of week range `fri-mon` runs backwards",
            "did you mean `1-5` or, across the end, `5-6,0-1`?",
        ),
        ("0 0 * * fri-sun", "`fri-sun` runs backwards: sunday counts as 0 here", "did you mean `5-7`?"),
        ("*/0 * * * *", "step 0 never moves on", "leave the step out, or use `/1` for every value"),
        ("5/15 * * * *", "`5/15` has a step but no range", "did you mean `5-59/15`?"),
        ("0 0 * * mon/2", "`mon/2` has a step but no range", "did you mean `mon-6/2`?"),
        ("*/x * * * *", "`x` is not a step: a step is a number", "a step looks like `*/15` or `0-30/10`"),
        ("0 0 * * mno", "`mno` is not a day of week", "did you mean `mon`?"),
        ("0 0 * * Monday", "`Monday` is not a day of week", "did you mean `mon`?"),
        ("0 0 * sept *", "`sept` is not a month", "did you mean `sep`?"),
        ("0 9am * * *", "`9am` is not a number, and the hour field takes only numbers", "did you mean `9`?"),
        ("0 0 ? * *", "`?` is not supported", "use `*` instead"),
        (
            "1,,2 * * * *",
            "a value is missing in the minute field",
            "values look like `5`, ranges like `1-5`, lists like `1,15`",
        ),
        ("@dialy", "`@dialy` is not a nickname of cron", "did you mean `@daily`?"),
        ("@Daily", "`@Daily` is not a nickname of cron", "did you mean `@daily`?"),
        ("@daily x", "`@daily` stands alone, nothing may follow it", "did you mean `@daily`?"),
        ("0 9 * * 1–5", "`–` is not an ascii character", "ranges are written with a plain `-`"),
        ("٣ 9 * * *", "`٣` is not an ascii character", "use plain letters, digits and `*,-/` only"),
    ] {
        let error = fault(expr);
        assert_eq!(error.message, message, "{expr}");
        assert_eq!(error.hint.unwrap_or_default(), expected, "{expr}");
    }
    assert!(fault("*/90 * * * *").message.contains("more than the 60 values"));
    assert!(hint("*/90 * * * *").contains("`every`"));
    assert!(hint("@reboot").contains("no machine to boot"));
    for expr in ["0 0 L * *", "0 0 LW * *", "0 0 L-3 * *", "0 0 15W * *", "0 0 * * 5L", "0 0 * * friL", "0 0 * * 5#2"] {
        assert!(fault(expr).message.contains("not supported"), "{expr}");
    }
    assert!(CronExpr::parse("0 0 * jul wed").is_ok(), "names that hold an L or a W are names");
}

#[test]
fn every_faulty_entry_is_told_with_its_place() {
    let text = "61 24 1,32,33 jun mon-foo";
    let errors = CronExpr::diagnose(text);
    let places: Vec<_> = errors.iter().map(|error| (error.field.unwrap(), &text[error.span.clone()])).collect();
    assert_eq!(
        places,
        [
            (CronField::Minute, "61"),
            (CronField::Hour, "24"),
            (CronField::DayOfMonth, "32"),
            (CronField::DayOfMonth, "33"),
            (CronField::DayOfWeek, "foo"),
        ]
    );
    assert_eq!(CronExpr::parse(text).unwrap_err(), errors[0]);
    assert!(CronExpr::diagnose("0 9 * * *").is_empty());
}
