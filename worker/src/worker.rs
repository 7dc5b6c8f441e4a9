//! What a worker is made of.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::NaiveDate;
use qiaojian_domain::clock::{Clock, Entropy, UtcTime};
use qiaojian_domain::delivery::Channel;
use qiaojian_domain::ids::NodeId;
use qiaojian_domain::period::Period;
use qiaojian_store::StoreResult;
use qiaojian_store::bulletins::{BulletinKey, ComposedBulletin};
use qiaojian_store::db::{AnyConnection, Db};
use qiaojian_store::guard::Guard;
use qiaojian_store::schedules::Recipients;
use tokio::sync::Notify;

use crate::channels::{self, Courier, SetupError};
use crate::config::WorkerConfig;
use crate::faults::FaultPoint;
use crate::passes::{Looked, PassError};
use crate::status::WorkerStatus;

/// What is to be composed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Which bulletin.
    pub key: BulletinKey,
    /// Whom it goes to.
    pub recipients: Recipients,
    /// Today in Asia/Shanghai.
    pub today: NaiveDate,
}

/// Computes bulletins from the register.
pub trait Composer: Send + Sync + 'static {
    /// The bulletin of this order, from one snapshot of the register. Reads only.
    ///
    /// # Errors
    /// The occurrence stays open and is tried again later; the error is shown with it.
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

/// Something a person at a terminal wants to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A bulletin is out.
    Published {
        /// Its title.
        title: String,
        /// What it is about.
        period: Period,
        /// Its number.
        serial: i32,
    },
    /// A notice has reached an endpoint.
    Sent {
        /// The recipient's area.
        area_code: String,
        /// The recipient's area by name.
        area_name: String,
        /// What it is about.
        period: Period,
        /// How it went.
        channel: Channel,
        /// The page, where the channel wrote one.
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
    /// How far the ledger was looked at for milestones.
    pub looked: tokio::sync::Mutex<Looked>,
}

impl Worker {
    /// A worker with a node id of its own, never the host's name: two on one host are two.
    ///
    /// # Errors
    /// When the mail settings cannot be read.
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

    /// Tells `listener` what a person at a terminal wants to see. It must not block. Call it before cloning.
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

    /// Wakes the worker when notified: there is something to do. Losing a wake-up costs one poll.
    pub fn waker(&self) -> Arc<Notify> {
        Arc::clone(&self.inner.wake)
    }

    /// This run's id.
    pub fn node(&self) -> NodeId {
        self.inner.node
    }

    /// How things stand.
    pub fn status(&self) -> WorkerStatus {
        self.inner
            .status
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Inner {
    pub fn reach(&self, point: FaultPoint) -> Result<(), PassError> {
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

    /// What this worker can send through. The rest waits for a worker that can.
    pub fn channels(&self) -> Vec<Channel> {
        self.couriers.keys().copied().collect()
    }

    /// What it can send through just now. The rest waits in the queue until its trouble is over.
    pub fn open_channels(&self) -> Vec<Channel> {
        let is_open = |(channel, courier): (&Channel, &Arc<dyn Courier>)| {
            courier.trouble().is_none().then_some(*channel)
        };
        self.couriers.iter().filter_map(is_open).collect()
    }

    /// The trouble of its channels.
    pub fn trouble(&self) -> Vec<String> {
        self.couriers
            .iter()
            .filter_map(|(channel, courier)| Some(format!("{channel}: {}", courier.trouble()?)))
            .collect()
    }

    /// Any number, all equally likely.
    pub fn random(&self) -> u32 {
        let mut bytes = [0; 4];
        self.entropy.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }
}
