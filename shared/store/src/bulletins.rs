//! Bulletins: composed as drafts, approved, and published once with a serial and a delivery per endpoint.

mod publish;
mod seen;
mod texts;

pub use publish::{publish, unreachable};
pub use seen::{Filter, SeenBulletin, find_seen, list_seen, notices_seen};
pub use texts::{fill_text, freeze_missing_texts, is_text_missing};

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::access::Post;
use qiaojian_domain::bulletin::{BulletinKind, BulletinState, BulletinVerb};
use qiaojian_domain::clock::{Clock, Entropy, UtcTime};
use qiaojian_domain::ids::{AreaId, BulletinId, NoticeId, ProgramId};
use qiaojian_domain::period::{Period, PeriodUnit};
use qiaojian_domain::schedule::Approval;
use qiaojian_domain::{Noun, StateMachine};

use super::audit::Entry;
use super::ledger::Recording;
use super::notices::NoticeRow;
use super::{StoreError, StoreResult};
use crate::db::AnyConnection;
use crate::db::dialect::insert_if_absent;
use crate::db::schema::{bulletins, notices as notices_table};

/// A row of `bulletins`.
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
    /// Empty, or the subject within the period.
    pub subject: String,
    pub period: Period,
    pub revision: i32,
    pub state: BulletinState,
    /// Assigned at publication.
    pub serial: Option<i32>,
    pub title: String,
    /// The date on which the figures are valid.
    pub as_of: NaiveDate,
    /// The transaction time at which they were computed.
    pub known_at: UtcTime,
    /// The rules used, as canonical JSON.
    pub rules: String,
    /// The figures, frozen, as canonical JSON.
    pub figures: String,
    /// SHA-256 of `figures`.
    pub digest: String,
    pub corrects: Option<BulletinId>,
    pub published_at: Option<UtcTime>,
    /// Identifies, with programme and kind, the series in which issues are numbered.
    pub period_unit: PeriodUnit,
    /// The due date set by a schedule (Asia/Shanghai); `None` without a schedule.
    pub due_on: Option<NaiveDate>,
}

impl BulletinRow {
    /// Returns the due date, if the bulletin was published late.
    pub fn late_since(&self) -> Option<NaiveDate> {
        late_since(self.due_on, self.published_at)
    }
}

/// Returns the due date, if the bulletin was published late.
pub fn late_since(due_on: Option<NaiveDate>, published_at: Option<UtcTime>) -> Option<NaiveDate> {
    let published_on = published_at.map(UtcTime::date_in_shanghai)?;
    due_on.filter(|due| *due < published_on)
}

/// Identifies a bulletin; its UNIQUE key together with the revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulletinKey {
    pub issuer: AreaId,
    pub program: ProgramId,
    pub kind: BulletinKind,
    /// Empty, or the subject within the period.
    pub subject: String,
    pub period: Period,
}

/// A computed bulletin that is not recorded yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposedBulletin {
    pub title: String,
    /// The date on which the figures are valid.
    pub as_of: NaiveDate,
    /// The transaction time at which they were computed.
    pub known_at: UtcTime,
    /// The rules used, as canonical JSON.
    pub rules: String,
    /// The common part, as canonical JSON.
    pub figures: String,
    /// SHA-256 of `figures`.
    pub digest: String,
    /// One per recipient.
    pub notices: Vec<ComposedNotice>,
}

/// The part of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposedNotice {
    pub area: AreaId,
    pub post: Post,
    pub title: String,
    /// The recipient's part, as canonical JSON.
    pub figures: String,
    /// SHA-256 of `figures`.
    pub digest: String,
}

/// The sources of new ids.
#[derive(Clone, Copy)]
pub struct Mint<'a> {
    pub clock: &'a dyn Clock,
    pub entropy: &'a dyn Entropy,
}

fn by_id(conn: &mut AnyConnection, id: BulletinId) -> StoreResult<BulletinRow> {
    bulletins::table
        .find(id)
        .select(BulletinRow::as_select())
        .first(conn)
        .optional()?
        .ok_or(StoreError::NotFound(Noun::Bulletin))
}

/// Returns the latest revision of a bulletin.
///
/// # Errors
/// Returns an error if the database fails.
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

/// Returns the next bulletins that are published or superseded, by id, after `after`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn published_after(
    conn: &mut AnyConnection,
    after: Option<BulletinId>,
    limit: i64,
) -> QueryResult<Vec<BulletinRow>> {
    bulletins::table
        .filter(bulletins::state.eq_any([BulletinState::Published, BulletinState::Superseded]))
        .filter(bulletins::id.gt(after.unwrap_or(BulletinId(uuid::Uuid::nil()))))
        .order(bulletins::id)
        .limit(limit)
        .select(BulletinRow::as_select())
        .load(conn)
}

/// Records a composed bulletin: published at once, or as a draft until it is approved; `due_on` is the due date set by
/// a schedule. A bulletin that is no longer a draft is left unchanged, so composing twice yields one bulletin.
///
/// # Errors
/// [`StoreError::Conflict`] `no_document` for a kind without a document, or a database error.
pub fn compose(
    recording: &mut Recording<'_, '_>,
    mint: Mint<'_>,
    key: &BulletinKey,
    composed: &ComposedBulletin,
    (approval, due_on): (Approval, Option<NaiveDate>),
) -> StoreResult<BulletinRow> {
    let draft = save_draft(recording, mint, key, composed, due_on)?;
    if draft.state != BulletinState::Draft {
        return Ok(draft);
    }
    match approval {
        Approval::Automatic => {
            approve(recording, draft.id)?;
            publish(recording, mint, draft.id)
        }
        Approval::Required => {
            publish::write_pages(recording.conn(), &draft)?;
            Ok(draft)
        }
    }
}

/// Saves a draft with this key and content. A draft or withdrawn row is overwritten; any other is returned unchanged.
fn save_draft(
    recording: &mut Recording<'_, '_>,
    mint: Mint<'_>,
    key: &BulletinKey,
    composed: &ComposedBulletin,
    due_on: Option<NaiveDate>,
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
        period_unit: key.period.unit(),
        due_on,
    };
    if !insert_if_absent!(recording.conn(), bulletins::table, &row)? {
        let known = latest(recording.conn(), key)?.ok_or(StoreError::NotFound(Noun::Bulletin))?;
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
                bulletins::due_on.eq(row.due_on),
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
            text: String::new(),
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
        resource: Noun::Bulletin,
        id: &row.id.to_string(),
        area: Some(row.issuer_area_id),
        before: None,
        after: Some(&row.digest),
    })
}

/// Approves a draft for publication.
///
/// # Errors
/// [`StoreError::Refused`], [`StoreError::NotFound`], or a database error.
pub fn approve(recording: &mut Recording<'_, '_>, id: BulletinId) -> StoreResult<BulletinRow> {
    step(recording, id, BulletinVerb::Approve)
}

/// Withdraws a bulletin before it is published.
///
/// # Errors
/// Same as [`approve`].
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
