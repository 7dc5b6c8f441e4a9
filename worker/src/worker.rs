//! The parts of a worker.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::NaiveDate;
use qiaojian_domain::clock::{Clock, Entropy, UtcTime};
use qiaojian_domain::delivery::Channel;
use qiaojian_domain::ids::{AreaId, NodeId};
use qiaojian_domain::period::Period;
use qiaojian_store::StoreResult;
use qiaojian_store::bulletins::{BulletinKey, ComposedBulletin};
use qiaojian_store::db::{AnyConnection, Db};
use qiaojian_store::guard::Guard;
use qiaojian_store::ledger::Position;
use qiaojian_store::schedules::Recipients;
use tokio::sync::Notify;

use crate::channels::{self, Courier, SetupError};
use crate::config::WorkerConfig;
use crate::faults::FaultPoint;
use crate::status::WorkerStatus;

/// A bulletin to compose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The bulletin's key.
    pub key: BulletinKey,
    /// The recipients.
    pub recipients: Recipients,
    /// Today in Asia/Shanghai.
    pub today: NaiveDate,
}

/// Computes bulletins from the register.
pub trait Composer: Send + Sync + 'static {
    /// Composes the bulletin of this order from one snapshot of the register. Only reads.
    ///
    /// # Errors
    /// The occurrence stays open and is retried later; the error is shown with it.
    fn compose(&self, conn: &mut AnyConnection, order: &Order) -> StoreResult<ComposedBulletin>;
}

impl<F> Composer for F
where
    F: Fn(&mut AnyConnection, &Order) -> StoreResult<ComposedBulletin> + Send + Sync + 'static,
{
    fn compose(&self, conn: &mut AnyConnection, order: &Order) -> StoreResult<ComposedBulletin> {
        self(conn, order)
    }
}

/// An event to show to a person at a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A bulletin was published.
    Published {
        /// Its title.
        title: String,
        /// Its period.
        period: Period,
        /// Its serial number.
        serial: i32,
    },
    /// A notice was sent to an endpoint.
    Sent {
        /// The code of the recipient's area.
        area_code: String,
        /// The name of the recipient's area.
        area_name: String,
        /// The period of the bulletin.
        period: Period,
        /// The channel used.
        channel: Channel,
        /// The page, if the channel wrote one.
        path: Option<PathBuf>,
    },
}

type Listener = Arc<dyn Fn(Event) + Send + Sync>;

/// A worker. Cheap to clone; all clones are the same node.
#[derive(Clone)]
pub struct Worker {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub config: WorkerConfig,
    pub db: Db,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub composer: Arc<dyn Composer>,
    pub couriers: BTreeMap<Channel, Arc<dyn Courier>>,
    pub node: NodeId,
    pub started_at: UtcTime,
    pub wake: Arc<Notify>,
    pub status: Mutex<WorkerStatus>,
    pub guard: Guard,
    pub listener: Option<Listener>,
    /// How far the ledger was checked for milestones.
    pub looked: tokio::sync::Mutex<Looked>,
}

/// How far a worker has checked for milestones.
#[derive(Debug, Default)]
pub struct Looked {
    /// The ledger position and the day of the last check.
    pub(crate) up_to: Option<(Position, NaiveDate)>,
    /// The provinces still to be checked, the next one first.
    pub(crate) waiting: VecDeque<AreaId>,
}

impl Worker {
    /// Creates a worker with a new node id. It does not use the host name, because two workers may run on one host.
    ///
    /// # Errors
    /// Returns an error if the mail settings are invalid.
    pub fn new(
        config: WorkerConfig,
        db: Db,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        composer: Arc<dyn Composer>,
    ) -> Result<Self, SetupError> {
        let couriers = channels::all(&config, &clock)?;
        let node = NodeId::generate(clock.as_ref(), entropy.as_ref());
        let inner = Inner {
            started_at: clock.now(),
            guard: Guard::new(config.comparing.clone(), clock.as_ref()),
            config,
            db,
            clock,
            entropy,
            composer,
            couriers,
            node,
            wake: Arc::new(Notify::new()),
            status: Mutex::default(),
            listener: None,
            looked: tokio::sync::Mutex::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Passes events to `listener`, which must not block. Call it before cloning.
    #[must_use]
    pub fn with_listener(mut self, listener: impl Fn(Event) + Send + Sync + 'static) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.listener = Some(Arc::new(listener));
        }
        self
    }

    /// Sends through `courier` instead of the channel's own. Call it before cloning.
    #[must_use]
    pub fn with_courier(mut self, channel: Channel, courier: Arc<dyn Courier>) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.couriers.insert(channel, courier);
        }
        self
    }

    /// Returns the handle that wakes the worker when there is something to do. A lost wake-up costs one poll.
    pub fn waker(&self) -> Arc<Notify> {
        Arc::clone(&self.inner.wake)
    }

    /// Returns the id of this run.
    pub fn node(&self) -> NodeId {
        self.inner.node
    }

    /// Returns the current status.
    pub fn status(&self) -> WorkerStatus {
        self.inner
            .status
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Inner {
    pub fn reach(&self, point: FaultPoint) -> Result<(), FaultPoint> {
        self.config.faults.reach(point)
    }

    pub fn tell(&self, event: Event) {
        if let Some(listener) = &self.listener {
            listener(event);
        }
    }

    pub fn set_status(&self, change: impl FnOnce(&mut WorkerStatus)) {
        change(&mut self.status.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Returns the channels that this worker serves. Other deliveries wait for a worker that serves theirs.
    pub fn channels(&self) -> Vec<Channel> {
        self.couriers.keys().copied().collect()
    }

    /// Returns the channels that are currently available. Deliveries of the others wait in the queue.
    pub fn open_channels(&self) -> Vec<Channel> {
        let is_open = |(channel, courier): (&Channel, &Arc<dyn Courier>)| {
            courier.trouble().is_none().then_some(*channel)
        };
        self.couriers.iter().filter_map(is_open).collect()
    }

    /// Returns the reasons why channels are unavailable.
    pub fn trouble(&self) -> Vec<String> {
        self.couriers
            .iter()
            .filter_map(|(channel, courier)| Some(format!("{channel}: {}", courier.trouble()?)))
            .collect()
    }

    /// Returns a uniformly distributed random number.
    pub fn random(&self) -> u32 {
        let mut bytes = [0; 4];
        self.entropy.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }
}
