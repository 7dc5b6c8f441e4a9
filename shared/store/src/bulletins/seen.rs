//! The visibility of bulletins: callers whose subtree includes the issuer see all of it from the draft on; recipients
//! see published ones.

use std::collections::HashMap;

use diesel::dsl::exists;
use diesel::prelude::*;
use qiaojian_domain::Noun;
use qiaojian_domain::bulletin::{BulletinKind, BulletinState};
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::{BulletinId, ProgramId};
use qiaojian_domain::period::Period;

use super::BulletinRow;
use crate::areas::{self, AreaVersion, Subtree};
use crate::db::AnyConnection;
use crate::db::schema::{area_versions, bulletins, notices as notices_table};
use crate::notices::{self, NoticeRow};
use crate::predicates::{last, within};
use crate::{StoreError, StoreResult};

/// A bulletin with its issuer.
#[derive(Debug, Clone)]
pub struct SeenBulletin {
    pub bulletin: BulletinRow,
    pub issuer: AreaVersion,
    /// For a published bulletin, the number of recipients without a usable endpoint; `None` for callers who cannot see
    /// all of them.
    pub unreachable: Option<i64>,
}

/// Returns the number of undeliverable notices of these bulletins; those without any are omitted.
fn unreachable_of(conn: &mut AnyConnection, ids: &[BulletinId]) -> QueryResult<HashMap<BulletinId, i64>> {
    let counted: Vec<(BulletinId, i64)> = notices_table::table
        .filter(notices_table::bulletin_id.eq_any(ids))
        .filter(notices_table::undeliverable_reason.is_not_null())
        .group_by(notices_table::bulletin_id)
        .select((notices_table::bulletin_id, diesel::dsl::count_star()))
        .load(conn)?;
    Ok(counted.into_iter().collect())
}

impl SeenBulletin {
    fn new(
        bulletin: BulletinRow,
        issuer: AreaVersion,
        visible: &Subtree,
        unreachable: &HashMap<BulletinId, i64>,
    ) -> Self {
        let sees_all = bulletin.published_at.is_some() && visible.contains(&issuer.path);
        Self {
            unreachable: sees_all.then(|| unreachable.get(&bulletin.id).copied().unwrap_or(0)),
            bulletin,
            issuer,
        }
    }

    /// Returns whether its issuer belongs to `visible`, so that drafts and all notices are visible.
    pub fn is_issued_within(&self, visible: &Subtree) -> bool {
        visible.contains(&self.issuer.path)
    }
}

/// The filter of a list of bulletins.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only of this programme.
    pub program: Option<ProgramId>,
    /// Only these kinds; all if empty.
    pub kinds: Vec<BulletinKind>,
    /// Only about this period.
    pub period: Option<Period>,
    /// Only in these states; all if empty.
    pub states: Vec<BulletinState>,
}

macro_rules! seen_by {
    ($visible:expr) => {{
        let is_within = last!(area_versions).and(within!($visible));
        let is_issued_within = exists(
            area_versions::table
                .filter(area_versions::area_id.eq(bulletins::issuer_area_id))
                .filter(is_within.clone()),
        );
        let is_addressed_within = exists(
            notices_table::table
                .inner_join(area_versions::table.on(area_versions::area_id.eq(notices_table::area_id)))
                .filter(notices_table::bulletin_id.eq(bulletins::id))
                .filter(is_within),
        );
        let is_out = bulletins::state.eq_any([BulletinState::Published, BulletinState::Superseded]);
        bulletins::table
            .filter(is_issued_within.or(is_out.and(is_addressed_within)))
            .select(BulletinRow::as_select())
    }};
}

/// Returns the bulletin with this id, if its issuer belongs to `visible`, or if it is published and addressed to an
/// area of `visible`.
///
/// # Errors
/// [`StoreError::NotFound`], or a database error.
pub fn find_seen(conn: &mut AnyConnection, visible: &Subtree, id: BulletinId) -> StoreResult<SeenBulletin> {
    let row: BulletinRow = seen_by!(visible)
        .filter(bulletins::id.eq(id))
        .first(conn)
        .optional()?
        .ok_or(StoreError::NotFound(Noun::Bulletin))?;
    let issuer = areas::by_id(conn, row.issuer_area_id)?;
    let unreachable = unreachable_of(conn, &[row.id])?;
    Ok(SeenBulletin::new(row, issuer, visible, &unreachable))
}

/// Returns the bulletins that [`find_seen`] would find, newest first, before the cursor `before`: creation time and id
/// of the last one seen.
///
/// # Errors
/// Returns an error if the database fails.
pub fn list_seen(
    conn: &mut AnyConnection,
    visible: &Subtree,
    filter: &Filter,
    before: Option<(UtcTime, BulletinId)>,
    limit: i64,
) -> StoreResult<Vec<SeenBulletin>> {
    let mut query = seen_by!(visible)
        .order((bulletins::created_at.desc(), bulletins::id.desc()))
        .limit(limit)
        .into_boxed();
    if let Some(program) = filter.program {
        query = query.filter(bulletins::program_id.eq(program));
    }
    if !filter.kinds.is_empty() {
        query = query.filter(bulletins::kind.eq_any(filter.kinds.clone()));
    }
    if let Some(period) = filter.period {
        query = query.filter(bulletins::period.eq(period));
    }
    if !filter.states.is_empty() {
        query = query.filter(bulletins::state.eq_any(filter.states.clone()));
    }
    if let Some((at, id)) = before {
        let created_at = bulletins::created_at;
        query = query.filter(created_at.lt(at).or(created_at.eq(at).and(bulletins::id.lt(id))));
    }
    let rows: Vec<BulletinRow> = query.load(conn)?;
    let issuers = areas::as_last_known(conn, rows.iter().map(|row| row.issuer_area_id))?;
    let ids: Vec<BulletinId> = rows.iter().map(|row| row.id).collect();
    let unreachable = unreachable_of(conn, &ids)?;
    rows.into_iter()
        .map(|bulletin| {
            let issuer = issuers.get(&bulletin.issuer_area_id).cloned();
            let issuer = issuer.ok_or(StoreError::NotFound(Noun::Area))?;
            Ok(SeenBulletin::new(bulletin, issuer, visible, &unreachable))
        })
        .collect()
}

/// Returns the notices of a bulletin that a caller can see, each with its area, by area and post: all of them on the
/// issuer's side, otherwise those addressed to areas of `visible`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn notices_seen(
    conn: &mut AnyConnection,
    visible: &Subtree,
    seen: &SeenBulletin,
) -> StoreResult<Vec<(NoticeRow, AreaVersion)>> {
    let all = notices::of_bulletin(conn, seen.bulletin.id)?;
    let areas = areas::as_last_known(conn, all.iter().map(|notice| notice.area_id))?;
    let sees_all = seen.is_issued_within(visible);
    let mut rows: Vec<(NoticeRow, AreaVersion)> = all
        .into_iter()
        .filter_map(|notice| areas.get(&notice.area_id).cloned().map(|area| (notice, area)))
        .filter(|(_, area)| sees_all || visible.contains(&area.path))
        .collect();
    rows.sort_by(|(one, here), (two, there)| (&here.path, one.post).cmp(&(&there.path, two.post)));
    Ok(rows)
}
