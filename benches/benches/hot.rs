//! Hot functions that touch no database: `cargo bench -p qiaojian-benches`.
#![expect(clippy::expect_used, reason = "a benchmark that cannot be set up stops")]

use std::hint::black_box;

use chrono::NaiveDate;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use qiaojian_benches::facts;
use qiaojian_documents::percent::percent;
use qiaojian_documents::progress::{AreaName, CityFigures, CountyGap, Missing, Ratio};
use qiaojian_domain::clock::start_of_day_in_shanghai;
use qiaojian_domain::digest::{canonical, digest_of, sha256_hex};
use qiaojian_domain::period::{Period, PeriodUnit};
use qiaojian_domain::schedule::{CatchUp, PlanFields, WorkdayPolicy};
use qiaojian_store::Subtree;
use qiaojian_store::figures::{self, CohortChoice, GroupBy, Metric, Question};

fn date(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).expect("a date of the calendar")
}

fn name(number: i64) -> AreaName {
    AreaName {
        code: format!("34{number:04}"),
        name: format!("第{number}县"),
    }
}

/// As many numbers as a bulletin to a province of 16 cities and 104 counties holds.
fn bulletin() -> (Vec<CityFigures>, Vec<CountyGap>) {
    let cities = (0..16).map(|number| CityFigures {
        city: name(number),
        organizations: 100 + number,
        added_in_period: number,
        added_since_baseline: 50 + number,
        growth: Ratio::of(50 + number, 100),
        counties: Ratio::of(5, 8),
        townships: Ratio::of(14, 174),
        villages: Ratio::of(54, 1880),
    });
    let gaps = (0..104).map(|number| CountyGap {
        county: name(number),
        statistical: false,
        has_organization: Some(number % 2 == 0),
        townships: Missing {
            without: Some(number % 9),
            of: Some(15),
        },
        villages: Missing {
            without: Some(number),
            of: Some(180),
        },
    });
    (cities.collect(), gaps.collect())
}

fn digests(criterion: &mut Criterion) {
    let content = bulletin();
    let text = canonical(&content).expect("it is JSON");
    let mut group = criterion.benchmark_group("bulletin");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("canonical JSON", |bench| {
        bench.iter(|| canonical(black_box(&content)));
    });
    group.bench_function("SHA-256", |bench| bench.iter(|| sha256_hex(black_box(&text))));
    group.bench_function("digest", |bench| bench.iter(|| digest_of(black_box(&content))));
    group.finish();
}

/// The first of the generated provinces; it has 18,816 villages, each with an organization.
const PROVINCE: &str = "110000/";

fn folds(criterion: &mut Criterion) {
    for count in [20_000_usize, 600_000] {
        let facts = facts::facts(count);
        let basis = facts::basis(&facts);
        let country = Subtree::everything();
        let province = Subtree::rooted_at(PROVINCE);
        for (of, within) in [("the whole register", country), ("one province", province)] {
            let mut group = criterion.benchmark_group(format!("figures of {of} by city and level"));
            group.sample_size(10);
            for metric in [Metric::Organizations, Metric::Added, Metric::OrganizationCoverage] {
                let question = Question {
                    metrics: vec![metric],
                    within: within.clone(),
                    from: date(2021, 10, 31),
                    to: date(2022, 6, 24),
                    as_of: date(2022, 6, 24),
                    baseline_on: Some(date(2021, 10, 31)),
                    cohort: CohortChoice::All,
                    group_by: vec![GroupBy::City, GroupBy::Level],
                };
                group.bench_with_input(
                    BenchmarkId::new(metric.as_str(), count),
                    &question,
                    |bench, question| {
                        bench.iter(|| figures::answer(black_box(question), &basis, black_box(&facts)));
                    },
                );
            }
            group.finish();
        }
    }
}

fn small(criterion: &mut Criterion) {
    let subtree = Subtree::rooted_at("340000/340300/");
    criterion.bench_function("Subtree::contains", |bench| {
        bench.iter(|| subtree.contains(black_box("340000/340300/340304/340304001/340304001001/")));
    });
    criterion.bench_function("percent", |bench| {
        bench.iter(|| percent(black_box(325), black_box(158)));
    });
    criterion.bench_function("Period::containing, month", |bench| {
        bench.iter(|| Period::containing(black_box(date(2022, 5, 24)), PeriodUnit::Month));
    });
}

fn schedules(criterion: &mut Criterion) {
    let plan = |spec: &str, unit: PeriodUnit| {
        let fields = PlanFields {
            spec: spec.to_owned(),
            time_zone: "Asia/Shanghai".to_owned(),
            period_unit: unit,
            period_offset: -1,
            starts_period: Period::containing(date(2016, 1, 1), unit),
            ends_period: None,
            workday_policy: WorkdayPolicy::Next,
            catch_up: CatchUp::All,
            catch_up_window_s: None,
            catch_up_cap: 1000,
        };
        fields.read().expect("a valid plan")
    };
    let now = start_of_day_in_shanghai(date(2026, 1, 2));
    let weekdays = |day: NaiveDate| Some(chrono::Datelike::weekday(&day).number_from_monday() <= 5);
    let mut group = criterion.benchmark_group("ten years of a schedule that are due");
    for (label, plan) in [
        ("monthly", plan("0 9 1 * *", PeriodUnit::Month)),
        ("weekly", plan("0 9 * * 1", PeriodUnit::Week)),
    ] {
        group.bench_function(label, |bench| {
            bench.iter(|| plan.due(black_box(plan.initial_cursor()), now, &weekdays, 1000));
        });
    }
    group.finish();
}

criterion_group!(hot, digests, folds, small, schedules);
criterion_main!(hot);
