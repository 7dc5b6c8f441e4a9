//! The cut-off (截止) of a period: later reports are recorded, but not included in the period's figures.

use chrono::TimeDelta;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::{AreaId, ProgramId};
use qiaojian_domain::period::Period;

use super::Recorded;
use super::ledger::{self};
use super::{StoreError, StoreResult, areas, programs, rules};
use crate::db::AnyConnection;

/// The transaction time that the figures of a period use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    /// Reports from this instant on are late; `None` if no rule closes the period.
    pub closed_at: Option<UtcTime>,
    /// The state at the cut-off, once it is past; before, the current state.
    pub known: Recorded,
}

/// Returns the cut-off of a period for the figures of an area, and of a programme if given, as known at `now`. A period
/// that closed before the area or the programme was recorded is not closed, because everything in it would be late.
///
/// # Errors
/// [`StoreError::NotFound`] for an area that did not exist on the period's last day, or a database error.
pub fn of_period(
    conn: &mut AnyConnection,
    (area, program): (AreaId, Option<ProgramId>),
    period: Period,
    now: Recorded,
) -> StoreResult<Closing> {
    let last_day = period.last_day();
    let path = areas::on_day(conn, area, last_day, now)?.path;
    let closed_at = rules::closed_at(conn, &path, period, now)?;
    let open = Closing {
        closed_at,
        known: now,
    };
    let Some(closed_at) = closed_at.filter(|at| *at <= now.at) else {
        return Ok(open);
    };
    // A report at exactly that instant is late.
    let last = closed_at.plus(-TimeDelta::microseconds(1));
    let known = ledger::known_at(conn, Some(last))?.known;
    let was_known = areas::on_day(conn, area, last_day, known).and_then(|_| match program {
        Some(program) => programs::find_known_at(conn, program, known).map(drop),
        None => Ok(()),
    });
    match was_known {
        Ok(()) => Ok(Closing { known, ..open }),
        Err(StoreError::NotFound(_)) => Ok(Closing {
            closed_at: None,
            ..open
        }),
        Err(other) => Err(other),
    }
}
