//! The cut-off (截止) of a period: what is reported later is recorded, and not in the period's figures.

use chrono::TimeDelta;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::{AreaId, ProgramId};
use qiaojian_domain::period::Period;

use super::ledger::{self, Recorded};
use super::{StoreError, StoreResult, areas, programs, rules};
use crate::db::AnyConnection;

/// What the figures of a period are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    /// From this moment on reports come too late; none where no rule closes the period.
    pub closed_at: Option<UtcTime>,
    /// As known when it closed, once that is past; else as known now.
    pub known: Recorded,
}

/// The cut-off of a period for the figures of an area, and of a programme where one is meant, by what is known `now`. A period that closed
/// before the area or the programme was recorded is not closed: everything of it is late.
///
/// # Errors
/// [`StoreError::NotFound`] for an area that was not there on the period's last day, or a database error.
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
    // What comes at that very moment is late.
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
