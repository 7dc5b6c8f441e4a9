//! The read model beside the rows, beside a reckoning by hand, over random histories.

use std::cell::RefCell;
use std::sync::Arc;

use chrono::{Days, NaiveDate};
use qiaojian_domain::Conflict;
use qiaojian_domain::organization::Verification;
use qiaojian_domain::program::Cohort;
use qiaojian_store::check::{self, Check};
use qiaojian_store::db::{AnyConnection, snapshot};
use qiaojian_store::figures::{
    self, Answer, Basis, CohortChoice, Facts, GroupBy, Held, Metric, Part, Question, ReadModel, WantedGaps,
};
use qiaojian_store::organizations::{self, NewOrganization};
use qiaojian_store::{Moment, Recorded, StoreError, StoreResult, Subtree, areas, ledger};
use qiaojian_tests::Backend;
use qiaojian_tests::fixtures::date;
use rstest_reuse::apply;

use super::histories::{
    Act, Lacking, Outcome, Tally, World, begin, histories, numbers_of, perform, runner, some_day, sums,
    totals_of,
};
use super::lacking::told_and_by_days;
use super::organizations::{established_on, id};
use super::reached::{Process, held_and_rows, milestones_by_days, milestones_told};
use super::register::{Register, with_register};
use crate::both_databases;

const METRICS: &[Metric] = &[
    Metric::Organizations,
    Metric::Added,
    Metric::Closed,
    Metric::Reopened,
    Metric::Growth,
    Metric::OrganizationCoverage,
    Metric::WorkCoverage,
    Metric::Fulfilment,
];

pub fn question(as_of: NaiveDate) -> Question {
    Question {
        metrics: METRICS.to_vec(),
        within: Subtree::everything(),
        from: date("2021-10-31").min(as_of),
        to: as_of,
        as_of,
        baseline_on: Some(date("2021-10-31").min(as_of)),
        cohort: CohortChoice::All,
        group_by: vec![GroupBy::City, GroupBy::County, GroupBy::Level],
    }
}

/// By the rules that bind the province and what is below it on a day, as known at a moment.
pub fn basis(conn: &mut AnyConnection, as_of: NaiveDate, known: Recorded) -> StoreResult<Basis> {
    let (_, mut basis) = Basis::load(conn, ("340000/", "default"), None, Moment { as_of, known })?;
    basis.load_for(conn, &question(as_of), None, known)?;
    basis.cohorts = vec![(Subtree::rooted_at("340000/340300/"), Cohort::Pilot)];
    Ok(basis)
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

/// The answer by the rows, as known at a moment, or now.
async fn answered(register: &Register, asked: Question, known: Option<Recorded>) -> Answer {
    register
        .read(move |conn| {
            snapshot(conn, |conn| {
                let known = known.map_or_else(|| ledger::known(conn), Ok)?;
                let rows = Facts::load(conn, &asked.within, asked.as_of, known)?;
                let basis = basis(conn, asked.as_of, known)?;
                Ok::<_, StoreError>(figures::answer(&asked, &basis, &rows))
            })
        })
        .await
        .unwrap()
}

/// A model with the present tree's window built.
pub async fn built(register: &Register) -> Arc<ReadModel> {
    let model = Arc::new(ReadModel::default());
    hold(register, &model).await;
    model
}

/// Builds the window of the present tree, where the model holds none.
async fn hold(register: &Register, model: &Arc<ReadModel>) {
    if model.size().1 > 0 {
        return;
    }
    let (keeper, db) = (Arc::clone(model), register.db.clone());
    let task = tokio::spawn(async move { keeper.keep(&db).await });
    model.want(register.today());
    while model.size().1 == 0 {
        tokio::task::yield_now().await;
    }
    task.abort();
}

/// Records a federation that was established on a day.
pub async fn establish(register: &Register, number: u128, code: &'static str, on: NaiveDate) {
    let (area, today) = (register.area(code).await, register.today());
    let new = NewOrganization {
        id: id(number),
        digest: number.to_string(),
        area,
        parent: None,
        facts: established_on(on),
        verification: Verification::Unverified,
    };
    register
        .write(move |recording| {
            organizations::create(recording, &Subtree::everything(), &new, today).map(drop)
        })
        .await
        .unwrap();
}

/// What lacks what it should have on a day, as known at a moment.
async fn lacking(register: &Register, as_of: NaiveDate, known: Option<Recorded>) -> Lacking {
    let gaps = register.read(move |conn| {
        snapshot(conn, |conn| {
            let known = known.map_or_else(|| ledger::known(conn), Ok)?;
            let asked = question(as_of);
            let facts = Facts::load(conn, &asked.within, as_of, known)?;
            let basis = basis(conn, as_of, known)?;
            let asked_since = basis
                .establishment
                .iter()
                .filter_map(|(_, asking)| asking.since())
                .min();
            let since = asked_since.unwrap_or(as_of);
            let newer = areas::newer_than(conn, &asked.within, since, known)?;
            let all = (None, usize::MAX);
            Ok::<_, StoreError>(
                figures::gaps(&asked, &basis, &facts, &WantedGaps::default(), &newer, all).found,
            )
        })
    });
    let gaps = gaps.await.unwrap().into_iter();
    gaps.map(|gap| (gap.area, gap.required, gap.since)).collect()
}

/// Compares what is told of a day now: by the model, by the rows, and by hand. Gives the answer, and the moment.
async fn compared(
    register: &Register,
    model: &Arc<ReadModel>,
    world: &World,
    as_of: NaiveDate,
) -> (Question, Recorded, Answer) {
    let asked = question(as_of);
    let (held, rows, at) = both(register, model, asked.clone()).await;
    assert_eq!(held, rows, "the model and the rows on {as_of}");
    by_hand(world, &asked, &rows);
    let [there, added, closed, reopened] = [0, 1, 2, 3].map(|index| rows.totals[index].numerator);
    let baseline = rows.totals[4].denominator.unwrap();
    assert_eq!(there, baseline + added - closed + reopened, "the sum on {as_of}");
    (asked, at, rows)
}

/// Compares an answer with what is reckoned by hand.
fn by_hand(world: &World, asked: &Question, answer: &Answer) {
    let reckoned = world.figures(asked);
    let told = numbers_of(answer);
    for group in reckoned.keys().chain(told.keys()) {
        let (told, reckoned) = (told.get(group), reckoned.get(group));
        assert_eq!(
            told, reckoned,
            "told, and reckoned by hand: {group:?} on {}",
            asked.as_of
        );
    }
    assert_eq!(
        totals_of(answer),
        sums(&reckoned, METRICS),
        "the sums on {}",
        asked.as_of
    );
}

/// What a history has come to.
#[derive(Default)]
struct History {
    world: World,
    outcomes: Vec<Outcome>,
    /// What was answered at some moments.
    told: Vec<(Question, Recorded, Answer)>,
    /// What was known at some moments.
    moments: Vec<(Recorded, World)>,
}

impl History {
    /// Tells the next act, and compares what follows from it.
    async fn tell(
        &mut self,
        register: &Register,
        model: &Arc<ReadModel>,
        act: &Act,
        tally: Option<&RefCell<Tally>>,
    ) {
        let place = self.outcomes.len();
        hold(register, model).await;
        let day_before = act.day().map(|day| day - Days::new(1));
        let before = match day_before {
            Some(day) => Some(answered(register, question(day), None).await),
            None => None,
        };
        let foreseen = self.world.foresees(act, register.today());
        let outcome = perform(register, &self.world, place, act).await;
        let today = register.today();
        if let Some(refused) = foreseen.filter(|_| outcome != Outcome::NotTold) {
            let is_refused = matches!(outcome, Outcome::Refused(_));
            assert_eq!(is_refused, refused, "{act:?}: {outcome:?}");
        }
        let world = match outcome {
            Outcome::TookEffect => self.world.clone().after(act, place, today),
            _ => self.world.clone(),
        };
        if let Some(tally) = tally {
            tally.borrow_mut().note(act, &outcome, &self.world, &world);
        }
        self.world = world;
        let mut days = vec![today];
        if outcome == Outcome::TookEffect {
            days.push(act.about(today).max(some_day(0)));
        }
        for day in days {
            self.told.push(compared(register, model, &self.world, day).await);
        }
        if let (Some(day), Some(before)) = (day_before, before) {
            let after = answered(register, question(day), None).await;
            assert_eq!(after, before, "{act:?} changes nothing of {day}");
            by_hand(&self.world, &question(day), &after);
        }
        if place.is_multiple_of(4) {
            let about = act.about(today).max(some_day(0));
            let told = lacking(register, about, None).await;
            assert_eq!(told, self.world.lacking(about), "gaps on {about}");
            let (_, at, _) = self.told.last().unwrap();
            self.moments.push((*at, self.world.clone()));
        }
        self.outcomes.push(outcome);
    }

    /// What was answered is answered again for ever, and what was known then can be asked for any day.
    async fn compare_the_past(self, register: &Register) {
        for (asked, at, before) in self.told {
            let again = answered(register, asked, Some(at)).await;
            assert_eq!(again, before, "what was known at {at:?}");
        }
        for (at, world) in self.moments {
            for day in [some_day(70), some_day(160), some_day(259)] {
                let asked = question(day);
                by_hand(&world, &asked, &answered(register, asked.clone(), Some(at)).await);
            }
            let day = some_day(200);
            assert_eq!(
                lacking(register, day, Some(at)).await,
                world.lacking(day),
                "gaps as known at {at:?}"
            );
        }
    }
}

async fn assert_clean(register: &Register) {
    for check in [
        Check::AuditTrail,
        Check::Areas,
        Check::Organizations,
        Check::Figures,
    ] {
        let today = register.today();
        let checked = register
            .read(move |conn| snapshot(conn, |conn| check::run(conn, check, today)))
            .await
            .unwrap();
        assert!(checked.is_clean(), "{checked:?}");
    }
}

/// One test of both databases: what is refused by one is refused by the other.
#[test]
fn model_rows_and_reckoning_agree_over_random_histories_and_past_answers_stay() {
    let tally = RefCell::new(Tally::default());
    // Each case has databases of its own, so a few long ones.
    let told = runner(6).run(&histories(true), |acts| {
        let first: RefCell<Option<Vec<Outcome>>> = RefCell::default();
        for backend in Backend::ALL {
            with_register(backend, async |register| {
                let mut history = History {
                    world: begin(register).await,
                    ..History::default()
                };
                let process = Process::started(register).await;
                let model = Arc::clone(&process.model);
                let tally = first.borrow().is_none().then_some(&tally);
                for (place, act) in acts.iter().enumerate() {
                    history.tell(register, &model, act, tally).await;
                    if place.is_multiple_of(4) {
                        let (held, rows) =
                            held_and_rows(register, &process, ("340000/", register.today())).await;
                        assert_eq!(held, Some(rows), "milestones, {act:?}");
                    }
                }
                let outcomes = history.outcomes.clone();
                history.compare_the_past(register).await;
                assert_clean(register).await;
                let other = first.replace(Some(outcomes.clone()));
                assert_eq!(
                    other.unwrap_or_else(|| outcomes.clone()),
                    outcomes,
                    "on both databases"
                );
            });
        }
        Ok(())
    });
    told.unwrap();
    tally.into_inner().assert_enough();
}

#[apply(both_databases)]
fn milestones_and_gaps_are_as_each_single_day_shows_them(#[case] backend: Backend) {
    // What is told by an area's code is told by the one it has now.
    let told = runner(2).run(&histories(false), |acts| {
        with_register(backend, async |register| {
            let mut world = begin(register).await;
            for (place, act) in acts.iter().enumerate() {
                if perform(register, &world, place, act).await == Outcome::TookEffect {
                    world = world.after(act, place, register.today());
                }
            }
            assert_eq!(
                milestones_told(register).await,
                milestones_by_days(register).await
            );
            let (since, by_days) = told_and_by_days(register).await;
            assert_eq!(since, by_days, "gaps");
        });
        Ok(())
    });
    told.unwrap();
}

#[apply(both_databases)]
fn a_reader_behind_the_model_is_told_to_look_again(#[case] backend: Backend) {
    with_register(backend, async |register| {
        let model = built(register).await;
        let before = register.read(|conn| Ok(ledger::known(conn)?)).await.unwrap();
        establish(register, 1, "340304001", some_day(100)).await;
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
