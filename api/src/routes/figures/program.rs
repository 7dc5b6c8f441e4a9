//! The programme that a request for figures refers to.

use chrono::NaiveDate;
use qiaojian_domain::ids::ProgramId;
use qiaojian_domain::program::Choice;
use qiaojian_store::db::AnyConnection;
use qiaojian_store::figures::{CohortChoice, Metric};
use qiaojian_store::programs::{self, ProgramVersion};
use qiaojian_store::{Recorded, StoreResult};

use crate::problem::ApiError;

/// Returns the programme `named`, or if none is named, the programme that is current on `as_of` for the area of `path`.
pub fn find(
    conn: &mut AnyConnection,
    named: Option<ProgramId>,
    path: &str,
    as_of: NaiveDate,
    known: Recorded,
) -> StoreResult<Choice<ProgramVersion>> {
    match named {
        Some(id) => Ok(Choice::One(programs::find_known_at(conn, id, known)?)),
        None => Ok(programs::current(conn, path, as_of, known)?),
    }
}

/// The parts of a request that may depend on a programme.
pub struct Dependence<'a> {
    pub metrics: &'a [Metric],
    pub cohort: CohortChoice,
    /// Whether the start of the interval was given.
    pub has_from: bool,
    /// Whether a counting rule is limited to some cohorts.
    pub limits_cohorts: bool,
}

impl Dependence<'_> {
    /// Returns an error if several programmes apply equally and the answer would depend on the choice.
    pub fn unless_needed(&self) -> Result<(), ApiError> {
        let over_interval = |metric: &Metric| {
            matches!(
                metric,
                Metric::Added | Metric::Closed | Metric::Reopened | Metric::Visited | Metric::OnTimeRate
            )
        };
        let is_needed = self.metrics.contains(&Metric::Growth)
            || self.cohort != CohortChoice::All
            || self.limits_cohorts
            || (!self.has_from && self.metrics.iter().any(over_interval));
        if is_needed {
            return Err(ApiError::bad_parameter(
                "program",
                "同时有多个试点项目，请用 program 指明其中一个（见 /v1/programs）；或用 cohort=all，并给出 from。",
                "Several programmes are current. Choose one with program (see /v1/programs), or use cohort=all with from.",
            ));
        }
        Ok(())
    }
}
