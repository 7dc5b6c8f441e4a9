//! The register at another valid time or transaction time.

use diesel::prelude::*;
use qiaojian_domain::Noun;
use qiaojian_domain::ids::OrganizationId;

use super::{Filter, OrganizationInArea, OrganizationVersion, contains_pattern, part_of_list};
use crate::areas::Subtree;
use crate::db::AnyConnection;
use crate::db::dialect::{lower, on_either};
use crate::db::schema::{area_versions, organization_versions};
use crate::predicates::{area_on, true_on, within};
use crate::{Moment, StoreError, StoreResult};

/// The organizations at that point in time, in the tree of that point.
macro_rules! rows_of {
    ($within:expr, $moment:expr) => {
        organization_versions::table
            .inner_join(area_on!(
                organization_versions::area_id,
                $moment.as_of,
                $moment.known
            ))
            .filter(true_on!(organization_versions, $moment.as_of, $moment.known))
            .filter(within!($within))
            .select((
                OrganizationVersion::as_select(),
                area_versions::code,
                area_versions::path,
                area_versions::level,
            ))
    };
}
pub(super) use rows_of;

/// Returns the organization with this id at that point in time, if its area belonged to `within`, a path in the tree of
/// that point.
///
/// # Errors
/// [`StoreError::NotFound`], or a database error.
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
    .ok_or(StoreError::NotFound(Noun::Organization))
}

/// Returns the organizations at that point in time in `within`, a path in the tree of that point, by area path and id,
/// after the cursor `after`.
///
/// # Errors
/// Returns an error if the database fails.
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
