//! A clock that runs wild, or a database that went back: nothing is composed, published or sent until a person has looked.

use std::path::PathBuf;

use chrono::TimeDelta;
use qiaojian_domain::clock::Clock as _;
use qiaojian_domain::doubt::Limits;
use qiaojian_domain::schedule::Approval;
use qiaojian_store::check::{self, Check};
use qiaojian_store::db::snapshot;
use qiaojian_store::guard::{self, Comparing};
use qiaojian_tests::Backend;
use qiaojian_worker::{Worker, WorkerConfig};
use rstest_reuse::apply;
use tokio_util::sync::CancellationToken;

use super::office::{Office, compose, until_idle, with_office};
use crate::both_databases;

fn mark(office: &Office) -> PathBuf {
    office.test_db.directory().join("ledger-mark.json")
}

fn guarded(office: &Office) -> WorkerConfig {
    WorkerConfig {
        comparing: Comparing {
            limits: Limits::default(),
            database_clock: false,
            mark: Some(mark(office)),
        },
        ..office.config()
    }
}

fn worker(office: &Office) -> Worker {
    office.worker_with(office.other_process(), guarded(office), compose)
}

/// One pass, and why it held back.
async fn look(worker: &Worker) -> Option<String> {
    worker.pass(&CancellationToken::new()).await.unwrap();
    worker.status().held
}

async fn resume(office: &Office) {
    guard::resume(&office.other_process(), &mark(office), "已核对")
        .await
        .unwrap();
}

#[apply(both_databases)]
fn a_clock_that_is_set_ahead_publishes_nothing_until_it_is_right_or_a_person_has_looked(
    #[case] backend: Backend,
) {
    with_office(backend, async |office| {
        office.schedule(Office::campaign(), Approval::Automatic).await;
        let worker = worker(office);
        until_idle(&worker).await;
        let published = async || office.bulletins().await.len();
        let before = published().await;
        assert!(before > 0);
        office.clock.step(TimeDelta::days(400));
        let held = look(&worker).await.unwrap();
        assert!(held.contains("was changed while it was running"), "{held}");
        assert_eq!(published().await, before);
        // Set right again, it goes on by itself: nothing has happened.
        office.clock.step(TimeDelta::days(-400));
        assert_eq!(look(&worker).await, None);
        office.clock.step(TimeDelta::minutes(5));
        assert_eq!(look(&worker).await, None, "a little is borne");

        office.clock.step(TimeDelta::days(40));
        assert!(look(&worker).await.is_some());
        resume(office).await;
        until_idle(&worker).await;
        assert_eq!(worker.status().held, None);
        assert!(published().await > before, "it was right after all");
        let today = office.clock.today();
        let (now, then) = (today, "2022-06-24".parse().unwrap());
        for (today, is_clean) in [(now, true), (then, false)] {
            let found = office
                .db
                .read_slow(move |conn| snapshot(conn, |conn| check::run(conn, Check::Dates, today)))
                .await
                .unwrap();
            assert_eq!(found.is_clean(), is_clean, "{found:?}");
        }
    });
}

#[apply(both_databases)]
fn a_database_that_went_back_sends_nothing_again_until_a_person_has_looked(#[case] backend: Backend) {
    with_office(backend, async |office| {
        office.schedule(Office::campaign(), Approval::Automatic).await;
        until_idle(&worker(office)).await;
        let yesterday = office.test_db.copy();
        office.advance(TimeDelta::days(7));
        let lost = worker(office);
        until_idle(&lost).await;
        let restored = yesterday.open(office.as_clock());
        let worker = office.worker_with(restored.clone(), guarded(office), compose);
        let held = look(&worker).await.unwrap();
        assert!(held.contains("returned to an earlier state"), "{held}");
        // As often as it is started.
        let again = office.worker_with(yesterday.open(office.as_clock()), guarded(office), compose);
        assert!(look(&again).await.is_some());
        guard::resume(&restored, &mark(office), "已核对").await.unwrap();
        assert_eq!(look(&worker).await, None);
        assert_eq!(look(&again).await, None);
        let later = office.worker_with(restored, guarded(office), compose);
        assert_eq!(look(&later).await, None);
    });
}

#[apply(both_databases)]
fn after_a_long_silence_or_behind_the_register_a_start_waits(#[case] backend: Backend) {
    with_office(backend, async |office| {
        assert_eq!(look(&worker(office)).await, None);
        office.advance(TimeDelta::days(30));
        assert_eq!(look(&worker(office)).await, None);
        office.advance(TimeDelta::hours(25));
        let waiting = worker(office);
        let held = look(&waiting).await.unwrap();
        assert!(held.contains("nothing was recorded for 31 days"), "{held}");
        resume(office).await;
        assert_eq!(look(&waiting).await, None);
        assert_eq!(look(&worker(office)).await, None);
        let now = office.clock.now();
        office.clock.set(now.plus(TimeDelta::minutes(-6)));
        let held = look(&worker(office)).await.unwrap();
        assert!(held.contains("behind the last entry"), "{held}");
    });
}
