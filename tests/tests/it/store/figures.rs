//! The read model beside the rows, beside a reckoning by hand, over random histories.

use qiaojian_shared::domain::Conflict;
use std::sync::Arc;

use chrono::{Days, NaiveDate};
use proptest::test_runner::{Config, TestRunner};
use qiaojian_shared::check::{self, Check};
use qiaojian_shared::db::{AnyConnection, snapshot};
use qiaojian_shared::domain::area::Level;
use qiaojian_shared::domain::establishment::{Asking, EstablishmentParams, Threshold};
use qiaojian_shared::domain::organization::PreciseDate;
use qiaojian_shared::domain::program::Cohort;
use qiaojian_shared::domain::rule::CountedFrom;
use qiaojian_shared::figures::{
    self, Answer, Basis, CohortChoice, Facts, GroupBy, Held, Metric, Part, Question, ReadModel,
};
use qiaojian_shared::store::{Moment, Recorded, StoreError, StoreResult, Subtree, ledger};
use qiaojian_tests::fixtures::date;

use super::histories::{Known, acts, perform, some_day};
use super::lacking::told_and_by_days;
use super::reached::{Process, held_and_rows, milestones_by_days, milestones_told};
use super::register::{Register, with_register};

pub fn question(as_of: NaiveDate) -> Question {
    Question {
        metrics: vec![
            Metric::Organizations,
            Metric::Added,
            Metric::Closed,
            Metric::Reopened,
            Metric::Growth,
            Metric::OrganizationCoverage,
            Metric::Fulfilment,
        ],
        within: Subtree::everything(),
        from: date("2021-10-31").min(as_of),
        to: as_of,
        as_of,
        baseline_on: Some(date("2021-10-31").min(as_of)),
        cohort: CohortChoice::All,
        group_by: vec![GroupBy::City, GroupBy::Level],
    }
}

/// By the rules that bind the province and its first city on a day, as known at a moment.
pub fn basis(conn: &mut AnyConnection, as_of: NaiveDate, known: Recorded) -> StoreResult<Basis> {
    let provinces = EstablishmentParams {
        levels: vec![Level::County, Level::Township],
        village: None,
    };
    let citys = EstablishmentParams {
        levels: Vec::new(),
        village: Some(Threshold {
            persons: 10,
            households: 3,
        }),
    };
    let province = Asking::default().with(&provinces, date("2021-10-31"));
    let (_, basis) = Basis::load(conn, ("340000/", "default"), None, Moment { as_of, known })?;
    Ok(Basis {
        cohorts: vec![(Subtree::rooted_at("340000/340300/"), Cohort::Pilot)],
        establishment: vec![
            (Subtree::rooted_at("340000/"), province.clone()),
            (
                Subtree::rooted_at("340000/340300/"),
                province.with(&citys, date("2022-01-01")),
            ),
        ],
        ..basis
    })
}

/// Numerators of `organizations`, `added`, `closed` and `reopened` and the baseline, reckoned by hand, day by day.
fn by_hand(known: &Known, question: &Question) -> [i64; 5] {
    let mut counts = [0; 5];
    let counted_from = known.counted_from(question.as_of);
    for (_, facts) in known.organizations.values() {
        let day = |date: Option<PreciseDate>| date.map(PreciseDate::counts_from);
        let life = &facts.life;
        let began = match counted_from {
            CountedFrom::Approved => life.approved.or(life.established),
            CountedFrom::Established => life.established,
            CountedFrom::Unveiled => life.unveiled,
        };
        let Some(began) = day(began) else {
            continue;
        };
        let ended = day(facts.life.closed);
        let was_closed = |on: NaiveDate| {
            let mut times = facts.life.reopenings.iter();
            times.any(|time| time.closed().counts_from() <= on && on < time.reopened().counts_from())
        };
        let counted = |on: NaiveDate| began <= on && ended.is_none_or(|day| on < day) && !was_closed(on);
        let days = question.from.iter_days().skip(1);
        let days = || days.clone().take_while(|on| *on <= question.to);
        let (before, after) = (counted(question.from), counted(question.to));
        let added = question.from < began && began <= question.to;
        let ceased = days().any(|on| counted(on - Days::new(1)) && !counted(on));
        let resumed = days().any(|on| on != began && !counted(on - Days::new(1)) && counted(on));
        let was_there = before || added;
        counts[0] += i64::from(counted(question.as_of));
        counts[1] += i64::from(added);
        counts[2] += i64::from(ceased && (was_there || !after));
        counts[3] += i64::from(resumed && (after || !was_there));
        counts[4] += i64::from(before);
    }
    counts
}

/// The answer of the read model and that of the rows, in one snapshot.
async fn both(register: &Register, model: &Arc<ReadModel>, asked: Question) -> (Answer, Answer, Recorded) {
    let model = Arc::clone(model);
    register
        .read(move |conn| {
            snapshot(conn, |conn| {
                let known = ledger::known(conn)?;
                let rows = Facts::load(conn, &asked.within, asked.as_of, known)?;
                let basis = basis(conn, asked.as_of, known)?;
                let held = model.with(conn, &asked.within, asked.as_of, known, |facts| {
                    figures::answer(&asked, &basis, facts)
                })?;
                let Held::Answer(held) = held else {
                    return Err(StoreError::Conflict(Conflict::ScheduleChanged));
                };
                let answer = figures::answer(&asked, &basis, &rows);
                for figure in answer.items.iter().chain(&answer.totals) {
                    let part = (figure.metric, Part::Numerator);
                    let members = figures::members(&asked, &basis, &rows, part, &figure.group);
                    assert_eq!(
                        i64::try_from(members.len()).unwrap(),
                        figure.numerator,
                        "{figure:?}"
                    );
                }
                Ok((held, answer, known))
            })
        })
        .await
        .unwrap()
}

async fn replay(register: &Register, asked: Question, known: Recorded) -> Answer {
    register
        .read(move |conn| {
            let rows = Facts::load(conn, &asked.within, asked.as_of, known)?;
            let basis = basis(conn, asked.as_of, known)?;
            Ok(figures::answer(&asked, &basis, &rows))
        })
        .await
        .unwrap()
}

/// A model with the present tree's window built.
pub async fn built(register: &Register) -> Arc<ReadModel> {
    let model = Arc::new(ReadModel::default());
    let (keeper, db) = (Arc::clone(&model), register.db.clone());
    let task = tokio::spawn(async move { keeper.keep(&db).await });
    model.want(register.today());
    while model.size().1 == 0 {
        tokio::task::yield_now().await;
    }
    task.abort();
    model
}

#[test]
fn model_rows_and_reckoning_agree_over_random_histories_and_past_answers_stay() {
    // Each case has databases of its own, so a few long ones.
    let mut runner = TestRunner::new(Config {
        cases: 8,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&acts(), |acts| {
            with_register(async |register| {
                let process = Process::started(register).await;
                let model = Arc::clone(&process.model);
                let mut known = Known::default();
                let mut told = Vec::new();
                for act in &acts {
                    perform(register, &mut known, *act).await;
                    for as_of in [some_day(act.3), register.today()] {
                        let asked = question(as_of);
                        let (held, rows, at) = both(register, &model, asked.clone()).await;
                        assert_eq!(held, rows, "the model and the rows, {act:?}");
                        let [there, added, closed, reopened] =
                            [0, 1, 2, 3].map(|index| rows.totals[index].numerator);
                        let baseline = rows.totals[4].denominator.unwrap();
                        let told_now = [there, added, closed, reopened, baseline];
                        assert_eq!(told_now, by_hand(&known, &asked), "by hand, {act:?}");
                        assert_eq!(there, baseline + added - closed + reopened, "{act:?}");
                        told.push((asked, at, rows));
                        let (held, rows) = held_and_rows(register, &process, ("340000/", as_of)).await;
                        assert_eq!(held, Some(rows), "milestones, {acts:?}");
                    }
                }
                for check in [Check::AuditTrail, Check::Organizations, Check::Figures] {
                    let today = register.today();
                    let checked = register
                        .read(move |conn| snapshot(conn, |conn| check::run(conn, check, today)))
                        .await
                        .unwrap();
                    assert!(checked.is_clean(), "{checked:?}");
                }
                assert_eq!(
                    milestones_told(register).await,
                    milestones_by_days(register).await,
                    "{acts:?}"
                );
                let (since, by_days) = told_and_by_days(register).await;
                assert_eq!(since, by_days, "gaps, {acts:?}");
                for (asked, at, before) in told {
                    assert_eq!(
                        replay(register, asked, at).await,
                        before,
                        "what was known at {at:?}"
                    );
                }
            });
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_reader_behind_the_model_is_told_to_look_again() {
    with_register(async |register| {
        let model = built(register).await;
        let before = register.read(|conn| Ok(ledger::known(conn)?)).await.unwrap();
        let mut known = Known::default();
        perform(register, &mut known, (2, 0, 3, 100)).await;
        let asked = question(register.today());
        let (held, rows, _) = both(register, &model, asked.clone()).await;
        assert_eq!(held, rows);
        let late = Arc::clone(&model);
        let outcome = register
            .read(move |conn| late.with(conn, &asked.within, asked.as_of, before, |_| ()))
            .await
            .unwrap();
        assert!(matches!(outcome, Held::Newer(_)));
    });
}
