//! Activities: visits, meetings and documents, each with the areas it involved.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::Noun;
use qiaojian_domain::access::Post;
use qiaojian_domain::activity::ActivityKind;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::dates::Precision;
use qiaojian_domain::digest::{canonical, digest_of};
use qiaojian_domain::ids::{ActivityId, AreaId, ProgramId};
use qiaojian_domain::organization::PreciseDate;
use qiaojian_domain::violation::{NAME_CHARS, TEXT_CHARS, check_optional_line, check_optional_text};
use serde::Serialize;

use super::areas::Subtree;
use super::audit::Entry;
use super::ledger::Recording;
use super::{StoreError, StoreResult, same_request};
use crate::Moment;
use crate::db::AnyConnection;
use crate::db::schema::{activities, activity_areas, activity_versions, area_versions};
use crate::predicates::{area_by, head, known_at, last_area, within, within_or_ended};

/// One version of an activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Queryable, Selectable, Insertable)]
#[diesel(table_name = activity_versions)]
pub struct ActivityVersion {
    pub activity_id: ActivityId,
    pub version: i64,
    pub recorded_seq: i64,
    pub recorded_at: UtcTime,
    pub superseded_seq: Option<i64>,
    pub superseded_at: Option<UtcTime>,
    pub valid_from: NaiveDate,
    pub valid_to: Option<NaiveDate>,
    pub kind: ActivityKind,
    pub program_id: ProgramId,
    /// The area that the activity belongs to.
    pub area_id: AreaId,
    pub on_date: NaiveDate,
    pub on_precision: Precision,
    /// A JSON array of posts.
    pub posts: String,
    pub chair_post: Option<Post>,
    pub doc_no: Option<String>,
    pub quantity: Option<i32>,
    pub year: Option<i32>,
    pub category: Option<String>,
    pub note: Option<String>,
}

/// An activity with the position of its area in the tree.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct ActivityInArea {
    pub activity: ActivityVersion,
    pub area_code: String,
    pub area_path: String,
}

/// An activity to record.
#[derive(Debug, Clone)]
pub struct NewActivity {
    pub id: ActivityId,
    /// Digest of the request: repeating the request returns the same activity.
    pub digest: String,
    pub kind: ActivityKind,
    pub program: ProgramId,
    /// The area that the activity belongs to.
    pub area: AreaId,
    /// The areas it involved.
    pub areas: Vec<AreaId>,
    pub on: PreciseDate,
    /// The posts that took part.
    pub posts: Vec<Post>,
    pub chair_post: Option<Post>,
    pub doc_no: Option<String>,
    /// Number of occurrences, if the record covers several.
    pub quantity: Option<i32>,
    /// The budget or assessment year.
    pub year: Option<i32>,
    pub category: Option<String>,
    pub note: Option<String>,
}

/// The latest known activities of the areas of `visible`.
macro_rules! heads_in {
    ($visible:expr) => {
        activity_versions::table
            .inner_join(last_area!(activity_versions::area_id))
            .filter(head!(activity_versions))
            .filter(within!($visible))
            .select((
                ActivityVersion::as_select(),
                area_versions::code,
                area_versions::path,
            ))
    };
}

/// Returns the activity with this id, if its area belongs to `visible`.
///
/// # Errors
/// [`StoreError::NotFound`], or a database error.
pub fn find(conn: &mut AnyConnection, visible: &Subtree, id: ActivityId) -> StoreResult<ActivityInArea> {
    heads_in!(visible)
        .filter(activity_versions::activity_id.eq(id))
        .first(conn)
        .optional()?
        .ok_or(StoreError::NotFound(Noun::Activity))
}

/// Returns the activities of `within` (a part of what the caller sees), latest first, before the cursor `before` (a day
/// and an id).
///
/// # Errors
/// Returns an error if the database fails.
pub fn list(
    conn: &mut AnyConnection,
    within: &Subtree,
    program: Option<ProgramId>,
    before: Option<(NaiveDate, ActivityId)>,
    limit: i64,
) -> QueryResult<Vec<ActivityInArea>> {
    let mut query = heads_in!(within)
        .order((
            activity_versions::on_date.desc(),
            activity_versions::activity_id.desc(),
        ))
        .limit(limit)
        .into_boxed();
    if let Some(program) = program {
        query = query.filter(activity_versions::program_id.eq(program));
    }
    if let Some((on, id)) = before {
        query = query.filter(activity_versions::on_date.le(on)).filter(
            activity_versions::on_date
                .lt(on)
                .or(activity_versions::activity_id.lt(id)),
        );
    }
    query.load(conn)
}

/// Returns the areas that this version of an activity involved.
///
/// # Errors
/// Returns an error if the database fails.
pub fn areas_of(conn: &mut AnyConnection, activity: &ActivityVersion) -> QueryResult<Vec<AreaId>> {
    activity_areas::table
        .filter(
            activity_areas::activity_id
                .eq(activity.activity_id)
                .and(activity_areas::recorded_seq.eq(activity.recorded_seq)),
        )
        .order(activity_areas::area_id)
        .select(activity_areas::area_id)
        .load(conn)
}

/// Returns the areas of `within` (a path in the tree of `as_of`) that visits (督导检查、走访调研) of a programme involved after
/// `from` and on or before `to`, as known at `known`. A visit with an imprecise date counts from the last day it may
/// mean.
///
/// # Errors
/// Returns an error if the database fails.
pub fn visited(
    conn: &mut AnyConnection,
    within: &Subtree,
    program: Option<ProgramId>,
    (from, to): (NaiveDate, NaiveDate),
    Moment { as_of, known }: Moment,
) -> QueryResult<Vec<AreaId>> {
    use activity_versions as v;
    let mut query = v::table
        .inner_join(
            activity_areas::table.on(activity_areas::activity_id
                .eq(v::activity_id)
                .and(activity_areas::recorded_seq.eq(v::recorded_seq))),
        )
        .inner_join(area_by!(activity_areas::area_id, as_of, known))
        .filter(within_or_ended!(within))
        .filter(known_at!(v, known))
        .filter(v::kind.eq_any([ActivityKind::SupervisionVisit, ActivityKind::Research]))
        .filter(v::valid_from.gt(from).and(v::valid_from.le(to)))
        .select(activity_areas::area_id)
        .distinct()
        .into_boxed();
    if let Some(program) = program {
        query = query.filter(v::program_id.eq(program));
    }
    query.load(conn)
}

/// Records an activity. Repeating the request with the same id returns the same activity.
///
/// # Errors
/// [`StoreError::Invalid`], [`StoreError::Conflict`] `id_taken`, or a database error.
pub fn create(recording: &mut Recording<'_, '_>, new: &NewActivity) -> StoreResult<ActivityVersion> {
    let known: Option<String> = activities::table
        .find(new.id)
        .select(activities::created_digest)
        .first(recording.conn())
        .optional()?;
    if same_request::made_before(known, |digest| *digest == new.digest)?.is_some() {
        return find(recording.conn(), &Subtree::everything(), new.id).map(|found| found.activity);
    }
    check(new)?;
    let recorded = recording.recorded();
    let row = ActivityVersion {
        activity_id: new.id,
        version: 1,
        recorded_seq: recorded.seq,
        recorded_at: recorded.at,
        superseded_seq: None,
        superseded_at: None,
        valid_from: new.on.counts_from(),
        valid_to: None,
        kind: new.kind,
        program_id: new.program,
        area_id: new.area,
        on_date: new.on.on,
        on_precision: new.on.precision,
        posts: canonical(&new.posts)?,
        chair_post: new.chair_post,
        doc_no: new.doc_no.clone(),
        quantity: new.quantity,
        year: new.year,
        category: new.category.clone(),
        note: new.note.clone(),
    };
    insert(recording, &row, new)?;
    let (id, after) = (row.activity_id.to_string(), digest_of(&(&row, &new.areas))?);
    recording.audit(&Entry {
        verb: "create",
        resource: Noun::Activity,
        id: &id,
        area: Some(row.area_id),
        before: None,
        after: Some(&after),
    })?;
    Ok(row)
}

fn check(new: &NewActivity) -> StoreResult<()> {
    let mut violations = Vec::new();
    check_optional_line(&mut violations, "/doc_no", new.doc_no.as_deref(), NAME_CHARS);
    check_optional_line(&mut violations, "/category", new.category.as_deref(), NAME_CHARS);
    check_optional_text(&mut violations, "/note", new.note.as_deref(), TEXT_CHARS);
    if violations.is_empty() {
        Ok(())
    } else {
        Err(StoreError::Invalid(violations))
    }
}

fn insert(recording: &mut Recording<'_, '_>, row: &ActivityVersion, new: &NewActivity) -> StoreResult<()> {
    diesel::insert_into(activities::table)
        .values((
            activities::id.eq(row.activity_id),
            activities::created_seq.eq(row.recorded_seq),
            activities::created_at.eq(row.recorded_at),
            activities::created_digest.eq(&new.digest),
        ))
        .execute(recording.conn())?;
    diesel::insert_into(activity_versions::table)
        .values(row)
        .execute(recording.conn())?;
    let touched: BTreeSet<AreaId> = new.areas.iter().copied().collect();
    for area in touched {
        diesel::insert_into(activity_areas::table)
            .values((
                activity_areas::activity_id.eq(row.activity_id),
                activity_areas::recorded_seq.eq(row.recorded_seq),
                activity_areas::area_id.eq(area),
            ))
            .execute(recording.conn())?;
    }
    Ok(())
}
