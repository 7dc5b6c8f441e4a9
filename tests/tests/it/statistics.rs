//! PostgreSQL plans by statistics, which it gathers by itself only up to a minute after much was added. What the product adds at once, it
//! also has analyzed, so that the first list is as quick as the next.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use qiaojian_store::db::{AnyConnection, Db};
use qiaojian_store::organizations::{self, Filter};
use qiaojian_store::{StoreError, Subtree};

/// Blocks that a page of the register may read: a few thousand do, millions are read by the wrong plan.
const MOST_BLOCKS: i64 = 50_000;

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    relname: String,
}

#[derive(QueryableByName)]
struct Blocks {
    #[diesel(sql_type = BigInt)]
    blocks: i64,
}

/// The tables that hold rows and were never analyzed by a command.
fn never_analyzed(conn: &mut PgConnection) -> Vec<String> {
    let names: Vec<Name> = diesel::sql_query(
        "SELECT relname::text FROM pg_stat_user_tables \
         WHERE n_live_tup > 500 AND last_analyze IS NULL AND relname <> '__diesel_schema_migrations'",
    )
    .load(conn)
    .unwrap();
    names.into_iter().map(|name| name.relname).collect()
}

/// All blocks this database has read so far, from memory or from disk.
fn blocks(conn: &mut PgConnection) -> i64 {
    let read: Vec<Blocks> = diesel::sql_query(
        "SELECT COALESCE(sum(COALESCE(heap_blks_read, 0) + COALESCE(heap_blks_hit, 0) + COALESCE(idx_blks_read, 0) \
         + COALESCE(idx_blks_hit, 0)), 0)::bigint AS blocks, pg_stat_force_next_flush()::text FROM pg_statio_user_tables",
    )
    .load(conn)
    .unwrap();
    read[0].blocks
}

/// On a database that was just filled: everything large was analyzed, and a page of the register is found by an index.
pub async fn are_fresh(db: &Db) {
    db.read(|conn| {
        if let AnyConnection::Postgres(conn) = conn {
            assert_eq!(never_analyzed(conn), Vec::<String>::new());
            blocks(conn);
        }
        let before = match conn {
            AnyConnection::Postgres(conn) => blocks(conn),
            AnyConnection::Sqlite(_) => return Ok(()),
        };
        for name_contains in [None, Some("侨联".to_owned())] {
            let filter = Filter {
                name_contains,
                ..Filter::default()
            };
            let page = organizations::list(conn, &Subtree::everything(), &filter, None, 50)?;
            assert_eq!(page.len(), 50);
        }
        if let AnyConnection::Postgres(conn) = conn {
            blocks(conn);
            let read = blocks(conn) - before;
            assert!((1..MOST_BLOCKS).contains(&read), "{read} blocks for two pages");
        }
        Ok::<_, StoreError>(())
    })
    .await
    .unwrap();
}
