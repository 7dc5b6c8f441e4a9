//! Another day, or another moment of knowing: the two times of a read.

use chrono::NaiveDate;
use qiaojian_shared::clock::UtcTime;
use qiaojian_shared::db::AnyConnection;
use qiaojian_shared::ids::AreaId;
use qiaojian_shared::store::organizations::Moment;
use qiaojian_shared::store::{Subtree, areas, ledger};

use crate::problem::ApiError;

/// The two times that were asked for.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub as_of: Option<NaiveDate>,
    pub known_at: Option<UtcTime>,
}

impl Times {
    /// Whether either was; without them a read shows what is known last.
    pub fn are_asked_for(self) -> bool {
        self.as_of.is_some() || self.known_at.is_some()
    }

    /// The moment they mean: today, as known now, where one is left out. A later `known_at` is clamped to the ledger clock.
    pub fn moment(self, conn: &mut AnyConnection, today: NaiveDate) -> Result<Moment, ApiError> {
        let as_of = self.as_of.unwrap_or(today);
        if as_of > today {
            return Err(ApiError::bad_parameter(
                "as_of",
                format!("as_of 不能晚于今天（{today}）。"),
                format!("as_of must not be after today ({today})."),
            ));
        }
        let known = ledger::known_at(conn, self.known_at)?.known;
        Ok(Moment { as_of, known })
    }
}

/// The subtree of an area in the tree of a moment. An area that was not there then has none: 404.
pub fn subtree_on(conn: &mut AnyConnection, area: AreaId, moment: Moment) -> Result<Subtree, ApiError> {
    Ok(areas::on_day(conn, area, moment.as_of, moment.known)?.subtree())
}
