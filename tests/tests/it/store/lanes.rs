//! Who waits for what on the lanes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use diesel::RunQueryDsl as _;
use futures_util::poll;
use qiaojian_store::db::{AnyConnection, DatabaseUrl, DbError};
use qiaojian_tests::fixtures::article_clock;
use qiaojian_tests::{Backend, with_database};
use rstest_reuse::apply;

use crate::both_databases;

#[apply(both_databases)]
fn what_nobody_waits_for_any_more_is_not_done(#[case] backend: Backend) {
    with_database(backend, |test_db| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let db = test_db.open(article_clock());
            let (begun, mut has_begun) = tokio::sync::mpsc::channel(1);
            let (release, until_released) = std::sync::mpsc::channel::<()>();
            let busy = db.clone();
            let busy = tokio::spawn(async move {
                busy.read_slow(move |_| {
                    begun.try_send(()).unwrap();
                    until_released.recv().unwrap();
                    Ok::<_, DbError>(())
                })
                .await
            });
            has_begun.recv().await.unwrap();
            // The connection of whoever asked is closed while the question waits.
            let ran = Arc::new(AtomicBool::new(false));
            let runs = Arc::clone(&ran);
            {
                let asked = db.read_slow(move |_| {
                    runs.store(true, Ordering::SeqCst);
                    Ok::<_, DbError>(())
                });
                tokio::pin!(asked);
                assert!(poll!(asked.as_mut()).is_pending());
            }
            release.send(()).unwrap();
            busy.await.unwrap().unwrap();
            // Behind it in the one lane there is.
            db.read_slow(|_| Ok::<_, DbError>(())).await.unwrap();
            assert!(!ran.load(Ordering::SeqCst));
        });
    });
}

/// Ends the server's side of this connection.
fn end(conn: &mut AnyConnection) -> Result<(), DbError> {
    let ended = diesel::sql_query("SELECT pg_terminate_backend(pg_backend_pid())").execute(conn);
    assert!(ended.is_err());
    ended.map(drop).map_err(DbError::from)
}

#[apply(both_databases)]
fn a_read_whose_connection_is_lost_is_run_once_more(#[case] backend: Backend) {
    with_database(backend, |test_db| {
        if matches!(test_db.url(), DatabaseUrl::Sqlite(_)) {
            return; // a file does not go away
        }
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let db = test_db.open(article_clock());
            for (losses, succeeds, expected) in [(0, true, 1), (1, true, 2), (2, false, 2)] {
                let runs = Arc::new(AtomicUsize::new(0));
                let counted = Arc::clone(&runs);
                let work = move |conn: &mut AnyConnection| {
                    if counted.fetch_add(1, Ordering::SeqCst) < losses {
                        end(conn)?;
                    }
                    diesel::sql_query("SELECT 1").execute(conn)?;
                    Ok::<_, DbError>(())
                };
                let fast = db.read(work.clone()).await;
                let ran = runs.swap(0, Ordering::SeqCst);
                assert_eq!((fast.is_ok(), ran), (succeeds, expected), "{losses}: {fast:?}");
                let slow = db.read_slow(work).await;
                let ran = runs.load(Ordering::SeqCst);
                assert_eq!((slow.is_ok(), ran), (succeeds, expected), "{losses}: {slow:?}");
            }
        });
    });
}
