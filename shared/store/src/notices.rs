//! Bulletins as addressed to one area and post: the inbox.

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

/// A notice's row.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = notices)]
pub struct NoticeRow {
    pub id: NoticeId,
    pub bulletin_id: BulletinId,
    pub area_id: AreaId,
    pub post: Post,
    pub title: String,
    /// The recipient's own part: canonical JSON, frozen.
    pub figures: String,
    /// SHA-256 of `figures`.
    pub digest: String,
    /// The document as sent; of a draft, as it would be.
    pub html: String,
    /// Why no delivery was made, in a word.
    pub undeliverable_reason: Option<String>,
    pub created_at: UtcTime,
    pub acknowledged_at: Option<UtcTime>,
    pub acknowledged_by: Option<TokenId>,
    pub version: i64,
    /// The plain text as sent; of a draft, as it would be. Empty in a row of an earlier version: see [`super::bulletins::fill_text`].
    pub text: String,
}

qiaojian_domain::text_enum! {
    /// Why no delivery was made for a notice. It stands in the inbox all the same.
    pub enum Undeliverable {
        /// The post has no endpoint.
        NoEndpoint => "no_endpoint",
        /// All its endpoints have been given up.
        EndpointsDisabled => "endpoints_disabled",
    }
}

/// One line of the inbox.
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
    /// The day on which a schedule wanted it out.
    pub due_on: Option<NaiveDate>,
}

/// What the caller wants to see of the inbox.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only notices of this bulletin.
    pub bulletin: Option<BulletinId>,
    /// Only notices to this post.
    pub post: Option<Post>,
    /// Only notices that nobody acknowledged, published at this time or before.
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

/// Published notices to areas of `visible`, the last published first, before `before`: the time of publication and
/// the id of the last one seen.
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

/// The published notice of this id with its bulletin, if it is addressed to an area of `visible`.
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

/// What a notice is made of: frozen canonical JSON with its digests.
#[derive(Debug, Clone, Queryable)]
pub struct PartsRow {
    /// The part that is the same for every recipient.
    pub common: String,
    /// SHA-256 of `common`.
    pub common_digest: String,
    /// The recipient's own part.
    pub own: String,
    /// SHA-256 of `own`.
    pub own_digest: String,
}

/// The parts of these notices, whoever they are addressed to: give it ids that [`list`] gave.
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

/// The notices of a bulletin, published or not, by area and post.
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

/// The addressee has read it. Acknowledging again changes nothing.
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
