//! Points at which a process may die, so that tests can make it die there.

use std::sync::{Arc, OnceLock};

/// A point at which a crash leaves a different state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultPoint {
    /// Before the transaction of the tick.
    BeforeTick,
    /// The occurrences are written, but nothing is composed.
    AfterTick,
    /// An occurrence is reserved, but nothing is composed.
    AfterReserve,
    /// The bulletin is composed in memory, but nothing is written.
    BeforePublish,
    /// The bulletin and its deliveries are written.
    AfterPublish,
    /// Deliveries are leased, but not marked as being sent.
    AfterClaim,
    /// A delivery is marked as being sent, but no byte has been sent.
    AfterMark,
    /// The recipient's server has accepted it, but the result is not written.
    AfterSend,
    /// The result is written.
    AfterResult,
}

impl FaultPoint {
    /// All points, in the order in which a notice passes them.
    pub const ALL: [Self; 9] = [
        Self::BeforeTick,
        Self::AfterTick,
        Self::AfterReserve,
        Self::BeforePublish,
        Self::AfterPublish,
        Self::AfterClaim,
        Self::AfterMark,
        Self::AfterSend,
        Self::AfterResult,
    ];

    /// Returns the name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BeforeTick => "before_tick",
            Self::AfterTick => "after_tick",
            Self::AfterReserve => "after_reserve",
            Self::BeforePublish => "before_publish",
            Self::AfterPublish => "after_publish",
            Self::AfterClaim => "after_claim",
            Self::AfterMark => "after_mark",
            Self::AfterSend => "after_send",
            Self::AfterResult => "after_result",
        }
    }
}

impl std::fmt::Display for FaultPoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Decides at each point whether the worker dies.
#[derive(Clone, Default)]
pub struct Faults(Option<Arc<Hook>>);

struct Hook {
    dies: Box<dyn Fn(FaultPoint) -> bool + Send + Sync>,
    died_at: OnceLock<FaultPoint>,
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() {
            "Faults(some)"
        } else {
            "Faults(none)"
        })
    }
}

impl Faults {
    /// The worker never dies.
    pub fn none() -> Self {
        Self(None)
    }

    /// The worker dies at the first point for which `dies` returns `true`, as if the process had been killed: nothing
    /// is cleaned up, and nothing new is started.
    pub fn when(dies: impl Fn(FaultPoint) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(Hook {
            dies: Box::new(dies),
            died_at: OnceLock::new(),
        })))
    }

    /// The worker dies at this point.
    pub fn at(point: FaultPoint) -> Self {
        Self::when(move |reached| reached == point)
    }

    /// Called when a point is reached.
    pub(crate) fn reach(&self, point: FaultPoint) -> Result<(), FaultPoint> {
        let Some(hook) = &self.0 else { return Ok(()) };
        self.live()?;
        if (hook.dies)(point) {
            return Err(*hook.died_at.get_or_init(|| point));
        }
        Ok(())
    }

    /// Called where something is started: a dead worker starts nothing.
    pub(crate) fn live(&self) -> Result<(), FaultPoint> {
        let died_at = self.0.as_ref().and_then(|hook| hook.died_at.get());
        died_at.map_or(Ok(()), |point| Err(*point))
    }
}
