//! A database with the fixture's areas, for tests of the store.

use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use qiaojian_domain::clock::{Clock, ManualClock};
use qiaojian_store::areas::{self, AreaVersion};
use qiaojian_store::db::{AnyConnection, Db};
use qiaojian_store::{Actor, Recording, StoreResult};
use qiaojian_tests::fixtures::{article_clock, load_areas};
use qiaojian_tests::{Backend, TestDb, with_database};

/// The register of one test.
pub struct Register {
    pub db: Db,
    clock: Arc<ManualClock>,
}

/// Runs a test against a register.
pub fn with_register(backend: Backend, body: impl AsyncFn(&Register)) {
    with_database(backend, |test_db| {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let clock = article_clock();
            let db = test_db.open(Arc::<ManualClock>::clone(&clock));
            load_areas(&db, &clock).await;
            body(&Register { db, clock }).await;
        });
    });
}

/// Runs one body on two registers that share their beginning: what `before` did is in both. On SQLite and on PostgreSQL.
pub fn with_forked_register(
    backend: Backend,
    before: impl AsyncFn(&Register),
    body: impl AsyncFn(&Register, &Register),
) {
    with_database(backend, |test_db| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let clock = article_clock();
        let open = |test_db: &TestDb| Register {
            db: test_db.open(Arc::<ManualClock>::clone(&clock)),
            clock: Arc::clone(&clock),
        };
        let register = open(&test_db);
        runtime.block_on(load_areas(&register.db, &clock));
        runtime.block_on(before(&register));
        drop(register);
        let copy = test_db.copy();
        let (register, copied) = (open(&test_db), open(&copy));
        runtime.block_on(body(&register, &copied));
    });
}

impl Register {
    /// Today in Shanghai: 2022-06-24.
    pub fn today(&self) -> NaiveDate {
        self.clock.today()
    }

    /// It is the next day.
    pub fn pass_a_day(&self) {
        self.clock.advance(TimeDelta::days(1));
    }

    /// One write of facts.
    pub async fn write<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&mut Recording<'_, '_>) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        self.db
            .write(move |tx| {
                let actor = Actor::system("test");
                work(&mut Recording::begin(tx, &actor)?)
            })
            .await
    }

    /// One read.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut AnyConnection) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        self.db.read(work).await
    }

    /// An area of the fixture.
    pub async fn area(&self, code: &'static str) -> AreaVersion {
        self.area_if_there(code).await.expect("an area of the fixture")
    }

    /// An area of the fixture, which may have gone.
    pub async fn area_if_there(&self, code: &'static str) -> Option<AreaVersion> {
        self.read(move |conn| Ok(areas::find_anywhere(conn, code)?))
            .await
            .unwrap()
    }
}
