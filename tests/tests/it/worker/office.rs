//! A provincial office with a programme, two cities, and workers that can be made to die.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use diesel::prelude::*;
use qiaojian_documents::progress::{
    Added, AreaName, CityFigures, Common, FORMAT, Own, PeriodSpan, Ratio, TaskList, Tasks, Totals, title,
};
use qiaojian_domain::access::Post;
use qiaojian_domain::bulletin::BulletinKind;
use qiaojian_domain::clock::{Clock, Entropy, ManualClock, OsEntropy, UtcTime};
use qiaojian_domain::delivery::{Channel, DeliveryState, OnUncertain, SendResult};
use qiaojian_domain::digest::{canonical, digest_of};
use qiaojian_domain::doubt::Limits;
use qiaojian_domain::ids::{AreaId, DeliveryId, EndpointId, ProgramId, ScheduleId};
use qiaojian_domain::organization::PreciseDate;
use qiaojian_domain::period::{Period, PeriodUnit};
use qiaojian_domain::program::{Cohort, Facts};
use qiaojian_domain::schedule::{Approval, CatchUp, PlanFields, WorkdayPolicy};
use qiaojian_store::areas::{self, Subtree};
use qiaojian_store::bulletins::{BulletinRow, ComposedBulletin, ComposedNotice};
use qiaojian_store::db::schema::{bulletins, deliveries, notices, occurrences};
use qiaojian_store::db::{AnyConnection, Db, DbError};
use qiaojian_store::deliveries::{DeliveryRow, Outgoing};
use qiaojian_store::endpoints::{self, EndpointRow, NewEndpoint};
use qiaojian_store::guard::Comparing;
use qiaojian_store::notices::NoticeRow;
use qiaojian_store::occurrences::OccurrenceRow;
use qiaojian_store::programs::{self, NewProgram};
use qiaojian_store::schedules::{self, NewSchedule, Recipients, ScheduleRow};
use qiaojian_store::{Actor, Recording, StoreError, StoreResult, audit};
use qiaojian_tests::fixtures::{date, load_areas};
use qiaojian_tests::{Backend, TestDb, with_database};
use qiaojian_worker::{Answer, Composer, Courier, Order, Worker, WorkerConfig};
use tokio_util::sync::CancellationToken;

/// The cities notices go to.
pub const CITIES: [&str; 2] = ["340300", "341800"];

pub struct Office {
    pub test_db: TestDb,
    pub db: Db,
    pub clock: Arc<ManualClock>,
    pub province: AreaId,
    pub program: ProgramId,
}

/// Runs one body on both databases, at noon in Shanghai on 2022-06-24, and checks the ledger when it is through.
pub fn with_office(backend: Backend, body: impl AsyncFn(&Office)) {
    with_database(backend, |test_db| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let office = Office::open(test_db).await;
            body(&office).await;
            office.check_invariants().await;
        });
    });
}

impl Office {
    async fn open(test_db: TestDb) -> Self {
        let clock = Arc::new(ManualClock::at("2022-06-24T04:00:00Z".parse().unwrap()));
        let as_clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let db = test_db.open(as_clock);
        load_areas(&db, &clock).await;
        let program = ProgramId::generate(clock.as_ref(), &OsEntropy);
        let province = db
            .write(move |tx| {
                let actor = Actor::system("test");
                let mut recording = Recording::begin(tx, &actor)?;
                let province =
                    areas::find_anywhere(recording.conn(), "340000")?.expect("the fixture's province");
                let facts = Facts {
                    code: "pilot".to_owned(),
                    title: "党建带侨建、侨建促党建".to_owned(),
                    aliases: vec![],
                    baseline_on: date("2021-10-31"),
                    starts: PreciseDate::day(date("2021-11-01")),
                    target_on: date("2022-12-31"),
                    note: None,
                };
                let new = NewProgram {
                    id: program,
                    digest: String::new(),
                    issuer: province.area_id,
                    illustrative: true,
                    facts,
                };
                programs::create(&mut recording, &new)?;
                Ok::<_, StoreError>(province.area_id)
            })
            .await
            .unwrap();
        Self {
            test_db,
            db,
            clock,
            province,
            program,
        }
    }

    /// The lanes of another process on the same database.
    pub fn other_process(&self) -> Db {
        self.test_db.open(self.as_clock())
    }

    pub fn as_clock(&self) -> Arc<dyn Clock> {
        Arc::<ManualClock>::clone(&self.clock)
    }

    /// Without a limit to the silence before a start: tests let months pass.
    pub fn config(&self) -> WorkerConfig {
        let limits = Limits {
            silence: TimeDelta::MAX,
            ..Limits::default()
        };
        WorkerConfig {
            comparing: Comparing {
                limits,
                ..Comparing::default()
            },
            ..WorkerConfig::new(self.test_db.directory())
        }
    }

    /// A worker in this process with this composer.
    pub fn worker_with(&self, db: Db, config: WorkerConfig, composer: impl Composer) -> Worker {
        let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
        Worker::new(config, db, self.as_clock(), entropy, Arc::new(composer)).unwrap()
    }

    /// A worker in this process.
    pub fn worker(&self) -> Worker {
        self.worker_with(self.db.clone(), self.config(), compose)
    }

    pub fn advance(&self, delta: TimeDelta) {
        self.clock.advance(delta);
    }

    /// A monthly schedule for the month just over, from 2021-12 to 2022-06, everything caught up.
    pub fn campaign() -> PlanFields {
        PlanFields {
            spec: "0 0 9 1 * *".to_owned(),
            time_zone: "Asia/Shanghai".to_owned(),
            period_unit: PeriodUnit::Month,
            period_offset: -1,
            starts_period: "2021-12".parse().unwrap(),
            ends_period: Some("2022-06".parse().unwrap()),
            workday_policy: WorkdayPolicy::None,
            catch_up: CatchUp::All,
            catch_up_window_s: None,
            catch_up_cap: 1000,
        }
    }

    pub async fn schedule(&self, plan: PlanFields, approval: Approval) -> ScheduleRow {
        let (issuer, program) = (self.province, self.program);
        let id = ScheduleId::generate(self.clock.as_ref(), &OsEntropy);
        self.record(move |recording| {
            let new = NewSchedule {
                id,
                digest: String::new(),
                issuer,
                issuer_post: Post::Federation,
                program,
                kind: BulletinKind::Progress,
                recipients: Recipients {
                    cohort: Cohort::Pilot,
                    post: Post::Federation,
                },
                plan: plan.clone(),
                approval,
            };
            schedules::create(recording, &new)
        })
        .await
        .unwrap()
    }

    pub async fn endpoint(&self, city: &str, channel: Channel, on_uncertain: OnUncertain) -> EndpointRow {
        let address = if channel == Channel::Email {
            format!("office@{city}.example.org")
        } else {
            String::new()
        };
        self.endpoint_at(city, channel, &address, on_uncertain).await
    }

    pub async fn endpoint_at(
        &self,
        city: &str,
        channel: Channel,
        address: &str,
        on_uncertain: OnUncertain,
    ) -> EndpointRow {
        let id = EndpointId::generate(self.clock.as_ref(), &OsEntropy);
        let (city, address) = (city.to_owned(), address.to_owned());
        self.record(move |recording| {
            let area = areas::find(recording.conn(), &Subtree::everything(), &city)?;
            let new = NewEndpoint {
                id,
                digest: String::new(),
                area: area.area_id,
                post: Post::Federation,
                channel,
                address: address.clone(),
                on_uncertain,
            };
            endpoints::create(recording, &new)
        })
        .await
        .unwrap()
    }

    /// One write by a person.
    pub async fn record<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&mut Recording<'_, '_>) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        self.db
            .write(move |tx| {
                let actor = Actor::system("test");
                let mut recording = Recording::begin(tx, &actor)?;
                work(&mut recording)
            })
            .await
    }

    pub async fn read<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&mut AnyConnection) -> QueryResult<T> + Send + 'static,
    ) -> T {
        self.db
            .read(move |conn| work(conn).map_err(DbError::from))
            .await
            .unwrap()
    }

    pub async fn occurrences(&self) -> Vec<OccurrenceRow> {
        self.read(|conn| {
            occurrences::table
                .order(occurrences::due_at)
                .select(OccurrenceRow::as_select())
                .load(conn)
        })
        .await
    }

    /// By serial, drafts first.
    pub async fn bulletins(&self) -> Vec<BulletinRow> {
        let mut rows: Vec<BulletinRow> = self
            .read(|conn| bulletins::table.select(BulletinRow::as_select()).load(conn))
            .await;
        rows.sort_by_key(|row| (row.serial, row.period));
        rows
    }

    pub async fn notices(&self) -> Vec<NoticeRow> {
        self.read(|conn| {
            notices::table
                .order(notices::id)
                .select(NoticeRow::as_select())
                .load(conn)
        })
        .await
    }

    /// What was queued for an endpoint.
    pub async fn deliveries(&self) -> Vec<DeliveryRow> {
        let mut rows = self.all_deliveries().await;
        rows.retain(|row| row.endpoint_id.is_some());
        rows
    }

    /// The same, with what has nowhere to go.
    async fn all_deliveries(&self) -> Vec<DeliveryRow> {
        self.read(|conn| {
            deliveries::table
                .order(deliveries::id)
                .select(DeliveryRow::as_select())
                .load(conn)
        })
        .await
    }

    pub async fn the_delivery(&self) -> DeliveryRow {
        let rows = self.deliveries().await;
        assert_eq!(rows.len(), 1);
        rows.into_iter().next().unwrap()
    }

    pub async fn endpoint_row(&self, id: impl Into<Option<EndpointId>>) -> EndpointRow {
        let id = id.into().unwrap();
        self.db
            .read(move |conn| endpoints::find(conn, &Subtree::everything(), id))
            .await
            .unwrap()
    }

    /// Whatever happened: the audit trail holds, the serials have no gap, and every published notice was queued or says why not.
    async fn check_invariants(&self) {
        assert_eq!(self.read(audit::chain).await.first_break, None);
        let rows = self.bulletins().await;
        for unit in PeriodUnit::ALL {
            let of_series = rows.iter().filter(|row| row.period_unit == *unit);
            let serials: Vec<i32> = of_series.filter_map(|row| row.serial).collect();
            assert_eq!(serials, (1..).take(serials.len()).collect::<Vec<i32>>());
        }
        let published: Vec<_> = self
            .bulletins()
            .await
            .iter()
            .filter(|row| row.serial.is_some())
            .map(|row| row.id)
            .collect();
        let queued = self.all_deliveries().await;
        for notice in self.notices().await {
            if published.contains(&notice.bulletin_id) {
                let of_it = || queued.iter().filter(|delivery| delivery.notice_id == notice.id);
                assert!(of_it().count() > 0, "every recipient has a row");
                let reached = of_it().any(|delivery| delivery.state != DeliveryState::Undeliverable);
                assert_eq!(reached, notice.undeliverable_reason.is_none(), "{:?}", notice.id);
                assert!(notice.html.contains("期"), "the page carries its serial");
            }
        }
    }
}

/// Ticks, composes, reclaims and delivers until nothing more happens.
pub async fn until_idle(worker: &Worker) {
    let stop = CancellationToken::new();
    while worker.pass(&stop).await.unwrap() {}
}

/// A bulletin to [`CITIES`] with figures of zero.
pub fn compose(conn: &mut AnyConnection, order: &Order) -> StoreResult<ComposedBulletin> {
    let mut composed = ComposedBulletin {
        title: title("党建带侨建、侨建促党建", &order.key.period.chinese()),
        as_of: order.key.period.last_day(),
        known_at: UtcTime::EPOCH,
        rules: "[]".to_owned(),
        figures: String::new(),
        digest: String::new(),
        notices: Vec::new(),
    };
    let mut cities = Vec::new();
    for code in CITIES {
        let area = areas::find(conn, &Subtree::everything(), code)?;
        let figures = city(code, &area.name);
        cities.push(figures.clone());
        let own = own(figures);
        composed.notices.push(ComposedNotice {
            area: area.area_id,
            post: order.recipients.post,
            title: composed.title.clone(),
            figures: canonical(&own)?,
            digest: digest_of(&own)?,
        });
    }
    let common = common(order.key.period, cities);
    composed.figures = canonical(&common)?;
    composed.digest = digest_of(&common)?;
    Ok(composed)
}

fn nothing() -> Added {
    Added {
        total: 0,
        groups: vec![],
    }
}

fn city(code: &str, name: &str) -> CityFigures {
    let none = Ratio::of(0, 0);
    CityFigures {
        city: AreaName {
            code: code.to_owned(),
            name: name.to_owned(),
        },
        organizations: 0,
        added_in_period: 0,
        added_since_baseline: 0,
        growth: none,
        counties: none,
        townships: none,
        villages: none,
    }
}

fn own(figures: CityFigures) -> Own {
    let tasks = Tasks {
        done: TaskList::default(),
        open: TaskList::default(),
        overdue: TaskList::default(),
    };
    Own {
        format: FORMAT,
        figures,
        added_in_period: nothing(),
        added_since_baseline: nothing(),
        gaps: vec![],
        tasks,
        due_next: TaskList::default(),
    }
}

fn common(period: Period, cities: Vec<CityFigures>) -> Common {
    let span = |period: Period| PeriodSpan {
        name: period.to_string(),
        label: period.chinese(),
        first_day: period.first_day(),
        last_day: period.last_day(),
    };
    Common {
        format: FORMAT,
        illustrative: true,
        program: "党建带侨建、侨建促党建".to_owned(),
        issuer: "安徽省侨联".to_owned(),
        scope: AreaName {
            code: "340000".to_owned(),
            name: "安徽省".to_owned(),
        },
        period: span(period),
        next_period: span(period.next().unwrap()),
        as_of: period.last_day(),
        known_at: UtcTime::EPOCH,
        baseline_on: date("2021-10-31"),
        totals: Totals {
            organizations: 0,
            baseline: None,
            closed_since_baseline: 0,
            reopened_since_baseline: Some(0),
            growth: Ratio::of(0, None),
        },
        added_in_period: nothing(),
        added_since_baseline: nothing(),
        coverage: vec![],
        cohorts: vec![],
        cities,
        rules: vec![],
        basis_note: None,
    }
}

/// A channel that counts what it is given and answers what it is told to; `sent` when it is told nothing.
#[derive(Default)]
pub struct Recorder {
    pub taken: Mutex<BTreeMap<DeliveryId, u32>>,
    pub answers: Mutex<Vec<SendResult>>,
}

impl Recorder {
    /// Answers these, the last first, then `sent`.
    pub fn answering(answers: impl Into<Vec<SendResult>>) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.into()),
            ..Self::default()
        })
    }

    pub fn taken(&self) -> BTreeMap<DeliveryId, u32> {
        self.taken.lock().unwrap().clone()
    }
}

impl Courier for Recorder {
    fn send(&self, outgoing: Arc<Outgoing>) -> Answer<'_> {
        Box::pin(async move {
            *self
                .taken
                .lock()
                .unwrap()
                .entry(outgoing.delivery.id)
                .or_default() += 1;
            let told = self.answers.lock().unwrap().pop();
            told.unwrap_or_else(|| SendResult::Sent("taken".to_owned()))
                .into()
        })
    }
}

pub fn count(rows: &[DeliveryRow], state: DeliveryState) -> usize {
    rows.iter().filter(|row| row.state == state).count()
}
