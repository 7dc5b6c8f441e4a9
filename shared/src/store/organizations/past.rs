//! The register of another day, or as it was known at another moment.

use chrono::NaiveDate;
use diesel::prelude::*;

use super::{Filter, OrganizationInArea, OrganizationVersion, contains_pattern, part_of_list};
use crate::db::AnyConnection;
use crate::db::dialect::{lower, on_either};
use crate::db::schema::{area_versions, organization_versions};
use crate::ids::OrganizationId;
use crate::store::areas::Subtree;
use crate::store::{Recorded, StoreError, StoreResult};

/// A day, as known at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The day on which it is true.
    pub as_of: NaiveDate,
    /// The place in the ledger up to which it is known.
    pub known: Recorded,
}

macro_rules! holds {
    ($table:ident, $moment:expr) => {
        $table::recorded_seq
            .le($moment.known.seq)
            .and(
                $table::superseded_seq
                    .is_null()
                    .or($table::superseded_seq.gt($moment.known.seq)),
            )
            .and($table::valid_from.le($moment.as_of))
            .and($table::valid_to.is_null().or($table::valid_to.gt($moment.as_of)))
    };
}

/// Organizations of that moment, in the tree of that moment.
macro_rules! rows_of {
    ($within:expr, $moment:expr) => {
        organization_versions::table
            .inner_join(
                area_versions::table.on(area_versions::area_id
                    .eq(organization_versions::area_id)
                    .and(holds!(area_versions, $moment))),
            )
            .filter(holds!(organization_versions, $moment))
            .filter(
                area_versions::path
                    .ge($within.lower().to_owned())
                    .and(area_versions::path.lt($within.upper())),
            )
            .select((
                OrganizationVersion::as_select(),
                area_versions::code,
                area_versions::path,
                area_versions::level,
            ))
    };
}

/// The organization of this id at that moment, if its area belonged to `within`, a path of the tree of that moment.
///
/// # Errors
/// [`StoreError::NotFound`], or the database's.
pub fn find_on(
    conn: &mut AnyConnection,
    within: &Subtree,
    id: OrganizationId,
    moment: Moment,
) -> StoreResult<OrganizationInArea> {
    on_either!(conn, |conn| rows_of!(within, moment)
        .filter(organization_versions::organization_id.eq(id))
        .first(conn))
    .optional()?
    .ok_or(StoreError::NotFound("organization"))
}

/// Organizations of that moment in `within`, a path of the tree of that moment, by area path and id, after `after`.
///
/// # Errors
/// The database's.
pub fn list_on(
    conn: &mut AnyConnection,
    within: &Subtree,
    moment: Moment,
    filter: &Filter,
    after: Option<&(String, OrganizationId)>,
    limit: i64,
) -> QueryResult<Vec<OrganizationInArea>> {
    on_either!(conn, |conn| part_of_list!(
        conn,
        rows_of!(within, moment),
        filter,
        after,
        limit
    ))
}
