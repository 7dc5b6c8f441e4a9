use std::collections::BTreeSet;

use chrono::{Datelike as _, NaiveDate, TimeDelta, Weekday};
use proptest::prelude::*;

use super::*;
use crate::period::PeriodUnit;

const NO_CALENDAR: &dyn Fn(NaiveDate) -> Option<bool> = &|_| None;
const ENOUGH: usize = 100_000;

fn at(text: &str) -> UtcTime {
    text.parse().unwrap()
}

fn monthly() -> PlanFields {
    PlanFields {
        spec: "0 0 9 1 * *".to_owned(),
        time_zone: "Asia/Shanghai".to_owned(),
        period_unit: PeriodUnit::Month,
        period_offset: -1,
        starts_period: "2021-12".parse().unwrap(),
        ends_period: None,
        workday_policy: WorkdayPolicy::None,
        catch_up: CatchUp::All,
        catch_up_window_s: None,
        catch_up_cap: 1000,
    }
}

fn with(change: impl FnOnce(&mut PlanFields)) -> Plan {
    let mut fields = monthly();
    change(&mut fields);
    fields.read().unwrap()
}

fn of_unit(unit: PeriodUnit, spec: &str, starts: &str) -> PlanFields {
    PlanFields {
        spec: spec.to_owned(),
        period_unit: unit,
        period_offset: 0,
        starts_period: starts.parse().unwrap(),
        ..monthly()
    }
}

fn codes(outcome: Result<impl Sized, Vec<crate::Violation>>) -> Vec<(String, &'static str)> {
    outcome
        .err()
        .unwrap_or_default()
        .into_iter()
        .map(|violation| (violation.pointer.into_owned(), violation.code))
        .collect()
}

fn opened(due: &Due) -> Vec<String> {
    let open = due
        .occurrences
        .iter()
        .filter(|occurrence| occurrence.verdict == Verdict::Open);
    open.map(|occurrence| occurrence.period.to_string()).collect()
}

#[test]
fn the_campaign_is_caught_up_once_each_and_then_ends() {
    let plan = with(|fields| fields.ends_period = Some("2022-06".parse().unwrap()));
    let due = plan.due(
        plan.initial_cursor(),
        at("2026-11-23T00:00:00Z"),
        NO_CALENDAR,
        ENOUGH,
    );
    assert_eq!(
        opened(&due),
        [
            "2021-12", "2022-01", "2022-02", "2022-03", "2022-04", "2022-05", "2022-06"
        ]
    );
    assert_eq!(
        due.occurrences[0].due_at,
        at("2022-01-01T01:00:00Z"),
        "09:00 in Shanghai on the 1st after"
    );
    assert_eq!(due.next_due_at, None);
    let again = plan.due(due.new_cursor, at("2030-01-01T00:00:00Z"), NO_CALENDAR, ENOUGH);
    assert_eq!(
        again,
        Due {
            occurrences: vec![],
            new_cursor: due.new_cursor,
            next_due_at: None
        }
    );
}

#[test]
fn five_periods_slept_through_are_caught_up_by_policy() {
    let now = at("2022-06-15T00:00:00Z");
    let cursor = at("2022-01-01T01:00:00Z");
    for (policy, open, missed) in [
        (
            CatchUp::All,
            &["2022-01", "2022-02", "2022-03", "2022-04", "2022-05"][..],
            0,
        ),
        (CatchUp::Latest, &["2022-05"], 4),
        (CatchUp::None, &[], 5),
    ] {
        let plan = with(|fields| fields.catch_up = policy);
        let due = plan.due(cursor, now, NO_CALENDAR, ENOUGH);
        assert_eq!(opened(&due), open, "{policy}");
        let all_missed = due
            .occurrences
            .iter()
            .filter(|o| matches!(o.verdict, Verdict::Missed(_)))
            .count();
        assert_eq!(all_missed, missed, "{policy}");
        assert_eq!(due.next_due_at, Some(at("2022-07-01T01:00:00Z")));
    }
}

#[test]
fn a_restart_is_not_an_outage() {
    let plan = with(|fields| {
        fields.catch_up = CatchUp::None;
        fields.catch_up_window_s = Some(0);
    });
    let cursor = at("2022-01-01T01:00:00Z");
    let on_time = plan.due(cursor, at("2022-02-01T01:10:00Z"), NO_CALENDAR, ENOUGH);
    assert_eq!(opened(&on_time), ["2022-01"]);
    let late = plan.due(cursor, at("2022-02-01T01:10:01Z"), NO_CALENDAR, ENOUGH);
    assert_eq!(
        late.occurrences[0].verdict,
        Verdict::Missed(OccurrenceReason::NoCatchUp)
    );
}

#[test]
fn window_and_cap_say_why() {
    let now = at("2022-06-15T00:00:00Z");
    let reasons = |plan: &Plan| -> Vec<Option<OccurrenceReason>> {
        plan.due(plan.initial_cursor(), now, NO_CALENDAR, ENOUGH)
            .occurrences
            .iter()
            .map(DueOccurrence::reason)
            .collect()
    };
    let window = with(|fields| fields.catch_up_window_s = Some(50 * 86_400));
    let old = Some(OccurrenceReason::OlderThanWindow);
    assert_eq!(reasons(&window), [old, old, old, old, None, None]);
    let cap = with(|fields| fields.catch_up_cap = 2);
    let beyond = Some(OccurrenceReason::BeyondCap);
    assert_eq!(reasons(&cap), [beyond, beyond, beyond, beyond, None, None]);
}

#[test]
fn a_clock_set_back_does_nothing() {
    let plan = monthly().read().unwrap();
    let cursor = at("2022-06-01T01:00:00Z");
    let due = plan.due(cursor, at("2021-01-01T00:00:00Z"), NO_CALENDAR, ENOUGH);
    assert_eq!(due.occurrences, []);
    assert_eq!(due.new_cursor, cursor);
    assert_eq!(due.next_due_at, Some(at("2022-07-01T01:00:00Z")));
}

#[test]
fn work_moves_off_a_day_off_but_the_period_stays() {
    // 2022-01-01 (a Saturday) to 01-03 were the New Year's holiday, 2022-05-01 to 05-04 the May holiday. Saturday
    // 2022-05-07 was a make-up workday.
    let off = [
        "2022-01-01",
        "2022-01-02",
        "2022-01-03",
        "2022-05-01",
        "2022-05-02",
        "2022-05-03",
        "2022-05-04",
    ];
    let calendar = move |day: NaiveDate| {
        (day.year() == 2022).then(|| {
            let weekend = matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
            let text = day.to_string();
            text == "2022-05-07" || (!weekend && !off.contains(&text.as_str()))
        })
    };
    let first = |policy: WorkdayPolicy, spec: &str, starts: &str| {
        let plan = with(|fields| {
            fields.workday_policy = policy;
            fields.spec = spec.to_owned();
            fields.starts_period = starts.parse().unwrap();
        });
        plan.upcoming(plan.initial_cursor(), 1, &calendar)[0]
    };
    for (policy, spec, starts, due, provisional) in [
        (
            WorkdayPolicy::None,
            "0 0 9 1 * *",
            "2022-04",
            "2022-05-01T01:00:00Z",
            false,
        ),
        (
            WorkdayPolicy::Next,
            "0 0 9 1 * *",
            "2022-04",
            "2022-05-05T01:00:00Z",
            false,
        ),
        (
            WorkdayPolicy::Previous,
            "0 0 9 1 * *",
            "2022-04",
            "2022-04-29T01:00:00Z",
            false,
        ),
        (
            WorkdayPolicy::Next,
            "0 0 9 7 * *",
            "2022-04",
            "2022-05-07T01:00:00Z",
            false,
        ),
        (
            WorkdayPolicy::Next,
            "0 0 9 1 * *",
            "2021-12",
            "2022-01-04T01:00:00Z",
            false,
        ),
        (
            WorkdayPolicy::Previous,
            "0 0 9 1 * *",
            "2021-12",
            "2021-12-31T01:00:00Z",
            true,
        ),
        (
            WorkdayPolicy::Next,
            "0 0 9 1 * *",
            "2022-12",
            "2023-01-02T01:00:00Z",
            true,
        ),
    ] {
        let occurrence = first(policy, spec, starts);
        assert_eq!(occurrence.period.to_string(), starts);
        assert_eq!(
            (occurrence.due_at, occurrence.provisional),
            (at(due), provisional),
            "{policy} {starts}"
        );
        let note = provisional.then_some(OccurrenceReason::CalendarUnknown);
        assert_eq!(occurrence.reason(), note);
    }
    let skipped = first(WorkdayPolicy::Skip, "0 0 9 1 * *", "2022-04");
    assert_eq!(skipped.verdict, Verdict::Skipped(OccurrenceReason::NotAWorkday));
}

#[test]
fn a_calendar_published_late_moves_work_and_loses_none() {
    let plan = with(|fields| fields.workday_policy = WorkdayPolicy::Previous);
    let cursor = at("2022-04-01T01:00:00Z");
    // Evaluated on the 30th without a calendar, it was due on Friday the 29th. Then the calendar declares the 29th a
    // day off too.
    let holiday: &dyn Fn(NaiveDate) -> Option<bool> = &|day| Some(day.to_string().as_str() < "2022-04-29");
    let due = plan.due(cursor, at("2022-04-30T00:00:00Z"), holiday, ENOUGH);
    assert_eq!(opened(&due), ["2022-04"]);
    assert_eq!(due.occurrences[0].due_at, at("2022-04-28T01:00:00Z"));
    assert_eq!(
        due.new_cursor,
        at("2022-05-01T01:00:00Z"),
        "the cursor counts fires, not due times"
    );
    let later = plan.due(due.new_cursor, at("2022-05-05T00:00:00Z"), NO_CALENDAR, ENOUGH);
    assert_eq!(later.occurrences, []);
}

#[test]
fn the_zone_decides_also_when_its_clocks_change() {
    let due_times = |zone: &str, unit, spec: &str, starts: &str, count| -> Vec<String> {
        let plan = PlanFields {
            time_zone: zone.to_owned(),
            ..of_unit(unit, spec, starts)
        }
        .read()
        .unwrap();
        plan.check().unwrap();
        plan.upcoming(plan.initial_cursor(), count, NO_CALENDAR)
            .iter()
            .map(|o| o.due_at.to_string()[..16].to_owned())
            .collect()
    };
    use PeriodUnit::*;
    for (zone, unit, spec, starts, due) in [
        (
            "Europe/Berlin",
            Day,
            "0 30 2 * * *",
            "2026-03-28",
            &["2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"][..],
        ),
        (
            "Europe/Berlin",
            Day,
            "0 30 2 * * *",
            "2026-10-24",
            &["2026-10-24T00:30", "2026-10-25T00:30", "2026-10-26T01:30"],
        ),
        (
            "America/New_York",
            Day,
            "0 30 1 * * *",
            "2026-11-01",
            &["2026-11-01T05:30", "2026-11-02T06:30"],
        ),
        (
            "Australia/Lord_Howe",
            Day,
            "0 0 9 * * *",
            "2026-04-04",
            &["2026-04-03T22:00", "2026-04-04T22:30"],
        ),
        (
            "Asia/Shanghai",
            Day,
            "0 30 2 * * *",
            "1986-05-03",
            &["1986-05-02T18:30", "1986-05-03T18:00", "1986-05-04T17:30"],
        ),
        (
            "Asia/Shanghai",
            Month,
            "0 0 9 L * *",
            "2024-01",
            &["2024-01-31T01:00", "2024-02-29T01:00", "2024-03-31T01:00"],
        ),
        (
            "Asia/Shanghai",
            Week,
            "30 8 * * MON",
            "2022-W21",
            &["2022-05-23T00:30", "2022-05-30T00:30"],
        ),
        (
            "Asia/Shanghai",
            TenDay,
            "0 0 9 1,11,21 * *",
            "2022-02-T3",
            &["2022-02-21T01:00", "2022-03-01T01:00"],
        ),
        (
            "Asia/Shanghai",
            Month,
            "0 0 9 * * FRI#2",
            "2022-05",
            &["2022-05-13T01:00", "2022-06-10T01:00"],
        ),
    ] {
        assert_eq!(
            due_times(zone, unit, spec, starts, due.len()),
            due,
            "{zone} {spec} {starts}"
        );
    }
}

#[test]
fn a_spec_that_would_fire_twice_in_a_period_is_refused() {
    use PeriodUnit::*;
    for (unit, spec, starts, refused) in [
        (Month, "0 0 9 1 * *", "2022-01", false),
        (Month, "0 0 9 1,15 * *", "2022-01", true),
        (Month, "0 0 9 28,L * *", "2022-01", true),
        (Year, "0 0 9 28,L 2 *", "2022", true), // only in leap years
        (Month, "0 0 9 * * MON", "2022-01", true),
        (Month, "0 0 9,17 1 * *", "2022-01", true),
        (Week, "0 0 9 * * MON", "2022-W01", false),
        (Week, "0 0 9 * * MON,FRI", "2022-W01", true),
        (TenDay, "0 0 9 10,20,L * *", "2022-01-T1", false),
        (TenDay, "0 0 9 1,11,21,L * *", "2022-01-T1", true),
        (Day, "0 0 9 * * *", "2022-01-01", false),
        (Day, "* * * * * *", "2022-01-01", true),
        (Quarter, "0 0 9 1 1,4,7,10 *", "2022-Q1", false),
        (Year, "0 0 9 1 1 *", "2022", false),
        (Year, "0 0 9 1 1,7 *", "2022", true),
    ] {
        let outcome = of_unit(unit, spec, starts).read().unwrap().check();
        let expected = if refused {
            vec![("/spec".to_owned(), "fires_twice")]
        } else {
            vec![]
        };
        assert_eq!(codes(outcome), expected, "{unit} {spec}");
    }
    let said = of_unit(Month, "0 0 9 1,15 * *", "2022-01")
        .read()
        .unwrap()
        .check()
        .unwrap_err();
    assert_eq!(
        said[0].en,
        "The schedule would fire twice in 2022-01: at 2022-01-01 09:00:00 and at 2022-01-15 09:00:00."
    );
}

#[test]
fn a_spec_that_leaves_out_a_period_is_refused() {
    use PeriodUnit::*;
    let fields = |unit, spec: &str, starts: &str, ends: Option<&str>| PlanFields {
        ends_period: ends.map(|ends| ends.parse().unwrap()),
        ..of_unit(unit, spec, starts)
    };
    for (unit, spec, starts, ends, left_out) in [
        (Month, "0 0 9 31 * *", "2022-01", None, Some("2022-02")),
        (Month, "0 0 9 31 * *", "2022-07", Some("2022-08"), None),
        (Month, "0 0 9 31 * *", "2022-07", Some("2022-09"), Some("2022-09")),
        (Month, "0 0 9 29 * *", "2023-03", None, Some("2025-02")),
        (Month, "0 0 9 * * FRI#5", "2022-07", None, Some("2022-08")),
        (Month, "0 0 9 1-7 * MON", "2022-01", None, None),
        (Week, "0 0 9 1-7 * MON", "2022-W01", None, Some("2022-W02")),
        (
            TenDay,
            "0 0 9 10,20,30 * *",
            "2022-01-T1",
            None,
            Some("2022-02-T3"),
        ),
        (Quarter, "0 0 9 L 3,6,9 *", "2022-Q1", None, Some("2022-Q4")),
        (Year, "0 0 9 29 2 *", "2024", None, Some("2025")),
        (Year, "0 0 9 29 2 *", "2022", None, Some("2022")),
        (Year, "0 0 9 L 2 *", "2022", None, None),
        (Day, "0 0 9 * * MON-FRI", "2022-01-03", None, Some("2022-01-08")),
        (Day, "0 0 9 * * MON-FRI", "2022-01-03", Some("2022-01-07"), None),
    ] {
        let outcome = fields(unit, spec, starts, ends).read().unwrap().check();
        let said = outcome.err().unwrap_or_default();
        let named = said
            .first()
            .map(|said| said.zh.split("周期 ").nth(1).unwrap_or_default());
        let named = named.map(|rest| rest.split(' ').next().unwrap_or_default());
        assert_eq!(named, left_out, "{unit} {spec} {starts} {said:?}");
        assert!(said.iter().all(|said| said.code == "leaves_out_a_period"));
    }
    let said = with(|fields| fields.spec = "0 0 9 31 * *".to_owned())
        .check()
        .unwrap_err();
    assert_eq!(
        said[0].en,
        "The schedule does not fire in 2022-02, so 2022-01 would have no bulletin. Choose a day that every month has (1 to 28), or `L` for the \
         last day, for example `0 0 9 L * *`."
    );
}

#[test]
fn nobody_reports_about_what_has_not_begun() {
    let ahead = with(|fields| fields.period_offset = 1);
    assert_eq!(
        codes(ahead.check()),
        [("/period/offset".to_owned(), "period_not_begun")]
    );
    // Saturday 1 January: the last working day before it is not in the year.
    let first = with(|fields| {
        fields.period_offset = 0;
        fields.starts_period = "2022-01".parse().unwrap();
        fields.workday_policy = WorkdayPolicy::Previous;
    });
    let due = first.upcoming(first.initial_cursor(), 1, NO_CALENDAR)[0];
    assert_eq!(
        (due.period, due.due_at),
        ("2022-01".parse().unwrap(), at("2022-01-01T01:00:00Z"))
    );
}

#[test]
fn a_spec_that_never_fires_is_refused() {
    use PeriodUnit::*;
    let impossible = of_unit(Month, "0 0 9 30 2 *", "2022-01").read().unwrap();
    assert_eq!(codes(impossible.check()), [("/spec".to_owned(), "never_fires")]);
    let mut outside = of_unit(Month, "0 0 9 1 8 *", "2022-01");
    outside.ends_period = Some("2022-06".parse().unwrap());
    let outside = outside.read().unwrap();
    assert_eq!(codes(outside.check()), [("/spec".to_owned(), "never_fires")]);
    let due = outside.due(
        outside.initial_cursor(),
        at("2026-01-01T00:00:00Z"),
        NO_CALENDAR,
        ENOUGH,
    );
    assert_eq!((due.occurrences.len(), due.next_due_at), (0, None));
}

#[test]
fn what_cannot_be_read_is_named_by_field() {
    let wrong = |change: fn(&mut PlanFields)| {
        let mut fields = monthly();
        change(&mut fields);
        codes(fields.read())
    };
    for (found, pointer, code) in [
        (wrong(|f| f.spec = String::new()), "/spec", "bad_spec"),
        (wrong(|f| f.spec = "0 9 1 *".to_owned()), "/spec", "bad_spec"),
        (
            wrong(|f| f.spec = "0 0 9 1 * * 2022".to_owned()),
            "/spec",
            "bad_spec",
        ),
        (wrong(|f| f.spec = "0 0 25 1 * *".to_owned()), "/spec", "bad_spec"),
        (wrong(|f| f.spec = "@monthly".to_owned()), "/spec", "bad_spec"),
        (
            wrong(|f| f.spec = format!("0 0 9 1{} * *", ",1".repeat(60))),
            "/spec",
            "bad_spec",
        ),
        (
            wrong(|f| f.time_zone = "Asia/Hefei".to_owned()),
            "/time_zone",
            "unknown_time_zone",
        ),
        (wrong(|f| f.period_offset = 37), "/period/offset", "out_of_range"),
        (wrong(|f| f.catch_up_cap = 0), "/catch_up/cap", "out_of_range"),
        (
            wrong(|f| f.catch_up_window_s = Some(-1)),
            "/catch_up/window_s",
            "out_of_range",
        ),
        (
            wrong(|f| f.starts_period = "2022".parse().unwrap()),
            "/starts_period",
            "wrong_unit",
        ),
        (
            wrong(|f| f.ends_period = Some("2022-Q1".parse().unwrap())),
            "/ends_period",
            "wrong_unit",
        ),
        (
            wrong(|f| f.ends_period = Some("2021-11".parse().unwrap())),
            "/ends_period",
            "ends_before_start",
        ),
        (
            wrong(|f| f.starts_period = "9999-12".parse().unwrap()),
            "/starts_period",
            "out_of_range",
        ),
    ] {
        assert_eq!(found, [(pointer.to_owned(), code)]);
    }
    assert!(
        with(|f| f.spec = "0 9 1 * *".to_owned()).check().is_ok(),
        "five fields will do"
    );
}

#[test]
fn resuming_without_what_was_missed_lists_it() {
    let plan = monthly().read().unwrap();
    let mut due = plan.due(
        plan.initial_cursor(),
        at("2022-03-15T00:00:00Z"),
        NO_CALENDAR,
        ENOUGH,
    );
    due.skip_all();
    assert!(
        due.occurrences
            .iter()
            .all(|o| o.verdict == Verdict::Missed(OccurrenceReason::SkippedOnResume))
    );
    assert_eq!(due.occurrences.len(), 3);
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let kinds = proptest::sample::select(vec![
        (PeriodUnit::Month, "0 0 9 1 * *", "2021-12"),
        (PeriodUnit::Month, "0 30 23 L * *", "2021-12"),
        (PeriodUnit::Week, "0 0 0 * * SUN", "2021-W50"),
        (PeriodUnit::TenDay, "0 0 9 1,11,21 * *", "2021-12-T1"),
        (PeriodUnit::Day, "59 59 23 * * *", "2021-12-01"),
    ]);
    let zones = proptest::sample::select(vec!["Asia/Shanghai", "Europe/Berlin", "America/New_York"]);
    (
        kinds,
        zones,
        -2..2_i32,
        proptest::sample::select(WorkdayPolicy::ALL),
    )
        .prop_map(|((unit, spec, starts), zone, offset, policy)| {
            let mut fields = of_unit(unit, spec, starts);
            fields.time_zone = zone.to_owned();
            fields.period_offset = offset;
            fields.workday_policy = policy;
            fields.read().unwrap()
        })
}

fn any_moment() -> impl Strategy<Value = UtcTime> {
    (0_i64..400 * 86_400).prop_map(|seconds| at("2021-12-01T00:00:00Z").plus(TimeDelta::seconds(seconds)))
}

/// Returns the periods and due times of a series of evaluations, each continuing where the previous one ended.
fn looks(plan: &Plan, times: &[UtcTime], most: usize) -> Vec<(Period, UtcTime)> {
    let mut cursor = plan.initial_cursor();
    let mut found = Vec::new();
    for now in times {
        loop {
            let due = plan.due(cursor, *now, NO_CALENDAR, most);
            assert!(due.new_cursor >= cursor);
            cursor = due.new_cursor;
            let more = due.occurrences.len() == most;
            found.extend(due.occurrences.iter().map(|o| (o.period, o.due_at)));
            if !more {
                assert!(due.next_due_at.is_none_or(|next| next > *now));
                break;
            }
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn looking_often_finds_the_same_as_looking_once(plan in any_plan(), mut times in proptest::collection::vec(any_moment(), 1..30)) {
        let in_any_order = looks(&plan, &times, ENOUGH);
        times.sort();
        let last = *times.last().unwrap();
        let once = looks(&plan, &[last], ENOUGH);
        prop_assert_eq!(&looks(&plan, &times, ENOUGH), &once);
        prop_assert_eq!(&looks(&plan, &[last], 3), &once);
        prop_assert_eq!(&in_any_order, &once, "a clock that jumps back and forth changes nothing");
        let periods: BTreeSet<_> = once.iter().map(|(period, _)| *period).collect();
        prop_assert_eq!(periods.len(), once.len(), "each period once");
        prop_assert!(once.is_sorted(), "in the order of the calendar");
    }

    #[test]
    fn restarting_more_often_than_the_interval_loses_nothing(plan in any_plan(), step_hours in 1..20_i64) {
        let start = at("2021-12-01T00:00:00Z");
        let times: Vec<_> = (0..600).map(|i| start.plus(TimeDelta::hours(i * step_hours))).collect();
        prop_assert_eq!(looks(&plan, &times, ENOUGH), looks(&plan, &times[599..], ENOUGH));
    }
}
