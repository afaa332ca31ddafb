//! Schedules, and cron jobs over a database. Numbers are the conformance points of the runtime.

use std::time::Duration;

use chrono::{DateTime, Datelike, Timelike, Utc};
use lakewire_storage::catalog::Namespace;
use serde_json::{Value as Json, json};

use super::{CronDiff, Schedule, apply, parse, row};
use crate::engine::tests::harness::App;
use crate::jobs::Scheduler;

/// 2026-01-01T00:00:00Z, a Thursday.
const START: f64 = 1_767_225_600_000.0;

fn at(ms: f64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms as i64).unwrap()
}

fn schedule(json: &Json) -> Schedule {
    Schedule::parse(json, "a job").unwrap()
}

fn times(json: &Json, count: usize) -> Vec<DateTime<Utc>> {
    let schedule = schedule(json);
    let mut time = START;
    let mut next = || {
        time = schedule.after(time).unwrap();
        at(time)
    };
    (0..count).map(|_| next()).collect()
}

#[test]
fn clock_schedules_run_at_their_minute_and_one_second_of_their_own_134() {
    let hourly = times(&json!({"type": "hourly", "minuteUTC": 17}), 3);
    assert!(hourly.iter().all(|time| time.minute() == 17 && time.second() == hourly[0].second()));
    assert_eq!(hourly.iter().map(Timelike::hour).collect::<Vec<_>>(), [0, 1, 2]);
    let daily = times(&json!({"type": "daily", "hourUTC": 3, "minuteUTC": 0}), 2);
    assert_eq!((daily[0].hour(), daily[0].day(), daily[1].day()), (3, 1, 2));
    let weekly = times(&json!({"type": "weekly", "dayOfWeek": "sunday", "hourUTC": 5, "minuteUTC": 9}), 2);
    assert_eq!((weekly[0].day(), weekly[1].day(), weekly[0].hour()), (4, 11, 5));
    let monthly = times(&json!({"type": "monthly", "day": 31, "hourUTC": 1, "minuteUTC": 0}), 3);
    assert_eq!(monthly.iter().map(Datelike::month).collect::<Vec<_>>(), [1, 3, 5], "not every month has a 31st");
    // An open minute is the job's own, and stays.
    let open = json!({"type": "hourly"});
    assert_eq!(times(&open, 5), times(&open, 5));
    let minutes = |seed: &str| at(Schedule::parse(&open, seed).unwrap().after(START).unwrap()).minute();
    let different: std::collections::BTreeSet<_> = (0..50).map(|n| minutes(&n.to_string())).collect();
    assert!(different.len() > 20, "{different:?}");
}

#[test]
fn expressions_134() {
    let of = |cron: &str, count| times(&json!({"type": "cron", "cron": cron}), count);
    assert_eq!(
        of("*/20 9-10 * * *", 7).iter().map(|t| (t.hour(), t.minute())).collect::<Vec<_>>(),
        [(9, 0), (9, 20), (9, 40), (10, 0), (10, 20), (10, 40), (9, 0)]
    );
    // Day of month and day of week: either.
    let either: Vec<_> = of("0 0 15 * MON", 4).iter().map(Datelike::day).collect();
    assert_eq!(either, [5, 12, 15, 19]);
    assert_eq!(of("0 0 L 2 *", 1)[0].day(), 28);
    assert_eq!(
        of("30 4 1,2 JAN-FEB *", 4).iter().map(|t| (t.month(), t.day())).collect::<Vec<_>>(),
        [(1, 1), (1, 2), (2, 1), (2, 2)]
    );
}

#[test]
fn what_is_no_schedule_134() {
    for (json, reason) in [
        (json!({"type": "cron", "cron": "61 * * * *"}), "invalid cron expression"),
        (json!({"type": "cron", "cron": "* * * *"}), "invalid cron expression"),
        (json!({"type": "cron", "cron": "0 0 30 2 *"}), "no time"),
        (json!({"type": "interval", "seconds": 0}), "positive"),
        (json!({"type": "interval", "minutes": 1.5}), "positive"),
        (json!({"type": "interval", "minutes": 1, "hours": 1}), "not one of"),
        (json!({"type": "daily", "hourUTC": 24, "minuteUTC": 0}), "hourUTC"),
        (json!({"type": "monthly", "day": 0, "hourUTC": 1}), "day"),
        (json!({"type": "weekly", "dayOfWeek": "someday", "hourUTC": 1}), "someday"),
        (json!({"type": "yearly"}), "yearly"),
    ] {
        let error = Schedule::parse(&json, "a job").unwrap_err();
        assert!(error.contains(reason), "{json}: {error}");
    }
    let job = |name: &str| {
        parse(json!({name: {"name": "a:b", "args": [{}], "schedule": {"type": "hourly"}}}).as_object().unwrap())
    };
    assert!(job("ok 1!").is_ok() && job("t\u{e4}glich").is_err() && job("").is_err());
}

#[test]
fn missed_runs_are_skipped_and_counted_134() {
    let every = schedule(&json!({"type": "interval", "seconds": 10}));
    assert_eq!(every.first(START), Some(START));
    assert_eq!(every.next(START, START + 500.0), (Some(START + 10_000.0), 0));
    assert_eq!(every.next(START, START + 35_000.0), (Some(START + 40_000.0), 3));
    let hourly = schedule(&json!({"type": "hourly", "minuteUTC": 0}));
    let first = hourly.first(START).unwrap();
    let hour = 3_600_000.0;
    assert_eq!(hourly.next(first, first + 2.5 * hour), (Some(first + 3.0 * hour), 2));
}

async fn push(app: &App, specs: Json) -> CronDiff {
    let mut tx = app.engine.db().begin(app.engine.db().latest(), "test");
    let specs = parse(specs.as_object().unwrap()).unwrap();
    let diff = apply(&mut tx, Namespace::ROOT, "", specs).await.unwrap();
    app.engine.db().commit(tx).await.unwrap();
    diff
}

async fn next(app: &App, name: &str) -> row::Listed {
    let mut tx = app.engine.db().begin(app.engine.db().latest(), "test");
    row::list(&mut tx, Namespace::ROOT).await.unwrap().into_iter().find(|cron| cron.cron.value.name == name).unwrap()
}

fn job(function: &str, schedule: &Json) -> Json {
    json!({"name": function, "args": [{}], "schedule": schedule})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_changes_what_differs_134() {
    let app = App::start().await;
    let (daily, hourly) = (json!({"type": "daily", "hourUTC": 1}), json!({"type": "hourly"}));
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let diff = push(&app, json!({"a": job("jobs:mark", &daily), "b": job("jobs:mark", &daily)})).await;
    assert_eq!(diff, CronDiff { added: names(&["a", "b"]), ..CronDiff::default() });
    let before = next(&app, "a").await.next.unwrap();
    let diff = push(&app, json!({"a": job("jobs:act", &daily), "c": job("jobs:mark", &hourly)})).await;
    assert_eq!(diff, CronDiff { added: names(&["c"]), updated: names(&["a"]), deleted: names(&["b"]) });
    assert_eq!(next(&app, "a").await.next.unwrap(), before, "the schedule is the same");
    let diff = push(&app, json!({"a": job("jobs:act", &hourly), "c": job("jobs:mark", &hourly)})).await;
    assert_eq!(diff, CronDiff { updated: names(&["a"]), ..CronDiff::default() });
    assert_ne!(next(&app, "a").await.next.unwrap().next_ts, before.next_ts);
}

#[tokio::test(flavor = "multi_thread")]
async fn cron_jobs_run_and_are_remembered_134() {
    let app = App::start().await;
    let scheduler = Scheduler::start(&app.engine);
    let second = json!({"type": "interval", "seconds": 1});
    push(&app, json!({
        "mutation": job("jobs:mark", &second), "action": job("jobs:act", &second), "fails": job("jobs:fails", &second),
        "slow": job("jobs:sleeps", &second),
    })).await;
    tokio::time::sleep(Duration::from_millis(6500)).await;
    scheduler.stop(Duration::ZERO).await;
    let mut tx = app.engine.db().begin(app.engine.db().latest(), "test");
    let runs = row::runs(&mut tx, Namespace::ROOT).await.unwrap();
    let of = |name: &str| runs.iter().filter(|run| run.value.name == name).collect::<Vec<_>>();
    for (name, status) in [("mutation", "success"), ("action", "success"), ("fails", "err")] {
        let runs = of(name);
        assert_eq!(runs.len(), 5, "{name}: the last five are kept");
        assert!(runs.iter().filter(|run| run.value.status["type"] == status).count() >= 4, "{name}: {runs:?}");
    }
    // The slow one overlaps with none of its own: it runs once, and was given up with the scheduler.
    let slow = of("slow");
    assert_eq!(slow[0].value.status["type"], "err");
    assert!(slow[1..].iter().all(|run| run.value.status["type"] == "canceled"), "{slow:?}");
    let marks = app.query("jobs:marks", json!({})).await.unwrap();
    let count = marks.as_array().unwrap().len();
    assert!((9..=17).contains(&count), "{count} marks of two jobs in 6.5 s, and of the slow one: {marks}");
}
