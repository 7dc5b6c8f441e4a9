//! The demo campaign in the register: the article's figures, and nothing twice.

use std::sync::Arc;

use chrono::NaiveDate;
use qiaojian_cli::demo::{self, Loaded, Part};
use qiaojian_shared::clock::{ManualClock, OsEntropy};
use qiaojian_shared::db::{Db, snapshot};
use qiaojian_shared::domain::organization::Status;
use qiaojian_shared::figures::{self, Basis, CohortChoice, Facts, GroupBy, Metric, Question};
use qiaojian_shared::store::{StoreError, Subtree, areas, ledger, organizations, programs, rules, tasks};
use qiaojian_tests::both_databases;
use qiaojian_tests::fixtures::{article_clock, date};

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
}

/// `added` and `growth` of the province by the counting rule of this name: (numerator, denominator, value).
async fn article_figures(db: &Db, rule: &'static str, to: NaiveDate) -> Vec<(i64, Option<i64>, Option<f64>)> {
    db.read_slow(move |conn| {
        snapshot(conn, |conn| {
            let known = ledger::known(conn)?;
            let province = areas::find(conn, &Subtree::everything(), "340000")?;
            let program = programs::list(conn, None, 1)?.remove(0);
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
            let (_, params) = rules::counting(conn, &province.path, rule, to, known)?;
            let cohorts = programs::cohorts(conn, program.program.program_id, to, known)?;
            let basis = Basis {
                counting: params,
                cohorts: cohorts
                    .into_iter()
                    .map(|(row, area)| (area.subtree(), row.cohort))
                    .collect(),
            };
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

/// One test, because twenty thousand areas take their time in a debug build.
#[test]
fn a_load_that_was_cut_short_goes_on_to_the_articles_figures_and_a_second_adds_nothing() {
    both_databases(|test_db| {
        let clock = article_clock();
        let db = test_db.open(Arc::<ManualClock>::clone(&clock));
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            for part in [Part::Areas, Part::Organizations, Part::Tasks] {
                load_until(&db, &clock, part).await;
                assert!(!demo::is_loaded(&db).await.unwrap(), "{part:?}");
            }
            let loaded = demo::load(&db, clock.as_ref(), &OsEntropy, |_| {}).await.unwrap();
            assert_eq!(loaded, Loaded::Now);
            let held = contents(&db).await;
            assert_eq!((held.0, held.1, held.2), (20_156, 486, 21));
            check_figures(&db).await;
            check_preparing(&db).await;
            let again = demo::load(&db, clock.as_ref(), &OsEntropy, |progress| panic!("{progress:?}")).await;
            assert_eq!(again.unwrap(), Loaded::Before);
            assert_eq!(contents(&db).await, held);
        });
    });
}
