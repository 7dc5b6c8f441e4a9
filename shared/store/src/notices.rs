//! Notices: bulletins as addressed to one area and post, listed in its inbox.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::Noun;
use qiaojian_domain::access::Post;
use qiaojian_domain::bulletin::{BulletinKind, BulletinState};
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::{AreaId, BulletinId, NoticeId, TokenId};
use qiaojian_domain::period::Period;

use super::areas::Subtree;
use super::audit::Entry;
use super::bulletins::{BulletinRow, fill_text};
use super::ledger::Recording;
use super::{StoreError, StoreResult};
use crate::db::AnyConnection;
use crate::db::schema::{area_versions, bulletins, notices};
use crate::predicates::{last_area, within};

/// A row of `notices`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = notices)]
pub struct NoticeRow {
    pub id: NoticeId,
    pub bulletin_id: BulletinId,
    pub area_id: AreaId,
    pub post: Post,
    pub title: String,
    /// The recipient's part, frozen, as canonical JSON.
    pub figures: String,
    /// SHA-256 of `figures`.
    pub digest: String,
    /// The document as sent; for a draft, a preview.
    pub html: String,
    /// Why no delivery was made, as a code.
    pub undeliverable_reason: Option<String>,
    pub created_at: UtcTime,
    pub acknowledged_at: Option<UtcTime>,
    pub acknowledged_by: Option<TokenId>,
    pub version: i64,
    /// The plain text as sent; for a draft, a preview. Empty in rows of an earlier version: see
    /// [`super::bulletins::fill_text`].
    pub text: String,
}

qiaojian_domain::text_enum! {
    /// Why no delivery was made for a notice, which is listed in the inbox nevertheless.
    pub enum Undeliverable {
        /// The post has no endpoint.
        NoEndpoint => "no_endpoint",
        /// All its endpoints are disabled.
        EndpointsDisabled => "endpoints_disabled",
    }
}

/// An entry of the inbox.
#[derive(Debug, Clone, Queryable)]
pub struct InboxRow {
    pub id: NoticeId,
    pub version: i64,
    pub area_code: String,
    pub area_name: String,
    pub post: Post,
    pub title: String,
    pub acknowledged_at: Option<UtcTime>,
    pub bulletin_id: BulletinId,
    pub kind: BulletinKind,
    pub period: Period,
    pub serial: Option<i32>,
    pub published_at: Option<UtcTime>,
    pub undeliverable_reason: Option<String>,
    /// The due date set by a schedule.
    pub due_on: Option<NaiveDate>,
}

/// The filter of the inbox.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only notices of this bulletin.
    pub bulletin: Option<BulletinId>,
    /// Only notices to this post.
    pub post: Option<Post>,
    /// Only unacknowledged notices published at or before this time.
    pub unacknowledged_since: Option<UtcTime>,
}

macro_rules! published_to {
    ($visible:expr) => {
        notices::table
            .inner_join(bulletins::table)
            .inner_join(last_area!(notices::area_id))
            .filter(bulletins::state.eq_any([BulletinState::Published, BulletinState::Superseded]))
            .filter(within!($visible))
    };
}

/// Returns the published notices to areas of `visible`, latest publication first, before the cursor `before`:
/// publication time and id of the last one seen.
///
/// # Errors
/// Returns an error if the database fails.
pub fn list(
    conn: &mut AnyConnection,
    visible: &Subtree,
    filter: &Filter,
    before: Option<(UtcTime, NoticeId)>,
    limit: i64,
) -> QueryResult<Vec<InboxRow>> {
    let mut query = published_to!(visible)
        .select((
            notices::id,
            notices::version,
            area_versions::code,
            area_versions::name,
            notices::post,
            notices::title,
            notices::acknowledged_at,
            bulletins::id,
            bulletins::kind,
            bulletins::period,
            bulletins::serial,
            bulletins::published_at,
            notices::undeliverable_reason,
            bulletins::due_on,
        ))
        .order((bulletins::published_at.desc(), notices::id.desc()))
        .limit(limit)
        .into_boxed();
    if let Some(bulletin) = filter.bulletin {
        query = query.filter(notices::bulletin_id.eq(bulletin));
    }
    if let Some(post) = filter.post {
        query = query.filter(notices::post.eq(post));
    }
    if let Some(since) = filter.unacknowledged_since {
        query = query
            .filter(notices::acknowledged_at.is_null())
            .filter(bulletins::published_at.assume_not_null().le(since));
    }
    if let Some((at, id)) = before {
        let published_at = bulletins::published_at.assume_not_null();
        query = query.filter(
            published_at
                .lt(at)
                .or(published_at.eq(at).and(notices::id.lt(id))),
        );
    }
    query.load(conn)
}

/// Returns the published notice with this id and its bulletin, if it is addressed to an area of `visible`.
///
/// # Errors
/// [`StoreError::NotFound`], or a database error.
pub fn find(
    conn: &mut AnyConnection,
    visible: &Subtree,
    id: NoticeId,
) -> StoreResult<(NoticeRow, BulletinRow)> {
    let (mut notice, bulletin) = published_to!(visible)
        .filter(notices::id.eq(id))
        .select((NoticeRow::as_select(), BulletinRow::as_select()))
        .first(conn)
        .optional()?
        .ok_or(StoreError::NotFound(Noun::Notice))?;
    fill_text(conn, &bulletin, &mut notice)?;
    Ok((notice, bulletin))
}

/// The contents of a notice: frozen canonical JSON with its digests.
#[derive(Debug, Clone, Queryable)]
pub struct PartsRow {
    /// The part common to all recipients.
    pub common: String,
    /// SHA-256 of `common`.
    pub common_digest: String,
    /// The recipient's part.
    pub own: String,
    /// SHA-256 of `own`.
    pub own_digest: String,
}

/// Returns the parts of these notices without a scope check: pass only ids returned by [`list`].
///
/// # Errors
/// Returns an error if the database fails.
pub fn parts(conn: &mut AnyConnection, ids: &[NoticeId]) -> QueryResult<HashMap<NoticeId, PartsRow>> {
    let rows: Vec<(NoticeId, PartsRow)> = notices::table
        .inner_join(bulletins::table)
        .filter(notices::id.eq_any(ids))
        .select((
            notices::id,
            (
                bulletins::figures,
                bulletins::digest,
                notices::figures,
                notices::digest,
            ),
        ))
        .load(conn)?;
    Ok(rows.into_iter().collect())
}

/// Returns the notices of a bulletin, published or not, by area and post.
///
/// # Errors
/// Returns an error if the database fails.
pub fn of_bulletin(conn: &mut AnyConnection, bulletin: BulletinId) -> QueryResult<Vec<NoticeRow>> {
    notices::table
        .filter(notices::bulletin_id.eq(bulletin))
        .order((notices::area_id, notices::post))
        .select(NoticeRow::as_select())
        .load(conn)
}

/// Acknowledges a notice on behalf of its recipient. Acknowledging it again changes nothing.
///
/// # Errors
/// [`StoreError::NotFound`], or a database error.
pub fn acknowledge(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    id: NoticeId,
) -> StoreResult<(NoticeRow, BulletinRow)> {
    let (notice, bulletin) = find(recording.conn(), visible, id)?;
    if notice.acknowledged_at.is_some() {
        return Ok((notice, bulletin));
    }
    let (at, by) = (recording.recorded().at, recording.actor().token);
    diesel::update(notices::table.find(id))
        .set((
            notices::acknowledged_at.eq(at),
            notices::acknowledged_by.eq(by),
            notices::version.eq(notices::version + 1),
        ))
        .execute(recording.conn())?;
    recording.audit(&Entry {
        verb: "acknowledge",
        resource: Noun::Notice,
        id: &id.to_string(),
        area: Some(notice.area_id),
        before: None,
        after: None,
    })?;
    find(recording.conn(), visible, id)
}
