//! Another day, or another moment of knowing: the two times of a read.

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

/// On which day, and as known when.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MomentParams {
    /// As it was on this day; today when only `known_at` is given.
    #[serde(default, deserialize_with = "day::read_optional")]
    pub as_of: Option<NaiveDate>,
    /// As the register was known at that moment. A later one is clamped to the ledger clock, and echoed.
    pub known_at: Option<UtcTime>,
}

impl MomentParams {
    /// The two times they ask for.
    pub fn times(&self) -> Times {
        Times {
            as_of: self.as_of,
            known_at: self.known_at,
        }
    }
}

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

/// The subtree that a caller of the area `caller` asks about, in the tree of a moment: that of `code`, or its own. An area that was not there
/// then has none: 404. Before the register began it is that of today, in which nothing was.
pub fn subtree_asked_for(
    conn: &mut AnyConnection,
    caller: AreaId,
    code: Option<&str>,
    moment: Moment,
) -> Result<Subtree, ApiError> {
    Ok(areas::asked_about(conn, caller, code, moment)?.subtree())
}

/// Where a list looks, and as of which moment; as known last where none was asked for.
pub struct View {
    /// What the caller sees.
    pub visible: Subtree,
    /// The part of it that is asked about.
    pub within: Subtree,
    pub moment: Option<Moment>,
    /// What of that the caller has lost since.
    pub lost: Lost,
}

impl View {
    /// The rows of a list in the order of `key`, as this caller may see them: `read` reads those of a moment, or those known last.
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

    /// What `caller` asks about: the area of `code`, or all of its own. Run it in one snapshot.
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
