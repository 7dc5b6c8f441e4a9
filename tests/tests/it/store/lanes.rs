//! Who waits for what on the lanes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::poll;
use qiaojian_shared::db::DbError;
use qiaojian_tests::both_databases;
use qiaojian_tests::fixtures::article_clock;

#[test]
fn what_nobody_waits_for_any_more_is_not_done() {
    both_databases(|test_db| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let db = test_db.open(article_clock());
            let (begun, has_begun) = tokio::sync::oneshot::channel();
            let (release, until_released) = std::sync::mpsc::channel::<()>();
            let busy = db.clone();
            let busy = tokio::spawn(async move {
                busy.read_slow(move |_| {
                    begun.send(()).unwrap();
                    until_released.recv().unwrap();
                    Ok::<_, DbError>(())
                })
                .await
            });
            has_begun.await.unwrap();
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
