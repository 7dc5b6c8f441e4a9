//! The demo campaign in the register: the article's figures, and nothing twice.

use std::sync::Arc;

use chrono::NaiveDate;
use qiaojian_cli::demo::{self, Loaded, Part};
use qiaojian_documents::progress::{Common, Own, Ratio};
use qiaojian_domain::access::Post;
use qiaojian_domain::area::Level;
use qiaojian_domain::bulletin::BulletinKind;
use qiaojian_domain::clock::{ManualClock, OsEntropy};
use qiaojian_domain::organization::{Kind, Status};
use qiaojian_domain::program::Cohort;
use qiaojian_store::bulletins::BulletinKey;
use qiaojian_store::check::{self, Check};
use qiaojian_store::composition;
use qiaojian_store::db::{Db, snapshot};
use qiaojian_store::figures::{self, Basis, CohortChoice, Facts, GroupBy, Metric, Question};
use qiaojian_store::schedules::Recipients;
use qiaojian_store::{Moment, StoreError, Subtree, areas, ledger, organizations, programs, tasks};
use qiaojian_tests::api::TestApi;
use qiaojian_tests::fixtures::{article_clock, date};
use qiaojian_tests::{Backend, with_database};
use rstest_reuse::apply;

use super::{article, statistics};
use crate::both_databases;

/// Areas, organizations, tasks, and the ledger's place: all that a second load could add to.
async fn contents(db: &Db) -> (i64, usize, usize, i64) {
    db.read(|conn| {
        let everything = Subtree::everything();
        Ok::<_, StoreError>((
            areas::count(conn)?,
            organizations::list(conn, &everything, &organizations::Filter::default(), None, 10_000)?.len(),
            tasks::list(conn, &everything, &tasks::Filter::default(), None, 1_000)?.len(),
            ledger::known(conn)?.seq,
        ))
    })
    .await
    .unwrap()
}

/// Begins to load, and is dropped when the first rows of `part` are written.
async fn load_until(db: &Db, clock: &ManualClock, part: Part) {
    let (reached, cut) = tokio::sync::oneshot::channel();
    let mut reached = Some(reached);
    let load = demo::load(db, clock, &OsEntropy, move |progress| {
        if progress.part == part {
            let _ = reached.take().map(|reached| reached.send(()));
        }
    });
    tokio::select! {
        biased;
        _ = cut => {}
        loaded = load => panic!("not cut short at {part:?}: {loaded:?}"),
    }
    // What the writer was given before it was dropped is still written, before this.
    db.write(|_| Ok::<_, StoreError>(())).await.unwrap();
}

/// `added` and `growth` of the province by the counting rule of this name: (numerator, denominator, value).
async fn article_figures(db: &Db, rule: &'static str, to: NaiveDate) -> Vec<(i64, Option<i64>, Option<f64>)> {
    db.read_slow(move |conn| {
        snapshot(conn, |conn| {
            let known = ledger::known(conn)?;
            let province = areas::find(conn, &Subtree::everything(), "340000")?;
            let program = programs::list(conn, known, None, 1)?.remove(0);
            let question = Question {
                metrics: vec![Metric::Added, Metric::Growth],
                within: province.subtree(),
                from: program.program.baseline_on,
                to,
                as_of: to,
                baseline_on: Some(program.program.baseline_on),
                cohort: CohortChoice::All,
                group_by: Vec::<GroupBy>::new(),
            };
            let moment = Moment { as_of: to, known };
            let program = Some(program.program.program_id);
            let (_, basis) = Basis::load(conn, (&province.path, rule), program, moment)?;
            let facts = Facts::load(conn, &question.within, to, known)?;
            let totals = figures::answer(&question, &basis, &facts).totals;
            Ok::<_, StoreError>(
                totals
                    .into_iter()
                    .map(|figure| (figure.numerator, figure.denominator, figure.value))
                    .collect(),
            )
        })
    })
    .await
    .unwrap()
}

async fn check_figures(db: &Db) {
    let on_the_day = date("2022-06-24");
    assert_eq!(
        article_figures(db, "default", on_the_day).await,
        [(325, None, Some(325.0)), (325, Some(158), Some(205.7))]
    );
    let strict = article_figures(db, "established_only_pilots", on_the_day).await;
    assert_eq!(strict[0], (324, None, Some(324.0)));
    // 3月下旬 counts from its last day.
    let before = article_figures(db, "default", date("2022-03-30")).await[0].0;
    let after = article_figures(db, "default", date("2022-03-31")).await[0].0;
    assert!(after - before >= 77, "{before} {after}");
}

async fn check_preparing(db: &Db) {
    let preparing = db
        .read(|conn| {
            let filter = organizations::Filter {
                statuses: vec![Status::Preparing],
                ..organizations::Filter::default()
            };
            organizations::list(conn, &Subtree::everything(), &filter, None, 100).map_err(StoreError::from)
        })
        .await
        .unwrap();
    let since: Vec<_> = preparing
        .iter()
        .map(|found| found.organization.valid_from)
        .collect();
    assert_eq!(since, [date("2022-03-28"); 3]);
}

/// The common part of 2022-06's bulletin, and 蚌埠's own.
async fn june(db: &Db) -> (Common, Own) {
    db.read_slow(|conn| {
        snapshot(conn, |conn| {
            let everything = Subtree::everything();
            let issuer = areas::find(conn, &everything, "340000")?.area_id;
            let bengbu = areas::find(conn, &everything, "340300")?.area_id;
            let known = ledger::known(conn)?;
            let program = programs::list(conn, known, None, 1)?.remove(0).program.program_id;
            let key = BulletinKey {
                issuer,
                program,
                kind: BulletinKind::Progress,
                subject: String::new(),
                period: "2022-06".parse().unwrap(),
            };
            let recipients = Recipients {
                cohort: Cohort::Pilot,
                post: Post::Federation,
            };
            let composed = composition::compose(conn, &key, &recipients, date("2022-06-24"))?;
            assert!(composed.title.starts_with("【演示】"), "{}", composed.title);
            assert_eq!(composed.notices.len(), 4);
            let own = composed
                .notices
                .iter()
                .find(|notice| notice.area == bengbu)
                .unwrap();
            let common = serde_json::from_str(&composed.figures).unwrap();
            Ok::<_, StoreError>((common, serde_json::from_str(&own.figures).unwrap()))
        })
    })
    .await
    .unwrap()
}

/// What the campaign's last bulletin says, number by number.
async fn check_bulletin(db: &Db) {
    let (common, own) = june(db).await;
    assert_eq!(common.totals.organizations, 483);
    assert_eq!(common.totals.growth, Ratio::of(325, 158));
    assert_eq!(common.totals.closed_since_baseline, 0);
    let groups: Vec<_> = common
        .added_since_baseline
        .groups
        .iter()
        .map(|group| (group.level, group.kind, group.count))
        .collect();
    assert_eq!(
        groups,
        [
            (Level::City, Kind::Federation, 1),
            (Level::County, Kind::Federation, 15),
            (Level::Township, Kind::Federation, 31),
            (Level::Village, Kind::WorkStation, 277),
            (Level::Park, Kind::Federation, 1),
        ]
    );
    let coverage: Vec<_> = common
        .coverage
        .iter()
        .map(|row| (row.level, row.ratio.denominator))
        .collect();
    assert_eq!(
        coverage[..2],
        [(Level::City, Some(16)), (Level::County, Some(104))]
    );
    assert_eq!(common.coverage[0].ratio, Ratio::of(16, 16));
    let codes: Vec<_> = common.cities.iter().map(|city| city.city.code.as_str()).collect();
    assert_eq!(codes, ["340300", "340500", "340800", "341200"]);
    assert_eq!(
        common
            .cities
            .iter()
            .map(|city| city.added_since_baseline)
            .sum::<i64>(),
        324,
        "the pilots' own; the 325th is 宣城's"
    );

    assert_eq!(
        own.figures, common.cities[0],
        "a city's own figures are its row of the table"
    );
    assert_eq!(own.figures.city.name, "蚌埠市");
    assert_eq!(own.figures.counties, Ratio::of(6, 7));
    let yuhui = own.gaps.iter().find(|gap| gap.county.code == "340304").unwrap();
    assert_eq!(yuhui.has_organization, Some(true));
    assert_eq!((yuhui.townships.without, yuhui.townships.of), (Some(0), Some(7)));
    assert_eq!((yuhui.villages.without, yuhui.villages.of), (Some(0), Some(68)));
    let covered: Vec<_> = own
        .gaps
        .iter()
        .filter(|gap| gap.townships.without == Some(0) && gap.villages.without == Some(0))
        .map(|gap| gap.county.code.as_str())
        .collect();
    assert_eq!(
        covered,
        ["340304"],
        "the one county with three-tier full coverage"
    );
    let tasks = &own.tasks;
    assert!(tasks.done.count > 0 && tasks.open.count > 0, "{tasks:?}");
    let july = date("2022-07-01")..=date("2022-07-31");
    assert!(own.due_next.rows.iter().all(|task| july.contains(&task.due_on)));
}

async fn check_rows(db: &Db, of: Check) -> check::Report {
    let today = date("2022-06-24");
    db.read_slow(move |conn| snapshot(conn, |conn| check::run(conn, of, today)))
        .await
        .unwrap()
}

/// One test, because twenty thousand areas take their time in a debug build.
#[apply(both_databases)]
fn a_load_that_was_cut_short_goes_on_to_the_articles_figures_and_a_second_adds_nothing(
    #[case] backend: Backend,
) {
    with_database(backend, |test_db| {
        let clock = article_clock();
        let db = test_db.open(Arc::<ManualClock>::clone(&clock));
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            for part in [Part::Areas, Part::Organizations, Part::Tasks] {
                load_until(&db, &clock, part).await;
                assert!(!demo::is_loaded(&db).await.unwrap(), "{part:?}");
            }
            let loaded = demo::load(&db, clock.as_ref(), &OsEntropy, |_| {}).await.unwrap();
            assert_eq!(loaded, Loaded::Now);
            statistics::are_fresh(&db).await;
            let held = contents(&db).await;
            assert_eq!((held.0, held.1, held.2), (20_156, 486, 21));
            check_figures(&db).await;
            check_preparing(&db).await;
            check_bulletin(&db).await;
            for of in Check::ALL {
                let checked = check_rows(&db, *of).await;
                assert!(checked.is_clean(), "{checked:?}");
            }
            let again = demo::load(&db, clock.as_ref(), &OsEntropy, |progress| panic!("{progress:?}")).await;
            assert_eq!(again.unwrap(), Loaded::Before);
            assert_eq!(contents(&db).await, held);
            let api = TestApi::over(test_db, db, clock).await;
            article::check(&api).await;
            api.stop().await;
        });
    });
}
