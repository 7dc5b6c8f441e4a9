//! The change feed under concurrent writers, in a long ledger, and in a tree that changes.

use std::sync::Arc;

use diesel::prelude::*;
use qiaojian_domain::Noun;
use qiaojian_domain::change::{FeedCursor, told_nouns};
use qiaojian_domain::clock::ManualClock;
use qiaojian_domain::ids::{AreaId, CountId};
use qiaojian_store::areas::{self, AreaVersion, Subtree};
use qiaojian_store::audit::Entry;
use qiaojian_store::changes::{self, Change, Changes, Reader};
use qiaojian_store::counts::{self, NewCount};
use qiaojian_store::db::schema::{area_versions, audit_entries};
use qiaojian_store::db::{AnyConnection, Db, snapshot};
use qiaojian_store::{Actor, Recording, StoreError, StoreResult};
use qiaojian_tests::fixtures::{article_clock, article_time, date, load_areas};
use qiaojian_tests::{Backend, with_database};
use rstest_reuse::apply;
use uuid::Uuid;

use super::register::{Register, with_register};
use crate::both_databases;

/// Who reads everything there is in an area.
fn reader(area: &AreaVersion) -> Reader {
    Reader {
        area: area.area_id,
        visible: area.subtree(),
        nouns: told_nouns().collect(),
    }
}

fn read_since(
    conn: &mut AnyConnection,
    reader: &Reader,
    since: &FeedCursor,
    limit: usize,
) -> StoreResult<Changes> {
    snapshot(conn, |conn| {
        Ok(changes::since(conn, reader, since, limit)?.expect("a cursor of this ledger"))
    })
}

fn count_of(area: AreaId, number: u128) -> NewCount {
    NewCount {
        id: CountId(Uuid::from_u128(number + 1)),
        area,
        persons: Some(1),
        households: None,
        counted_on: date("2022-06-01"),
        source: "侨情普查".to_owned(),
    }
}

async fn count(db: &Db, area: AreaId, numbers: Vec<u128>) {
    db.write(move |tx| {
        let actor = Actor::system("test");
        let mut recording = Recording::begin(tx, &actor)?;
        for number in &numbers {
            let today = article_time().date_in_shanghai();
            counts::record(&mut recording, &count_of(area, *number), today)?;
        }
        Ok::<_, StoreError>(())
    })
    .await
    .unwrap();
}

#[apply(both_databases)]
fn a_reader_misses_nothing_and_reads_nothing_twice_while_many_write(#[case] backend: Backend) {
    with_database(backend, |test_db| {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let clock = article_clock();
            let dbs: Vec<Db> = (0..4)
                .map(|_| test_db.open(Arc::<ManualClock>::clone(&clock)))
                .collect();
            load_areas(&dbs[0], &clock).await;
            let [county, village] = dbs[0]
                .read(|conn| {
                    let found = ["340304", "340304001001"].map(|code| areas::find_anywhere(conn, code));
                    Ok::<_, StoreError>(found.map(|area| area.unwrap().unwrap()))
                })
                .await
                .unwrap();
            let mut writers = Vec::new();
            for (index, db) in (0_u128..).zip(&dbs[1..]) {
                for lane in 0..3 {
                    let (db, area) = (db.clone(), village.area_id);
                    writers.push(tokio::spawn(async move {
                        for step in 0..25 {
                            let number = index * 100_000 + lane * 10_000 + step * 10;
                            // Several in one tick, as often as not.
                            let numbers = (number..=number + step % 3).collect();
                            count(&db, area, numbers).await;
                        }
                    }));
                }
            }
            let county = reader(&county);
            let mut cursor = FeedCursor::beginning();
            let mut read: Vec<Change> = Vec::new();
            loop {
                let all_have_written = writers.iter().all(tokio::task::JoinHandle::is_finished);
                let (county, since, limit) = (county.clone(), cursor.clone(), 1 + read.len() % 7);
                let answer = dbs[0]
                    .read(move |conn| read_since(conn, &county, &since, limit))
                    .await
                    .unwrap();
                assert!(answer.read.read >= cursor.read);
                cursor = answer.read;
                read.extend(answer.items);
                if all_have_written && !answer.more {
                    break;
                }
            }
            for writer in writers {
                writer.await.unwrap();
            }
            let written: Vec<(i64, String)> = dbs[0]
                .read(|conn| {
                    let rows = audit_entries::table
                        .filter(audit_entries::resource.eq("counts"))
                        .order((audit_entries::seq, audit_entries::ordinal))
                        .select((audit_entries::seq, audit_entries::resource_id))
                        .load(conn)?;
                    Ok::<_, StoreError>(rows)
                })
                .await
                .unwrap();
            let counted = read.into_iter().filter(|change| change.noun == Noun::Counts);
            let told: Vec<(i64, String)> = counted.map(|change| (change.seq, change.id)).collect();
            assert_eq!(written.len(), 9 * (25 + 24));
            assert_eq!(told, written);
        });
    });
}

#[apply(both_databases)]
fn a_village_far_behind_in_a_long_ledger_gets_there_by_short_steps(#[case] backend: Backend) {
    with_register(backend, async |register| {
        let [city, village] = [register.area("341800").await, register.area("340304001001").await];
        for tick in 0..12_u128 {
            let numbers = (tick * 100..(tick + 1) * 100).collect();
            count(&register.db, city.area_id, numbers).await;
        }
        count(&register.db, village.area_id, vec![5000]).await;
        let village = reader(&village);
        let steps = register
            .read(move |conn| {
                let mut steps = vec![read_since(conn, &village, &FeedCursor::beginning(), 200)?];
                while let Some(last) = steps.last().filter(|last| last.more) {
                    let next = read_since(conn, &village, &last.read, 200)?;
                    steps.push(next);
                }
                Ok(steps)
            })
            .await
            .unwrap();
        assert_eq!(steps.len(), 2, "about a thousand entries are read in one step");
        assert!(steps[0].read.read < steps[1].read.read);
        let told: Vec<Noun> = steps
            .into_iter()
            .flat_map(|step| step.items)
            .map(|change| change.noun)
            .collect();
        assert_eq!(told, [Noun::Area, Noun::Counts]);
    });
}

/// The area, and all below it, under another path from now on; one entry for the whole.
async fn reparent(register: &Register, area: &AreaVersion, path: &'static str) {
    let (id, from) = (area.area_id, area.path.clone());
    register
        .write(move |recording| {
            let recorded = recording.recorded();
            let below = Subtree::rooted_at(&from);
            let known: Vec<AreaVersion> = area_versions::table
                .filter(
                    area_versions::path
                        .ge(below.lower())
                        .and(area_versions::path.lt(below.upper())),
                )
                .filter(area_versions::superseded_seq.is_null())
                .select(AreaVersion::as_select())
                .load(recording.conn())?;
            diesel::update(area_versions::table)
                .filter(area_versions::area_id.eq_any(known.iter().map(|area| area.area_id)))
                .filter(area_versions::superseded_seq.is_null())
                .set((
                    area_versions::superseded_seq.eq(recorded.seq),
                    area_versions::superseded_at.eq(recorded.at),
                ))
                .execute(recording.conn())?;
            for old in known {
                let moved = AreaVersion {
                    version: old.version + 1,
                    recorded_seq: recorded.seq,
                    recorded_at: recorded.at,
                    path: old.path.replacen(&from, path, 1),
                    ..old
                };
                diesel::insert_into(area_versions::table)
                    .values(&moved)
                    .execute(recording.conn())?;
            }
            recording.audit(&Entry {
                verb: "move",
                resource: Noun::Area,
                id: &id.to_string(),
                area: Some(id),
                before: None,
                after: None,
            })?;
            Ok(())
        })
        .await
        .unwrap();
}

async fn told(register: &Register, area: &'static str, since: &FeedCursor) -> Vec<(Noun, String, bool)> {
    let reader = reader(&register.area(area).await);
    let since = since.clone();
    let answer = register
        .read(move |conn| read_since(conn, &reader, &since, 200))
        .await
        .unwrap();
    answer
        .items
        .into_iter()
        .map(|change| (change.noun, change.area.unwrap_or_default(), change.gone))
        .collect()
}

#[apply(both_databases)]
fn a_township_that_changes_counties_leaves_one_joins_the_other_and_keeps_its_own_past(
    #[case] backend: Backend,
) {
    with_register(backend, async |register| {
        let township = register.area("340304001").await;
        let village = register.area("340304001001").await;
        count(&register.db, village.area_id, vec![1]).await;
        let place = register.read(|conn| Ok(changes::present(conn)?)).await.unwrap();
        reparent(register, &township, "340000/340300/340322/340304001/").await;
        count(&register.db, village.area_id, vec![2]).await;

        let code = |code: &str| code.to_owned();
        assert_eq!(
            told(register, "340304", &place).await,
            [(Noun::Area, code("340304001"), true)],
            "gone, and what happens there is none of its business"
        );
        let joined = [
            (Noun::Area, code("340304001"), false),
            (Noun::Counts, code("340304001001"), false),
        ];
        assert_eq!(told(register, "340322", &place).await, joined);
        assert_eq!(told(register, "340300", &place).await, joined);
        // Whose own path has changed is told of its past under the earlier one.
        let counted = told(register, "340304001", &FeedCursor::beginning()).await;
        let counted = counted.iter().filter(|(noun, ..)| *noun == Noun::Counts).count();
        assert_eq!(counted, 2);
    });
}
