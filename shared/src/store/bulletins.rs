//! Published documents: composed as drafts, released, published once with a serial and a delivery per endpoint.

mod seen;

pub use seen::{Filter, SeenBulletin, find_seen, list_seen, notices_seen};

use std::collections::BTreeMap;

use chrono::NaiveDate;
use diesel::dsl::max;
use diesel::prelude::*;

use super::areas::{AreaVersion, Subtree};
use super::audit::Entry;
use super::deliveries;
use super::endpoints;
use super::ledger::Recording;
use super::notices::{self, NoticeRow, Undeliverable};
use super::{StoreError, StoreResult};
use crate::clock::{Clock, Entropy, UtcTime};
use crate::db::AnyConnection;
use crate::db::dialect::insert_if_absent;
use crate::db::schema::{area_versions, bulletins, endpoints as endpoints_table, notices as notices_table};
use crate::documents::page::{self, Frozen, PageError, addressee};
use crate::documents::progress::{Digests, Letterhead};
use crate::domain::access::Post;
use crate::domain::bulletin::{BulletinKind, BulletinState, BulletinVerb};
use crate::domain::delivery::lifetime;
use crate::domain::period::Period;
use crate::domain::schedule::Approval;
use crate::ids::{AreaId, BulletinId, DeliveryId, NoticeId, ProgramId};
use crate::store::predicates::current_area;

/// A bulletin's row.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = bulletins)]
pub struct BulletinRow {
    pub id: BulletinId,
    pub version: i64,
    pub created_at: UtcTime,
    pub updated_at: UtcTime,
    pub issuer_area_id: AreaId,
    pub program_id: ProgramId,
    pub kind: BulletinKind,
    /// Empty, or what of the period it is about.
    pub subject: String,
    pub period: Period,
    pub revision: i32,
    pub state: BulletinState,
    /// Taken when published.
    pub serial: Option<i32>,
    pub title: String,
    /// The date for which the figures are true.
    pub as_of: NaiveDate,
    /// What the system knew when they were computed.
    pub known_at: UtcTime,
    /// Canonical JSON: the rules used.
    pub rules: String,
    /// Canonical JSON, frozen.
    pub figures: String,
    /// SHA-256 of `figures`.
    pub digest: String,
    pub corrects: Option<BulletinId>,
    pub published_at: Option<UtcTime>,
}

/// Which bulletin: with the revision, its UNIQUE key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulletinKey {
    pub issuer: AreaId,
    pub program: ProgramId,
    pub kind: BulletinKind,
    /// Empty, or what of the period it is about.
    pub subject: String,
    pub period: Period,
}

/// A bulletin as computed, before it is a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposedBulletin {
    pub title: String,
    /// The date for which the figures are true.
    pub as_of: NaiveDate,
    /// What the system knew when they were computed.
    pub known_at: UtcTime,
    /// Canonical JSON: the rules used.
    pub rules: String,
    /// Canonical JSON: the common part.
    pub figures: String,
    /// SHA-256 of `figures`.
    pub digest: String,
    /// One per recipient.
    pub notices: Vec<ComposedNotice>,
}

/// A recipient's own part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposedNotice {
    pub area: AreaId,
    pub post: Post,
    pub title: String,
    /// Canonical JSON: the own part.
    pub figures: String,
    /// SHA-256 of `figures`.
    pub digest: String,
}

/// Where ids come from.
#[derive(Clone, Copy)]
pub struct Mint<'a> {
    pub clock: &'a dyn Clock,
    pub entropy: &'a dyn Entropy,
}

/// The bulletin of this id, if its issuer belongs to `visible`.
///
/// # Errors
/// [`StoreError::NotFound`], or the database's.
pub fn find(conn: &mut AnyConnection, visible: &Subtree, id: BulletinId) -> StoreResult<BulletinRow> {
    let found: Option<(BulletinRow, String)> = bulletins::table
        .inner_join(current_area!(bulletins::issuer_area_id))
        .filter(bulletins::id.eq(id))
        .select((BulletinRow::as_select(), area_versions::path))
        .first(conn)
        .optional()?;
    found
        .filter(|(_, path)| visible.contains(path))
        .map(|(row, _)| row)
        .ok_or(StoreError::NotFound("bulletin"))
}

fn by_id(conn: &mut AnyConnection, id: BulletinId) -> StoreResult<BulletinRow> {
    bulletins::table
        .find(id)
        .select(BulletinRow::as_select())
        .first(conn)
        .optional()?
        .ok_or(StoreError::NotFound("bulletin"))
}

/// The latest revision of a bulletin.
///
/// # Errors
/// The database's.
pub fn latest(conn: &mut AnyConnection, key: &BulletinKey) -> QueryResult<Option<BulletinRow>> {
    bulletins::table
        .filter(bulletins::issuer_area_id.eq(key.issuer))
        .filter(bulletins::program_id.eq(key.program))
        .filter(bulletins::kind.eq(key.kind))
        .filter(bulletins::subject.eq(&key.subject))
        .filter(bulletins::period.eq(key.period))
        .order(bulletins::revision.desc())
        .select(BulletinRow::as_select())
        .first(conn)
        .optional()
}

/// Keeps what was composed: published at once, or as a draft until somebody releases it. A bulletin that is past being a
/// draft is left as it is, so composing twice gives one bulletin.
///
/// # Errors
/// [`StoreError::Conflict`] `no_document` for a kind without a document, or the database's.
pub fn compose(
    recording: &mut Recording<'_, '_>,
    mint: Mint<'_>,
    key: &BulletinKey,
    composed: &ComposedBulletin,
    approval: Approval,
) -> StoreResult<BulletinRow> {
    let draft = save_draft(recording, mint, key, composed)?;
    if draft.state != BulletinState::Draft {
        return Ok(draft);
    }
    match approval {
        Approval::Automatic => {
            approve(recording, draft.id)?;
            publish(recording, mint, draft.id)
        }
        Approval::Required => {
            write_pages(recording.conn(), &draft)?;
            Ok(draft)
        }
    }
}

/// The draft of this key with this content; a draft or withdrawn row is used again, any other is returned as it is.
fn save_draft(
    recording: &mut Recording<'_, '_>,
    mint: Mint<'_>,
    key: &BulletinKey,
    composed: &ComposedBulletin,
) -> StoreResult<BulletinRow> {
    let now = recording.now();
    let mut row = BulletinRow {
        id: BulletinId::generate(mint.clock, mint.entropy),
        version: 1,
        created_at: now,
        updated_at: now,
        issuer_area_id: key.issuer,
        program_id: key.program,
        kind: key.kind,
        subject: key.subject.clone(),
        period: key.period,
        revision: 1,
        state: BulletinState::Draft,
        serial: None,
        title: composed.title.clone(),
        as_of: composed.as_of,
        known_at: composed.known_at,
        rules: composed.rules.clone(),
        figures: composed.figures.clone(),
        digest: composed.digest.clone(),
        corrects: None,
        published_at: None,
    };
    if !insert_if_absent!(recording.conn(), bulletins::table, &row)? {
        let known = latest(recording.conn(), key)?.ok_or(StoreError::NotFound("bulletin"))?;
        if !matches!(known.state, BulletinState::Draft | BulletinState::Withdrawn) {
            return Ok(known);
        }
        row = BulletinRow {
            id: known.id,
            version: known.version + 1,
            created_at: known.created_at,
            revision: known.revision,
            corrects: known.corrects,
            ..row
        };
        diesel::update(bulletins::table.find(row.id))
            .set((
                bulletins::version.eq(row.version),
                bulletins::updated_at.eq(now),
                bulletins::state.eq(row.state),
                bulletins::title.eq(&row.title),
                bulletins::as_of.eq(row.as_of),
                bulletins::known_at.eq(row.known_at),
                bulletins::rules.eq(&row.rules),
                bulletins::figures.eq(&row.figures),
                bulletins::digest.eq(&row.digest),
            ))
            .execute(recording.conn())?;
        // Nobody has seen the notices of a draft.
        diesel::delete(notices_table::table.filter(notices_table::bulletin_id.eq(row.id)))
            .execute(recording.conn())?;
    }
    for notice in &composed.notices {
        let notice = NoticeRow {
            id: NoticeId::generate(mint.clock, mint.entropy),
            bulletin_id: row.id,
            area_id: notice.area,
            post: notice.post,
            title: notice.title.clone(),
            figures: notice.figures.clone(),
            digest: notice.digest.clone(),
            html: String::new(),
            undeliverable_reason: None,
            created_at: now,
            acknowledged_at: None,
            acknowledged_by: None,
            version: 1,
        };
        diesel::insert_into(notices_table::table)
            .values(&notice)
            .execute(recording.conn())?;
    }
    audit(recording, "compose", &row)?;
    Ok(row)
}

fn audit(recording: &mut Recording<'_, '_>, verb: &str, row: &BulletinRow) -> QueryResult<()> {
    recording.audit(&Entry {
        verb,
        resource: "bulletin",
        id: &row.id.to_string(),
        area: Some(row.issuer_area_id),
        before: None,
        after: Some(&row.digest),
    })
}

/// Releases a draft for publication.
///
/// # Errors
/// [`StoreError::Refused`], [`StoreError::NotFound`], or the database's.
pub fn approve(recording: &mut Recording<'_, '_>, id: BulletinId) -> StoreResult<BulletinRow> {
    step(recording, id, BulletinVerb::Approve)
}

/// Takes a bulletin back before it is out.
///
/// # Errors
/// As [`approve`].
pub fn withdraw(recording: &mut Recording<'_, '_>, id: BulletinId) -> StoreResult<BulletinRow> {
    step(recording, id, BulletinVerb::Withdraw)
}

fn step(recording: &mut Recording<'_, '_>, id: BulletinId, verb: BulletinVerb) -> StoreResult<BulletinRow> {
    let mut row = by_id(recording.conn(), id)?;
    row.state = row.state.after(verb)?;
    row.version += 1;
    row.updated_at = recording.now();
    diesel::update(bulletins::table.find(id))
        .set((
            bulletins::state.eq(row.state),
            bulletins::version.eq(row.version),
            bulletins::updated_at.eq(row.updated_at),
        ))
        .execute(recording.conn())?;
    audit(recording, verb.as_str(), &row)?;
    Ok(row)
}

/// Puts an approved bulletin out: takes its serial, freezes its pages, and queues one delivery per notice and endpoint. The
/// ledger clock is held, so two publications never take the same serial.
///
/// # Errors
/// [`StoreError::Refused`], [`StoreError::NotFound`], or the database's.
pub fn publish(
    recording: &mut Recording<'_, '_>,
    mint: Mint<'_>,
    id: BulletinId,
) -> StoreResult<BulletinRow> {
    let mut row = by_id(recording.conn(), id)?;
    row.state = row.state.after(BulletinVerb::Publish)?;
    let last: Option<i32> = bulletins::table
        .filter(bulletins::issuer_area_id.eq(row.issuer_area_id))
        .filter(bulletins::program_id.eq(row.program_id))
        .filter(bulletins::kind.eq(row.kind))
        .select(max(bulletins::serial))
        .first(recording.conn())?;
    let now = recording.now();
    row.serial = Some(last.unwrap_or(0) + 1);
    // By the ledger's clock, so that no two publications share a moment and the inbox has one order.
    row.published_at = Some(recording.recorded().at);
    row.version += 1;
    row.updated_at = now;
    diesel::update(bulletins::table.find(id))
        .set((
            bulletins::state.eq(row.state),
            bulletins::serial.eq(row.serial),
            bulletins::published_at.eq(row.published_at),
            bulletins::version.eq(row.version),
            bulletins::updated_at.eq(row.updated_at),
        ))
        .execute(recording.conn())?;
    let notices = write_pages(recording.conn(), &row)?;
    queue_deliveries(recording.conn(), mint, &row, &notices, now)?;
    audit(recording, "publish", &row)?;
    Ok(row)
}

/// Makes the pages of a bulletin's notices, with the serial and date the row has now.
fn write_pages(conn: &mut AnyConnection, bulletin: &BulletinRow) -> StoreResult<Vec<NoticeRow>> {
    let notices = notices::of_bulletin(conn, bulletin.id)?;
    let recipients: Vec<AreaId> = notices.iter().map(|notice| notice.area_id).collect();
    let areas = as_last_known(conn, &recipients)?;
    for notice in &notices {
        let area = areas.get(&notice.area_id).ok_or(StoreError::NotFound("area"))?;
        let page = with_letterhead(bulletin, notice, &area.name, page::html)?;
        diesel::update(notices_table::table.find(notice.id))
            .set(notices_table::html.eq(page))
            .execute(conn)?;
    }
    Ok(notices)
}

/// The areas as they last were: one that was closed or merged still has a code and a name to address it by.
pub(super) fn as_last_known(
    conn: &mut AnyConnection,
    ids: &[AreaId],
) -> QueryResult<BTreeMap<AreaId, AreaVersion>> {
    let versions: Vec<AreaVersion> = area_versions::table
        .filter(area_versions::area_id.eq_any(ids))
        .filter(area_versions::superseded_seq.is_null())
        .order(area_versions::valid_from)
        .select(AreaVersion::as_select())
        .load(conn)?;
    // In the order of validity, so the last stays.
    Ok(versions
        .into_iter()
        .map(|version| (version.area_id, version))
        .collect())
}

/// The plain text of a notice, as it stands beside the page in a mail.
///
/// # Errors
/// When the kind has no document, or the frozen figures cannot be read.
pub fn plain_text(bulletin: &BulletinRow, notice: &NoticeRow, area_name: &str) -> Result<String, PageError> {
    with_letterhead(bulletin, notice, area_name, page::text)
}

fn with_letterhead(
    bulletin: &BulletinRow,
    notice: &NoticeRow,
    area_name: &str,
    render: impl Fn(&Letterhead<'_>, &Frozen<'_>) -> Result<String, PageError>,
) -> Result<String, PageError> {
    let recipient_name = addressee(area_name, notice.post);
    let letterhead = Letterhead {
        serial: bulletin.serial,
        title: &notice.title,
        published_on: bulletin.published_at.map(UtcTime::date_in_shanghai),
        recipient_name: &recipient_name,
    };
    let digests = Digests {
        common: &bulletin.digest,
        own: &notice.digest,
    };
    let frozen = Frozen {
        kind: bulletin.kind,
        common: &bulletin.figures,
        own: &notice.figures,
        digests,
    };
    render(&letterhead, &frozen)
}

/// One delivery per notice and endpoint; a notice that reaches no endpoint says why.
fn queue_deliveries(
    conn: &mut AnyConnection,
    mint: Mint<'_>,
    bulletin: &BulletinRow,
    notices: &[NoticeRow],
    now: UtcTime,
) -> StoreResult<()> {
    let recipients: Vec<AreaId> = notices.iter().map(|notice| notice.area_id).collect();
    let endpoints = endpoints::receiving(conn, &recipients)?;
    let expires_at = now.plus(lifetime(bulletin.period.unit()));
    for notice in notices {
        let mut reached = false;
        let own = |endpoint: &&endpoints::EndpointRow| {
            endpoint.area_id == notice.area_id && endpoint.post == notice.post
        };
        for endpoint in endpoints.iter().filter(own) {
            let id = DeliveryId::generate(mint.clock, mint.entropy);
            deliveries::queue(conn, id, notice.id, endpoint, now, expires_at)?;
            reached = true;
        }
        if !reached {
            let reason = undeliverable_reason(conn, notice)?;
            tracing::warn!(notice = %notice.id, area = %notice.area_id, %reason, "A notice has no endpoint to go to.");
            diesel::update(notices_table::table.find(notice.id))
                .set(notices_table::undeliverable_reason.eq(reason.as_str()))
                .execute(conn)?;
        }
    }
    Ok(())
}

fn undeliverable_reason(conn: &mut AnyConnection, notice: &NoticeRow) -> QueryResult<Undeliverable> {
    let known: i64 = endpoints_table::table
        .filter(endpoints_table::area_id.eq(notice.area_id))
        .filter(endpoints_table::post.eq(notice.post))
        .count()
        .get_result(conn)?;
    Ok(if known == 0 {
        Undeliverable::NoEndpoint
    } else {
        Undeliverable::EndpointsDisabled
    })
}

impl From<PageError> for StoreError {
    fn from(error: PageError) -> Self {
        match error {
            PageError::NoDocument(_) => Self::Conflict("no_document"),
            PageError::Unreadable(error) => Self::Json(error),
        }
    }
}
