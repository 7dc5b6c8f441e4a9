//! The two time parameters of a read: valid time (`as_of`) and transaction time (`known_at`).

use chrono::NaiveDate;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::dates::day;
use qiaojian_domain::ids::AreaId;
use qiaojian_store::db::AnyConnection;
use qiaojian_store::organizations::{Lost, Which};
use qiaojian_store::{Moment, Subtree, areas, ledger};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Principal;
use crate::problem::ApiError;

/// The valid time and the transaction time of a read.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MomentParams {
    /// Valid time: the state on this day. Today if only `known_at` is given.
    #[serde(default, deserialize_with = "day::read_optional")]
    pub as_of: Option<NaiveDate>,
    /// Transaction time: the state as it was known at this time. A later time is clamped to the ledger clock and
    /// echoed.
    pub known_at: Option<UtcTime>,
}

impl MomentParams {
    /// Returns the two requested times.
    pub fn times(&self) -> Times {
        Times {
            as_of: self.as_of,
            known_at: self.known_at,
        }
    }
}

/// The two requested times.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub as_of: Option<NaiveDate>,
    pub known_at: Option<UtcTime>,
}

impl Times {
    /// Whether either time was given. Without them a read shows the latest known state.
    pub fn are_asked_for(self) -> bool {
        self.as_of.is_some() || self.known_at.is_some()
    }

    /// Resolves the requested times to a moment. An omitted `as_of` is today, an omitted `known_at` is now. A later
    /// `known_at` is clamped to the ledger clock.
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

/// Returns the subtree that a caller of the area `caller` requests, in the tree at a moment: that of `code`, or the
/// caller's own. Returns 404 for an area that did not exist then. Before the register began, the caller's own subtree
/// is that of today, in which nothing existed.
pub fn subtree_asked_for(
    conn: &mut AnyConnection,
    caller: AreaId,
    code: Option<&str>,
    moment: Moment,
) -> Result<Subtree, ApiError> {
    Ok(areas::asked_about(conn, caller, code, moment)?.subtree())
}

/// The subtree and the moment that a list reads; the latest known state if no time was given.
pub struct View {
    /// The subtree that the caller sees.
    pub visible: Subtree,
    /// The requested subtree within it.
    pub within: Subtree,
    pub moment: Option<Moment>,
    /// The parts of it that the caller has lost access to since.
    pub lost: Lost,
}

impl View {
    /// Returns the rows of a list in the order of `key`, as this caller may see them. `read` reads the rows at a
    /// moment, or the latest known rows.
    pub fn rows<R, K: Ord, E>(
        &self,
        limit: i64,
        key: impl Fn(&R) -> K,
        mut read: impl FnMut(Option<Moment>, Which) -> Result<Vec<R>, E>,
    ) -> Result<Vec<R>, E> {
        match self.moment {
            None => read(None, Which::default()),
            Some(moment) => self
                .lost
                .told(moment, limit, key, |moment, which| read(Some(moment), which)),
        }
    }

    /// Resolves what `caller` requests: the area of `code`, or all of its own. Run it in one snapshot.
    pub fn of(
        conn: &mut AnyConnection,
        caller: &Principal,
        code: Option<&str>,
        (times, today): (Times, NaiveDate),
    ) -> Result<Self, ApiError> {
        if times.are_asked_for() {
            let moment = times.moment(conn, today)?;
            let within = subtree_asked_for(conn, caller.area, code, moment)?;
            return Ok(Self {
                visible: subtree_asked_for(conn, caller.area, None, moment)?,
                lost: Lost::of(conn, (caller.area, &caller.visible), &within, moment)?,
                within,
                moment: Some(moment),
            });
        }
        Ok(Self {
            visible: caller.visible.clone(),
            within: match code {
                Some(code) => areas::find(conn, &caller.visible, code)?.subtree(),
                None => caller.visible.clone(),
            },
            moment: None,
            lost: Lost::default(),
        })
    }
}
