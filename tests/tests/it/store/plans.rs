//! The plans of the hot queries: whatever the size of the register, none reads all of it. The statement itself is taken from the
//! store function as it runs, so that the plan is of the query that is really sent.

use std::sync::{Arc, Mutex};

use diesel::connection::{Connection as _, InstrumentationEvent, SimpleConnection as _};
use diesel::prelude::*;
use diesel::sql_types::Text;
use qiaojian_domain::change::{FeedCursor, told_nouns};
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::{AreaId, NoticeId, OrganizationId, TokenId};
use qiaojian_domain::organization::{Dormancy, PreciseDate, Unveiling};
use qiaojian_store::audit::Entry;
use qiaojian_store::changes::{self, Reader};
use qiaojian_store::db::{AnyConnection, Db};
use qiaojian_store::organizations::Which;
use qiaojian_store::{
    Actor, Moment, Recording, StoreError, Subtree, areas, idempotency, ledger, notices, organizations, tokens,
};
use qiaojian_tests::fixtures::{article_clock, date, load_areas};
use qiaojian_tests::{Backend, with_database};
use rstest_reuse::apply;
use uuid::Uuid;

use crate::both_databases;

#[derive(QueryableByName)]
struct SqliteStep {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[derive(QueryableByName)]
struct PostgresStep {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    line: String,
}

/// The statements that `work` sends.
pub fn statements(conn: &mut AnyConnection, work: impl FnOnce(&mut AnyConnection)) -> Vec<String> {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&sent);
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            let text = query.to_string();
            let statement = text.split(" -- binds:").next().unwrap_or_default().to_owned();
            heard.lock().unwrap().push(statement);
        }
    });
    work(conn);
    conn.set_instrumentation(|_: InstrumentationEvent<'_>| {});
    let sent = sent.lock().unwrap().clone();
    sent.into_iter()
        .filter(|statement| statement.starts_with("SELECT"))
        .collect()
}

/// The steps of a statement's plan that read a whole table.
fn scans(conn: &mut AnyConnection, statement: &str) -> Vec<String> {
    match conn {
        AnyConnection::Sqlite(conn) => {
            let steps: Vec<SqliteStep> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {statement}"))
                .load(conn)
                .unwrap();
            let details = steps.into_iter().map(|step| step.detail);
            details.filter(|detail| detail.starts_with("SCAN")).collect()
        }
        AnyConnection::Postgres(conn) => {
            let parameters = (1..)
                .take_while(|number| statement.contains(&format!("${number}")))
                .count();
            let nulls = vec!["NULL"; parameters].join(", ");
            // Small tables are cheapest to scan: told not to, the planner scans only what no index serves.
            conn.batch_execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")
                .unwrap();
            conn.batch_execute(&format!("PREPARE hot AS {statement}"))
                .unwrap();
            let execute = if nulls.is_empty() {
                "hot".to_owned()
            } else {
                format!("hot({nulls})")
            };
            let steps: Vec<PostgresStep> = diesel::sql_query(format!("EXPLAIN EXECUTE {execute}"))
                .load(conn)
                .unwrap();
            conn.batch_execute("DEALLOCATE hot").unwrap();
            let lines = steps.into_iter().map(|step| step.line);
            lines.filter(|line| line.contains("Seq Scan")).collect()
        }
    }
}

/// An entry of each noun that is told in the change feed, so that all it asks for is asked.
async fn entries_of_every_noun(db: &Db) {
    db.write(|tx| {
        let actor = Actor::system("test");
        let mut recording = Recording::begin(tx, &actor)?;
        for noun in told_nouns() {
            recording.audit(&Entry {
                verb: "create",
                resource: noun,
                id: &Uuid::from_u128(1).to_string(),
                area: None,
                before: None,
                after: None,
            })?;
        }
        Ok::<_, StoreError>(())
    })
    .await
    .unwrap();
}

/// A query on a hot path, run for its plan.
type Query = Box<dyn Fn(&mut AnyConnection)>;

#[apply(both_databases)]
fn no_hot_query_reads_a_whole_table(#[case] backend: Backend) {
    with_database(backend, |test_db| {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let db = test_db.open(article_clock());
            load_areas(&db, &article_clock()).await;
            entries_of_every_noun(&db).await;
            db.read(|conn| {
                let city = Subtree::rooted_at("340000/340300/");
                let nobody = Uuid::from_u128(1);
                let seen = ("340000/340300/340304/".to_owned(), OrganizationId(nobody));
                let hot: Vec<(&str, Query)> = vec![
                    (
                        "one organization",
                        Box::new({
                            let city = city.clone();
                            move |conn| drop(organizations::find(conn, &city, OrganizationId(nobody)))
                        }),
                    ),
                    (
                        "a page of organizations",
                        Box::new({
                            let (city, seen) = (city.clone(), seen.clone());
                            move |conn| {
                                organizations::list(
                                    conn,
                                    &city,
                                    &organizations::Filter::default(),
                                    Some(&seen),
                                    51,
                                )
                                .unwrap();
                            }
                        }),
                    ),
                    (
                        "terms that end",
                        Box::new({
                            let city = city.clone();
                            move |conn| {
                                let seen = (date("2022-06-24"), OrganizationId(nobody));
                                organizations::renewals(
                                    conn,
                                    (&city, None),
                                    (date("2022-12-21"), &Which::default()),
                                    Some(&seen),
                                    51,
                                )
                                .unwrap();
                            }
                        }),
                    ),
                    (
                        "where nothing happens",
                        Box::new({
                            let (city, seen) = (city.clone(), seen.clone());
                            move |conn| {
                                let moment = Moment {
                                    as_of: date("2022-06-24"),
                                    known: ledger::known(conn).unwrap(),
                                };
                                let since = date("2021-06-24");
                                for finding in [Dormancy::Dormant, Dormancy::Unknown] {
                                    let asked = (since, &[finding][..], &Which::default());
                                    organizations::dormant(conn, &city, moment, asked, Some(&seen), 51)
                                        .unwrap();
                                }
                                organizations::last_activities(conn, &[AreaId(nobody)], moment).unwrap();
                            }
                        }),
                    ),
                    (
                        "who was unveiled together",
                        Box::new({
                            let (city, seen) = (city.clone(), seen);
                            move |conn| {
                                let asked = organizations::UnveilingCheck {
                                    visible: &city,
                                    within: &city,
                                    moment: None,
                                    followed_since: None,
                                    findings: Unveiling::ALL,
                                    which: &Which::default(),
                                };
                                organizations::unveilings(conn, asked, Some(&seen), 51).unwrap();
                                let day = PreciseDate::day(date("2022-03-31"));
                                organizations::unveiled_together(conn, (&city, None), &[day]).unwrap();
                            }
                        }),
                    ),
                    (
                        "what it was merged into",
                        Box::new({
                            let city = city.clone();
                            move |conn| {
                                let known = ledger::known(conn).unwrap();
                                let merged = [OrganizationId(nobody)];
                                organizations::successors(conn, &city, &merged, known).unwrap();
                            }
                        }),
                    ),
                    (
                        "one area",
                        Box::new(|conn| drop(areas::find_anywhere(conn, "340304").unwrap())),
                    ),
                    (
                        "a page of areas",
                        Box::new({
                            let city = city.clone();
                            move |conn| {
                                areas::list(conn, &city, &areas::Filter::default(), None, 51).unwrap();
                            }
                        }),
                    ),
                    (
                        "a token",
                        Box::new(move |conn| drop(tokens::by_id(conn, TokenId(nobody)).unwrap())),
                    ),
                    (
                        "what was revoked",
                        Box::new(|conn| drop(tokens::revoked_after(conn, 7).unwrap())),
                    ),
                    (
                        "the newest change of the tree",
                        Box::new(|conn| {
                            areas::last_change(conn).unwrap();
                        }),
                    ),
                    (
                        "a remembered answer",
                        Box::new(move |conn| {
                            drop(idempotency::find(conn, TokenId(nobody), "hash", UtcTime::EPOCH).unwrap());
                        }),
                    ),
                    (
                        "what changed",
                        Box::new({
                            let reader = Reader {
                                area: AreaId(nobody),
                                visible: city.clone(),
                                nouns: told_nouns().collect(),
                            };
                            move |conn| {
                                drop(changes::since(conn, &reader, &FeedCursor::beginning(), 50).unwrap());
                            }
                        }),
                    ),
                    (
                        "one notice",
                        Box::new(move |conn| drop(notices::find(conn, &city, NoticeId(nobody)))),
                    ),
                ];
                for (what, work) in hot {
                    let sent = statements(conn, work);
                    assert!(!sent.is_empty(), "{what} sends no query");
                    for statement in sent {
                        assert_eq!(
                            scans(conn, &statement),
                            Vec::<String>::new(),
                            "{what}: {statement}"
                        );
                    }
                }
                Ok::<_, StoreError>(())
            })
            .await
            .unwrap();
        });
    });
}
