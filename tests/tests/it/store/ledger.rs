//! The ledger clock: an answer at a past `known_at` never changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use diesel::prelude::*;
use qiaojian_domain::Noun;
use qiaojian_domain::clock::{ManualClock, UtcTime};
use qiaojian_domain::ids::AreaId;
use qiaojian_store::audit::{self, Entry};
use qiaojian_store::db::schema::{area_counts, audit_entries};
use qiaojian_store::db::{AnyConnection, Db, snapshot};
use qiaojian_store::{Actor, Recorded, Recording, StoreError, areas, ledger};
use qiaojian_tests::fixtures::{article_clock, article_time, date, load_areas};
use qiaojian_tests::{Backend, with_database};
use rstest_reuse::apply;
use uuid::Uuid;

use crate::both_databases;

/// Everything that was known at `known`: the answer whose stability is at stake.
fn answer(conn: &mut AnyConnection, known: Recorded) -> Result<Vec<i32>, StoreError> {
    let rows: Vec<Option<i32>> = area_counts::table
        .filter(area_counts::recorded_at.le(known.at))
        .order(area_counts::recorded_seq)
        .select(area_counts::persons)
        .load(conn)?;
    Ok(rows.into_iter().flatten().collect())
}

async fn record(db: &Db, area: AreaId, number: i32) {
    db.write(move |tx| {
        let actor = Actor::system("test");
        let mut recording = Recording::begin(tx, &actor)?;
        let recorded = recording.recorded();
        diesel::insert_into(area_counts::table)
            .values((
                area_counts::id.eq(AreaId(Uuid::from_u128(u128::from(number.unsigned_abs()) + 1))),
                area_counts::area_id.eq(area),
                area_counts::recorded_seq.eq(recorded.seq),
                area_counts::recorded_at.eq(recorded.at),
                area_counts::persons.eq(number),
                area_counts::counted_on.eq(date("2022-06-01")),
                area_counts::source.eq("test"),
            ))
            .execute(recording.conn())?;
        let id = number.to_string();
        recording.audit(&Entry {
            verb: "create",
            resource: Noun::Counts,
            id: &id,
            area: Some(area),
            before: None,
            after: None,
        })?;
        Ok::<_, StoreError>(())
    })
    .await
    .unwrap();
}

#[apply(both_databases)]
fn an_answer_at_a_past_moment_never_changes_whatever_the_clocks_do(#[case] backend: Backend) {
    with_database(backend, |test_db| {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            // Three processes whose clocks are an hour apart, and wander.
            let clocks: Vec<Arc<ManualClock>> = [-3600, 0, 3600]
                .into_iter()
                .map(|skew| Arc::new(ManualClock::at(article_time().plus(TimeDelta::seconds(skew)))))
                .collect();
            let dbs: Vec<Db> = clocks
                .iter()
                .map(|clock| test_db.open(Arc::<ManualClock>::clone(clock)))
                .collect();
            load_areas(&dbs[1], &article_clock()).await;
            let area = dbs[1]
                .read(|conn| Ok::<_, StoreError>(areas::find_anywhere(conn, "340300")?.unwrap().area_id))
                .await
                .unwrap();
            let mut writers = Vec::new();
            for (index, (db, clock)) in dbs.iter().cloned().zip(clocks).enumerate() {
                writers.push(tokio::spawn(async move {
                    for step in 0..40 {
                        clock.advance(TimeDelta::seconds(if step % 3 == 0 { -90 } else { 60 }));
                        record(&db, area, i32::try_from(index * 1000 + step).unwrap()).await;
                    }
                }));
            }
            // A reader notes what it was told, while they write.
            let mut told: BTreeMap<Recorded, Vec<i32>> = BTreeMap::new();
            while writers.iter().any(|writer| !writer.is_finished()) {
                let (known, seen) = dbs[0]
                    .read(|conn| {
                        snapshot(conn, |conn| {
                            let known = ledger::known(conn)?;
                            Ok::<_, StoreError>((known, answer(conn, known)?))
                        })
                    })
                    .await
                    .unwrap();
                told.insert(known, seen);
            }
            for writer in writers {
                writer.await.unwrap();
            }
            for (known, seen) in told {
                let again = dbs[2].read(move |conn| answer(conn, known)).await.unwrap();
                assert_eq!(again, seen, "what was known at {} has changed", known.at);
            }
            let ticks: Vec<(i64, UtcTime)> = dbs[0]
                .read(|conn| {
                    let rows = audit_entries::table
                        .order(audit_entries::seq)
                        .select((audit_entries::seq, audit_entries::at))
                        .load(conn)?;
                    Ok::<_, StoreError>(rows)
                })
                .await
                .unwrap();
            assert!(ticks.is_sorted_by(|one, next| one.0 < next.0 && one.1 < next.1 || one == next));
            assert_eq!(ticks.len(), 120 + qiaojian_tests::fixtures::AREAS.len());
        });
    });
}

#[apply(both_databases)]
fn the_audit_trail_shows_a_changed_and_a_missing_entry(#[case] backend: Backend) {
    with_database(backend, |test_db| {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let db = test_db.open(article_clock());
            load_areas(&db, &article_clock()).await;
            let area = db
                .read(|conn| Ok::<_, StoreError>(areas::find_anywhere(conn, "340300")?.unwrap().area_id))
                .await
                .unwrap();
            for number in 0..3 {
                record(&db, area, number).await;
            }
            let intact = db
                .read(|conn| Ok::<_, StoreError>(audit::chain(conn)?.first_break))
                .await
                .unwrap();
            assert_eq!(intact, None);
            db.write(|tx| {
                diesel::update(audit_entries::table.filter(audit_entries::seq.eq(3)))
                    .set(audit_entries::verb.eq("delete"))
                    .execute(tx.conn)
                    .map_err(StoreError::from)
            })
            .await
            .unwrap();
            let broken = db
                .read(|conn| Ok::<_, StoreError>(audit::chain(conn)?.first_break))
                .await
                .unwrap();
            assert_eq!(broken, Some((3, 0)));
            db.write(|tx| {
                diesel::delete(audit_entries::table.filter(audit_entries::seq.ge(3)))
                    .execute(tx.conn)
                    .map_err(StoreError::from)
            })
            .await
            .unwrap();
            let cut = db
                .read(|conn| Ok::<_, StoreError>(audit::chain(conn)?.first_break))
                .await
                .unwrap();
            assert!(cut.is_some(), "an end that was cut off shows too");
        });
    });
}
