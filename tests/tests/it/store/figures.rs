//! The read model beside the rows, beside a reckoning by hand, over random histories.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{Days, NaiveDate};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use qiaojian_shared::check::{self, Check};
use qiaojian_shared::db::{AnyConnection, snapshot};
use qiaojian_shared::domain::area::Level;
use qiaojian_shared::domain::establishment::{EstablishmentParams, Threshold};
use qiaojian_shared::domain::milestone::MilestoneKind;
use qiaojian_shared::domain::organization::{self as domain, Kind, PreciseDate, Status, Verb, Verification};
use qiaojian_shared::domain::program::Cohort;
use qiaojian_shared::domain::rule::{CountedFrom, RuleKind};
use qiaojian_shared::figures::{
    self, Answer, Basis, CohortChoice, Facts, GroupBy, Held, Metric, Part, Question, ReadModel,
};
use qiaojian_shared::ids::{ChangeId, CountId, OrganizationId, RuleId};
use qiaojian_shared::milestones;
use qiaojian_shared::store::counts::{self, NewCount};
use qiaojian_shared::store::organizations::{
    self, Correction, Merging, NewOrganization, Splitting, Step, Turn, Turned,
};
use qiaojian_shared::store::rules::{self, NewRule};
use qiaojian_shared::store::{Moment, Recorded, StoreError, StoreResult, Subtree, areas, ledger};
use qiaojian_tests::fixtures::{AREAS, date};
use uuid::Uuid;

use super::organizations::{id, preparing, step};
use super::register::{Register, with_register};

/// One act of somebody: what, on which organization, where and when. Acts that are refused change nothing.
type Act = (u8, u8, u8, u16);

const ORGANIZATIONS: u8 = 6;

fn acts() -> impl Strategy<Value = Vec<Act>> {
    prop::collection::vec((0_u8..19, 0..ORGANIZATIONS, any::<u8>(), any::<u16>()), 1..24)
}

/// A day between the baseline and the article.
fn some_day(number: u16) -> NaiveDate {
    date("2021-10-01") + Days::new(u64::from(number) % 260)
}

/// What the organizations are known to be now, and the versions of the counting rule with their days, kept by hand.
#[derive(Default)]
struct Known {
    organizations: BTreeMap<u8, (&'static str, domain::Facts)>,
    rules: Vec<(NaiveDate, CountedFrom)>,
}

impl Known {
    /// By which dates organizations count on a day: of the versions in force the one that came into force last, and of those of one day the
    /// newest.
    fn counted_from(&self, on: NaiveDate) -> CountedFrom {
        let in_force = self.rules.iter().filter(|(from, _)| *from <= on);
        in_force
            .max_by_key(|(from, _)| *from)
            .map_or(CountedFrom::Established, |(_, counted)| *counted)
    }
}

fn area(number: u8) -> &'static str {
    let townships_and_up: Vec<&str> = AREAS.iter().map(|(code, _)| *code).collect();
    townships_and_up[usize::from(number) % townships_and_up.len()]
}

fn facts_of(number: u8, status: Status, day: NaiveDate) -> domain::Facts {
    let mut facts = preparing();
    facts.name = format!("第{number}个");
    facts.kind = if number.is_multiple_of(3) {
        Kind::WorkStation
    } else {
        Kind::Federation
    };
    facts.life.status = status;
    let on = Some(PreciseDate::day(day));
    match status {
        Status::Approved => facts.life.approved = on,
        Status::Established => facts.life.established = on,
        _ => {}
    }
    facts
}

async fn perform(register: &Register, known: &mut Known, (what, which, place, when): Act) {
    let (today, day) = (register.today(), some_day(when));
    let organization = id(u128::from(which) + 1);
    match what {
        0..=2 => {
            let status = [Status::Preparing, Status::Approved, Status::Established][usize::from(what)];
            let (code, facts) = (area(place), facts_of(which, status, day));
            let new = NewOrganization {
                id: organization,
                digest: format!("{what} {place} {when}"),
                area: match register.area_if_there(code).await {
                    Some(area) => area,
                    None => return,
                },
                parent: None,
                facts: facts.clone(),
                verification: Verification::Unverified,
            };
            let made = register
                .write(move |recording| organizations::create(recording, &Subtree::everything(), &new, today))
                .await;
            if matches!(made, Ok(organizations::Created::New(_))) {
                known.organizations.insert(which, (code, facts));
            }
        }
        3..=6 | 12 => {
            let verb = match what {
                3 => Verb::Approve,
                4 => Verb::Establish,
                5 => Verb::Unveil,
                6 => Verb::Close,
                _ => Verb::Reopen,
            };
            let step: Step = step(verb, &day.to_string());
            let done = register
                .write(move |recording| {
                    organizations::transition(
                        recording,
                        &Subtree::everything(),
                        organization,
                        None,
                        &step,
                        today,
                    )
                })
                .await;
            if let Ok(done) = done
                && let Some((_, facts)) = known.organizations.get_mut(&which)
            {
                facts.life = done.organization.life().unwrap();
            }
        }
        7 => {
            let Some((code, before)) = known.organizations.get(&which).cloned() else {
                return;
            };
            let facts = domain::Facts {
                kind: before.kind,
                ..facts_of(which, Status::Established, day)
            };
            let stands = register.area(code).await;
            let corrected = facts.clone();
            let done = register
                .write(move |recording| {
                    let correction = Correction {
                        facts: &corrected,
                        area: &stands,
                        parent: None,
                        reason: Some("误填"),
                        verification: Verification::Unverified,
                    };
                    organizations::correct(
                        recording,
                        &Subtree::everything(),
                        organization,
                        None,
                        &correction,
                        today,
                    )
                })
                .await;
            if done.is_ok() {
                known.organizations.insert(which, (code, facts));
            }
        }
        8 => {
            let code = area(place);
            let Some(to) = register.area_if_there(code).await else {
                return;
            };
            let turn = Turn::Move(Box::new(to));
            let done = turn_round(register, organization, turn, day).await;
            if done && let Some((stands, _)) = known.organizations.get_mut(&which) {
                *stands = code;
            }
        }
        9 => {
            let kind = if place % 2 == 0 {
                Kind::Federation
            } else {
                Kind::WorkStation
            };
            let done = turn_round(register, organization, Turn::Rekind { kind, name: None }, day).await;
            if done && let Some((_, facts)) = known.organizations.get_mut(&which) {
                facts.kind = kind;
            }
        }
        10 => {
            let Some(counted) = register.area_if_there(area(place)).await else {
                return;
            };
            let new = NewCount {
                id: CountId(Uuid::from_u128(
                    u128::from(when) << 16 | u128::from(place) << 8 | u128::from(which),
                )),
                area: counted.area_id,
                persons: (which % 2 == 0).then_some(i32::from(place) % 20),
                households: (place % 2 == 0).then_some(i32::from(which)),
                counted_on: day,
                source: "侨情普查".to_owned(),
            };
            // The same id twice is refused by the database, which changes nothing.
            let _ = register
                .write(move |recording| counts::record(recording, &new, today))
                .await;
        }
        15 => {
            let (from, into) = (street(which), street(place));
            if merge_streets(register, from, into, day).await {
                for (stands, _) in known
                    .organizations
                    .values_mut()
                    .filter(|(stands, _)| *stands == from)
                {
                    *stands = into;
                }
            }
        }
        16 => {
            let county = ["340304", "340322", "341802"][usize::from(place) % 3];
            move_area(register, street(which), county, day).await;
        }
        17 => {
            let city = ["340300", "341800"][usize::from(place) % 2];
            move_area(register, ["340304", "340322"][usize::from(which) % 2], city, day).await;
        }
        18 => {
            let counted = CountedFrom::ALL[usize::from(which) % CountedFrom::ALL.len()];
            let scope = register.area("340000").await.area_id;
            let new = NewRule {
                id: RuleId(Uuid::from_u128(u128::try_from(known.rules.len()).unwrap() + 1)),
                kind: RuleKind::Counting,
                name: "default".to_owned(),
                scope_area: scope,
                effective_from: day,
                params: serde_json::json!({"counted_from": counted}),
                source: "方案".to_owned(),
            };
            register
                .write(move |recording| rules::create(recording, &new))
                .await
                .unwrap();
            known.rules.push((day, counted));
        }
        13 => {
            let merging = Merging {
                change: ChangeId(Uuid::from_u128(u128::from(when) << 8 | u128::from(which))),
                into: id(u128::from(place % ORGANIZATIONS) + 1),
                on: PreciseDate::day(day),
                reason: Some("并入".to_owned()),
                doc_no: None,
                verification: Verification::Unverified,
            };
            let done = register
                .write(move |recording| {
                    let everything = Subtree::everything();
                    organizations::merge(recording, &everything, organization, None, &merging, today)
                })
                .await;
            if let Ok(done) = done
                && let Some((_, facts)) = known.organizations.get_mut(&which)
            {
                facts.life = done.organization.life().unwrap();
            }
        }
        14 => {
            let part = place % ORGANIZATIONS;
            let (code, facts) = (area(place), facts_of(part, Status::Established, day));
            let Some(stands) = register.area_if_there(code).await else {
                return;
            };
            let new = NewOrganization {
                id: id(u128::from(part) + 1),
                digest: format!("{what} {place} {when}"),
                area: stands,
                parent: None,
                facts: facts.clone(),
                verification: Verification::Unverified,
            };
            let change = ChangeId(Uuid::from_u128(u128::from(when) << 8 | 1 << 100));
            let made = register
                .write(move |recording| {
                    let splitting = Splitting {
                        change,
                        on: PreciseDate::day(day),
                        reason: Some("分设"),
                        doc_no: None,
                        into: &[Ok(new.clone())],
                    };
                    let everything = Subtree::everything();
                    organizations::split(recording, &everything, organization, None, &splitting, today)
                })
                .await;
            if let Ok((_, made)) = made
                && matches!(made.first(), Some(organizations::Created::New(_)))
            {
                known.organizations.insert(part, (code, facts));
            }
        }
        _ => {
            let done = register
                .write(move |recording| {
                    organizations::void(recording, &Subtree::everything(), organization, None, "重复")
                })
                .await;
            if done.is_ok() {
                known.organizations.remove(&which);
            }
        }
    }
}

fn street(number: u8) -> &'static str {
    ["340304001", "340304002", "340322100", "341802001"][usize::from(number) % 4]
}

fn at(register: &Register, day: NaiveDate) -> areas::Turn {
    areas::Turn {
        on: day,
        reason: "区划调整".to_owned(),
        expected: None,
        today: register.today(),
    }
}

async fn merge_streets(register: &Register, from: &'static str, into: &'static str, day: NaiveDate) -> bool {
    let Some(into) = register.area_if_there(into).await else {
        return false;
    };
    let turn = at(register, day);
    register
        .write(move |recording| areas::merge(recording, &Subtree::everything(), from, &into, &turn))
        .await
        .is_ok()
}

async fn move_area(register: &Register, code: &'static str, parent: &'static str, day: NaiveDate) {
    let (parent, turn) = (register.area(parent).await, at(register, day));
    // What is refused changes nothing.
    let _ = register
        .write(move |recording| {
            areas::move_under(recording, &Subtree::everything(), code, (&parent, None), &turn)
        })
        .await;
}

async fn turn_round(register: &Register, id: OrganizationId, turn: Turn, day: NaiveDate) -> bool {
    let today = register.today();
    let turned = Turned {
        on: PreciseDate::day(day),
        reason: None,
        verification: Verification::Unverified,
    };
    register
        .write(move |recording| {
            let how = (&turn, &turned);
            organizations::turn(recording, &Subtree::everything(), id, None, how, today)
        })
        .await
        .is_ok()
}

fn question(as_of: NaiveDate) -> Question {
    Question {
        metrics: vec![
            Metric::Organizations,
            Metric::Added,
            Metric::Closed,
            Metric::OrganizationCoverage,
            Metric::Fulfilment,
        ],
        within: Subtree::everything(),
        from: date("2021-10-31").min(as_of),
        to: as_of,
        as_of,
        baseline_on: None,
        cohort: CohortChoice::All,
        group_by: vec![GroupBy::City, GroupBy::Level],
    }
}

/// By the rule that binds the province on a day, as known at a moment.
fn basis(conn: &mut AnyConnection, as_of: NaiveDate, known: Recorded) -> StoreResult<Basis> {
    let rule = EstablishmentParams {
        levels: vec![Level::County, Level::Township],
        village: Some(Threshold {
            persons: 10,
            households: 3,
        }),
    };
    let (_, basis) = Basis::load(conn, ("340000/", "default"), None, Moment { as_of, known })?;
    Ok(Basis {
        cohorts: vec![(Subtree::rooted_at("340000/340300/"), Cohort::Pilot)],
        establishment: vec![(Subtree::rooted_at("340000/"), rule)],
        ..basis
    })
}

/// Numerators of `organizations`, `added` and `closed`, reckoned by hand, day by day.
fn by_hand(known: &Known, question: &Question) -> [i64; 3] {
    let mut counts = [0; 3];
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
        let mut days = question
            .from
            .iter_days()
            .skip(1)
            .take_while(|on| *on <= question.to);
        counts[0] += i64::from(counted(question.as_of));
        counts[1] += i64::from(question.from < began && began <= question.to);
        counts[2] += i64::from(days.any(|on| counted(on - Days::new(1)) && !counted(on)));
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
                    return Err(StoreError::Conflict("nobody else moves the model"));
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
async fn built(register: &Register) -> Arc<ReadModel> {
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
        cases: 6,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&acts(), |acts| {
            with_register(async |register| {
                let model = built(register).await;
                let mut known = Known::default();
                let mut told = Vec::new();
                for act in &acts {
                    perform(register, &mut known, *act).await;
                    for as_of in [some_day(act.3), register.today()] {
                        let asked = question(as_of);
                        let (held, rows, at) = both(register, &model, asked.clone()).await;
                        assert_eq!(held, rows, "the model and the rows, {act:?}");
                        let totals = [0, 1, 2].map(|index| rows.totals[index].numerator);
                        assert_eq!(totals, by_hand(&known, &asked), "by hand, {act:?}");
                        told.push((asked, at, rows));
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

/// What is reached, by area, kind and level, and the day.
type Reached = BTreeMap<(String, MilestoneKind, Option<Level>), NaiveDate>;

async fn milestones_told(register: &Register) -> Reached {
    let today = register.today();
    let found = register
        .read(move |conn| {
            snapshot(conn, |conn| {
                let asked = milestones::Asked {
                    within: Subtree::rooted_at("340000/"),
                    as_of: today,
                    known: ledger::known(conn)?,
                    basis: "default".to_owned(),
                    program: None,
                };
                Ok::<_, StoreError>(milestones::standing(conn, &asked, None)?.1)
            })
        })
        .await
        .unwrap();
    found
        .into_iter()
        .map(|one| ((one.code, one.kind, one.level), one.reached_on))
        .collect()
}

/// The same, from the figures of each single day: the first on which a count is not 0, or a coverage is full.
async fn milestones_by_days(register: &Register) -> Reached {
    let mut reached = Reached::new();
    let mut day = some_day(0) - Days::new(1);
    while day <= register.today() {
        let answer = register
            .read(move |conn| {
                let known = ledger::known(conn)?;
                let asked = Question {
                    metrics: vec![Metric::Organizations, Metric::OrganizationCoverage],
                    group_by: vec![GroupBy::City, GroupBy::County, GroupBy::Level],
                    ..question(day)
                };
                let facts = Facts::load(conn, &asked.within, day, known)?;
                let basis = basis(conn, day, known)?;
                Ok(figures::answer(&asked, &basis, &facts))
            })
            .await
            .unwrap();
        for goal in reached_on_a_day(&answer) {
            reached.entry(goal).or_insert(day);
        }
        day = day + Days::new(1);
    }
    reached
}

fn reached_on_a_day(answer: &Answer) -> Vec<(String, MilestoneKind, Option<Level>)> {
    let mut sums: BTreeMap<(String, Level, Metric, Level), (i64, i64)> = BTreeMap::new();
    for figure in &answer.items {
        let word = |key| figure.group.get(&key).cloned().flatten();
        let level: Level = word(GroupBy::Level).unwrap().parse().unwrap();
        let roots = [
            (Some("340000".to_owned()), Level::Province),
            (word(GroupBy::City), Level::City),
            (word(GroupBy::County), Level::County),
        ];
        for (code, root) in roots.into_iter().filter_map(|(code, root)| Some((code?, root))) {
            let sum = sums.entry((code, root, figure.metric, level)).or_default();
            sum.0 += figure.numerator;
            sum.1 += figure.denominator.unwrap_or(0);
        }
    }
    let is_full = |code: &str, root: Level, level: Level| {
        let sum = sums.get(&(code.to_owned(), root, Metric::OrganizationCoverage, level));
        sum.is_some_and(|(covered, all)| covered == all)
    };
    let mut goals = Vec::new();
    for ((code, root, metric, level), (count, _)) in &sums {
        let goal = |kind, level| (code.clone(), kind, level);
        if *metric == Metric::Organizations {
            if *root != Level::Province && *count > 0 {
                goals.push(goal(MilestoneKind::FirstAtLevel, Some(*level)));
            }
            continue;
        }
        if level != root && is_full(code, *root, *level) {
            goals.push(goal(MilestoneKind::FullCoverage, Some(*level)));
        }
        let tiers = [Level::County, Level::Township, Level::Village];
        if *root == Level::County && tiers.iter().all(|tier| is_full(code, *root, *tier)) {
            goals.push(goal(MilestoneKind::ThreeTierFullCoverage, None));
        }
    }
    goals
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
        assert!(matches!(outcome, Held::Newer));
    });
}
