//! Group commit: a closure that fails, fails alone.

use diesel::prelude::*;
use qiaojian_domain::ids::NodeId;
use qiaojian_store::db::schema::worker_nodes;
use qiaojian_store::db::{Db, DbError};
use qiaojian_tests::fixtures::{article_clock, article_time};
use qiaojian_tests::{Backend, TestDb, with_database};
use rstest_reuse::apply;
use uuid::Uuid;

use crate::both_databases;

fn insert(conn: &mut qiaojian_store::db::AnyConnection, number: u128) -> QueryResult<usize> {
    let at = article_time();
    diesel::insert_into(worker_nodes::table)
        .values((
            worker_nodes::id.eq(NodeId(Uuid::from_u128(number))),
            worker_nodes::started_at.eq(at),
            worker_nodes::heartbeat_at.eq(at),
            worker_nodes::draining.eq(false),
            worker_nodes::status.eq("{}"),
        ))
        .execute(conn)
}

async fn count(db: &Db) -> i64 {
    db.read(|conn| {
        worker_nodes::table
            .count()
            .get_result(conn)
            .map_err(DbError::from)
    })
    .await
    .unwrap()
}

fn run(backend: Backend, body: impl AsyncFn(TestDb, Db)) {
    with_database(backend, |test_db| {
        let db = test_db.open(article_clock());
        tokio::runtime::Runtime::new()
            .unwrap()
            .block_on(body(test_db, db));
    });
}

#[apply(both_databases)]
fn a_failing_closure_takes_nobody_with_it(#[case] backend: Backend) {
    run(backend, async |_test_db, db| {
        let mut writes = Vec::new();
        for number in 0..200_u128 {
            let db = db.clone();
            writes.push(tokio::spawn(async move {
                db.write(move |tx| {
                    insert(tx.conn, number)?;
                    match number % 4 {
                        // The UNIQUE key is broken: PostgreSQL aborts the savepoint.
                        1 => insert(tx.conn, number).map(drop).map_err(DbError::from),
                        2 => Err(DbError::Stopped),
                        3 => panic!("a bug in one closure"),
                        _ => Ok(()),
                    }
                })
                .await
            }));
        }
        for (number, write) in writes.into_iter().enumerate() {
            let outcome = write.await.unwrap();
            match number % 4 {
                0 => assert!(outcome.is_ok(), "{number}: {outcome:?}"),
                1 => assert!(matches!(outcome, Err(DbError::Query(_))), "{number}: {outcome:?}"),
                2 => assert!(matches!(outcome, Err(DbError::Stopped)), "{number}: {outcome:?}"),
                _ => assert!(matches!(outcome, Err(DbError::Panicked)), "{number}: {outcome:?}"),
            }
        }
        assert_eq!(count(&db).await, 50);
    });
}

#[apply(both_databases)]
fn a_closure_that_asks_for_another_try_gets_one_alone(#[case] backend: Backend) {
    run(backend, async |_test_db, db| {
        let mut tries = 0;
        let outcome = db
            .write(move |tx| {
                tries += 1;
                insert(tx.conn, 1)?;
                if tries < 3 { Err(DbError::Retry) } else { Ok(tries) }
            })
            .await;
        assert_eq!(outcome.unwrap(), 3);
        assert_eq!(count(&db).await, 1);
    });
}

#[apply(both_databases)]
fn a_lane_cannot_write(#[case] backend: Backend) {
    run(backend, async |_test_db, db| {
        let outcome = db.read(|conn| insert(conn, 1).map_err(DbError::from)).await;
        assert!(outcome.is_err());
        assert_eq!(count(&db).await, 0);
    });
}

#[apply(both_databases)]
fn two_processes_write_without_losing_or_locking(#[case] backend: Backend) {
    run(backend, async |test_db, first| {
        let second = test_db.open(article_clock());
        let mut writes = Vec::new();
        for number in 0..200_u128 {
            let db = if number % 2 == 0 {
                first.clone()
            } else {
                second.clone()
            };
            writes.push(tokio::spawn(async move {
                db.write(move |tx| insert(tx.conn, number).map_err(DbError::from))
                    .await
            }));
        }
        for write in writes {
            write.await.unwrap().unwrap();
        }
        assert_eq!(count(&second).await, 200);
    });
}
