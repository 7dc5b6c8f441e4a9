//! The register of organizations.

mod batch;
mod change;
mod change_events;
mod due;
mod follow;
mod history;
mod import;
mod lives;
mod lost;
mod merge;
mod past;
mod row;
mod split;
mod verify;
mod write;

use diesel::prelude::*;
use qiaojian_domain::Noun;
use qiaojian_domain::area::Level;
use qiaojian_domain::ids::OrganizationId;
use qiaojian_domain::organization::{Kind, Status, Verification};

pub use batch::{Item, create_all};
pub use change::{Step, Turn, Turned, transition, turn};
pub use change_events::{ChangeRow, successors};
pub use due::{Checked, UnveilingCheck, dormant, last_activities, renewals, unveiled_together, unveilings};
pub use follow::{follow_area, return_to_area};
pub use history::{Event, history, void_reason};
pub use import::{Incoming, Judging, Verdict, judge_rows, record_all, record_of};
pub use lives::active_of_kind;
pub use lost::Lost;
pub use merge::{Merging, merge};
pub use past::{find_on, list_on};
pub(crate) use row::read_reopenings;
pub use row::{OrganizationInArea, OrganizationVersion};
pub use split::{Splitting, split};
pub use verify::{Judged, judge};
pub use write::{Correction, Created, NewOrganization, Voided, correct, create, void, void_or_ask};

use super::areas::{Subtree, contains_pattern};
use super::{StoreError, StoreResult};
use crate::db::AnyConnection;
use crate::db::dialect::{lower, on_either};
use crate::db::schema::{area_versions, organization_versions};
use crate::predicates::{current_area, head, true_on, within};

/// The latest known organizations in the areas of `visible`.
macro_rules! heads_in {
    ($visible:expr) => {
        organization_versions::table
            .inner_join(current_area!(organization_versions::area_id))
            .filter(head!(organization_versions))
            .filter(within!($visible))
            .select((
                OrganizationVersion::as_select(),
                area_versions::code,
                area_versions::path,
                area_versions::level,
            ))
    };
}
use heads_in;

/// Restricts a list to some organizations, or excludes some.
#[derive(Debug, Clone, Default)]
pub struct Which {
    /// Only these; all if empty.
    pub only: Vec<OrganizationId>,
    /// Excludes these.
    pub without: Vec<OrganizationId>,
}

/// The filter of a list of organizations.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only areas of these levels.
    pub levels: Vec<Level>,
    /// Only these kinds.
    pub kinds: Vec<Kind>,
    /// Only these statuses.
    pub statuses: Vec<Status>,
    /// Only reports with these verification statuses; `unverified` ones are pending with the area above.
    pub verifications: Vec<Verification>,
    /// Only names that contain this text.
    pub name_contains: Option<String>,
    /// Only some, or all except some.
    pub which: Which,
}

/// Returns the organization with this id, if its area belongs to `visible`.
///
/// # Errors
/// [`StoreError::NotFound`], or a database error.
pub fn find(
    conn: &mut AnyConnection,
    visible: &Subtree,
    id: OrganizationId,
) -> StoreResult<OrganizationInArea> {
    let found = on_either!(conn, |conn| heads_in!(visible)
        .filter(organization_versions::organization_id.eq(id))
        .first(conn));
    found.optional()?.ok_or(StoreError::NotFound(Noun::Organization))
}

/// Returns the organization with this id, if its area belongs to `visible` or is above it: a county may name the city's
/// organization as its superior.
///
/// # Errors
/// [`StoreError::NotFound`], or a database error.
pub fn find_at_or_above(
    conn: &mut AnyConnection,
    visible: &Subtree,
    id: OrganizationId,
) -> StoreResult<OrganizationInArea> {
    find(conn, &Subtree::everything(), id).and_then(|found| {
        if visible.reaches(&found.area_path) {
            Ok(found)
        } else {
            Err(StoreError::NotFound(Noun::Organization))
        }
    })
}

/// Filters a query of organizations with their areas and returns the page after the cursor `after`, by area path and
/// id.
macro_rules! part_of_list {
    ($conn:expr, $rows:expr, $filter:expr, $after:expr, $limit:expr) => {{
        let mut query = $rows
            .order((area_versions::path, organization_versions::organization_id))
            .limit($limit)
            .into_boxed();
        if !$filter.levels.is_empty() {
            query = query.filter(area_versions::level.eq_any($filter.levels.clone()));
        }
        if !$filter.kinds.is_empty() {
            query = query.filter(organization_versions::kind.eq_any($filter.kinds.clone()));
        }
        if !$filter.statuses.is_empty() {
            query = query.filter(organization_versions::status.eq_any($filter.statuses.clone()));
        }
        if !$filter.verifications.is_empty() {
            query = query.filter(organization_versions::verification.eq_any($filter.verifications.clone()));
        }
        if let Some(part) = &$filter.name_contains {
            query = query.filter(
                lower(organization_versions::name)
                    .like(contains_pattern(part))
                    .escape('\\'),
            );
        }
        if !$filter.which.only.is_empty() {
            query = query.filter(organization_versions::organization_id.eq_any($filter.which.only.clone()));
        }
        if !$filter.which.without.is_empty() {
            query =
                query.filter(organization_versions::organization_id.ne_all($filter.which.without.clone()));
        }
        if let Some((path, id)) = $after.cloned() {
            // `>=` narrows the index range; the second condition resolves ties within one area.
            query = query.filter(area_versions::path.ge(path.clone())).filter(
                area_versions::path
                    .gt(path)
                    .or(organization_versions::organization_id.gt(id)),
            );
        }
        query.load($conn)
    }};
}
use part_of_list;

/// Returns the organizations of `within` (a part of what the caller sees), by area path and id, after the cursor
/// `after`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn list(
    conn: &mut AnyConnection,
    within: &Subtree,
    filter: &Filter,
    after: Option<&(String, OrganizationId)>,
    limit: i64,
) -> QueryResult<Vec<OrganizationInArea>> {
    on_either!(conn, |conn| part_of_list!(
        conn,
        heads_in!(within),
        filter,
        after,
        limit
    ))
}

/// Returns the organizations with these ids that belong to `visible`, by area path and id.
///
/// # Errors
/// Returns an error if the database fails.
pub fn by_ids(
    conn: &mut AnyConnection,
    visible: &Subtree,
    ids: &[OrganizationId],
) -> QueryResult<Vec<OrganizationInArea>> {
    heads_in!(visible)
        .filter(organization_versions::organization_id.eq_any(ids))
        .order((area_versions::path, organization_versions::organization_id))
        .load(conn)
}

/// Returns those of these ids that belong to `visible`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn among(
    conn: &mut AnyConnection,
    visible: &Subtree,
    ids: &[OrganizationId],
) -> QueryResult<std::collections::HashSet<OrganizationId>> {
    let found: Vec<OrganizationId> = organization_versions::table
        .inner_join(current_area!(organization_versions::area_id))
        .filter(head!(organization_versions))
        .filter(within!(visible))
        .filter(organization_versions::organization_id.eq_any(ids))
        .select(organization_versions::organization_id)
        .load(conn)?;
    Ok(found.into_iter().collect())
}

/// Returns the names of these organizations on `as_of`, as known at `known`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn names_on(
    conn: &mut AnyConnection,
    ids: &[OrganizationId],
    as_of: chrono::NaiveDate,
    known: super::Recorded,
) -> QueryResult<std::collections::HashMap<OrganizationId, String>> {
    use organization_versions as o;
    let rows: Vec<(OrganizationId, String)> = o::table
        .filter(o::organization_id.eq_any(ids))
        .filter(true_on!(o, as_of, known))
        .select((o::organization_id, o::name))
        .load(conn)?;
    Ok(rows.into_iter().collect())
}
