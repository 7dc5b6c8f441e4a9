//! The rows of an organization's life and how they are superseded. Nothing is overwritten; replaced rows are kept as
//! superseded.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::ids::{AreaId, OrganizationId};
use qiaojian_domain::organization::{Host, Kind, Status};
use qiaojian_domain::{Conflict, Noun};

use super::{OrganizationInArea, OrganizationVersion};
use crate::areas::{self, AreaVersion, Subtree};
use crate::audit::Entry;
use crate::db::AnyConnection;
use crate::db::dialect::on_either;
use crate::db::schema::organization_versions;
use crate::ledger::Recording;
use crate::predicates::{head, last_area, within};
use crate::{StoreError, StoreResult};

/// Maximum rows per statement; databases limit the number of parameters.
pub(super) const TOGETHER: usize = 200;

/// Returns one row per segment of the organization's life.
pub(super) fn segments_of(
    row: &OrganizationVersion,
    first_day: NaiveDate,
) -> Result<Vec<OrganizationVersion>, serde_json::Error> {
    let segments = row.life()?.segments(first_day);
    let ends = segments.iter().skip(1).map(|(from, _)| Some(*from)).chain([None]);
    segments
        .iter()
        .zip(ends)
        .map(|((from, life), to)| {
            Ok(OrganizationVersion {
                valid_from: *from,
                valid_to: to,
                ..row.clone().with_life(life)?
            })
        })
        .collect()
}

/// Returns the rows that are valid from the row's first day on: one, unless the organization was closed temporarily
/// after that day.
fn from_its_day_on(row: &OrganizationVersion) -> Result<Vec<OrganizationVersion>, serde_json::Error> {
    let from = row.valid_from;
    if row.life()?.reopenings.is_empty() {
        return Ok(vec![row.clone()]);
    }
    let later = segments_of(row, from)?
        .into_iter()
        .filter(|segment| segment.valid_to.is_none_or(|to| to > from));
    Ok(later
        .map(|segment| OrganizationVersion {
            valid_from: segment.valid_from.max(from),
            ..segment
        })
        .collect())
}

/// The facts that a dated change can modify, and that may therefore differ within one life.
#[derive(PartialEq)]
struct Standing<'a> {
    area: AreaId,
    kind: Kind,
    name: &'a str,
    posts: (Option<i32>, Option<i32>),
    has_office: bool,
    affiliation: Option<&'a str>,
    lists: (&'a str, &'a str),
}

fn standing(row: &OrganizationVersion) -> Standing<'_> {
    Standing {
        area: row.area_id,
        kind: row.kind,
        name: &row.name,
        posts: (row.quota_posts, row.posts_filled),
        has_office: row.has_office,
        affiliation: row.affiliation.as_deref(),
        lists: (&row.five_have, &row.standing_rules),
    }
}

/// Splits the rows at each known dated change, so that area, kind, name and the other facts of `Standing` keep their
/// recorded values on each day. A value in which a row differs from `head` is a correction and applies to all days.
pub(super) fn with_turns(
    rows: &[OrganizationVersion],
    known: &[OrganizationVersion],
    head: &OrganizationVersion,
) -> Vec<OrganizationVersion> {
    let turns: Vec<NaiveDate> = known
        .iter()
        .zip(known.iter().skip(1))
        .filter(|(before, after)| standing(before) != standing(after))
        .map(|(_, after)| after.valid_from)
        .collect();
    rows.iter()
        .flat_map(|row| cut_at(&turns, row))
        .map(|piece| as_known(piece, known, head))
        .collect()
}

fn cut_at(days: &[NaiveDate], row: &OrganizationVersion) -> Vec<OrganizationVersion> {
    let is_inside = |day: &NaiveDate| *day > row.valid_from && row.valid_to.is_none_or(|to| *day < to);
    let inside: Vec<NaiveDate> = days.iter().copied().filter(is_inside).collect();
    let ends = inside.iter().copied().map(Some).chain([row.valid_to]);
    [row.valid_from]
        .into_iter()
        .chain(inside.iter().copied())
        .zip(ends)
        .map(|(from, to)| OrganizationVersion {
            valid_from: from,
            valid_to: to,
            ..row.clone()
        })
        .collect()
}

/// Restores the recorded values for the days of a piece, except where it differs from `head`.
fn as_known(
    mut piece: OrganizationVersion,
    known: &[OrganizationVersion],
    head: &OrganizationVersion,
) -> OrganizationVersion {
    let on_its_days = known
        .iter()
        .rev()
        .find(|segment| segment.valid_from <= piece.valid_from);
    if let Some(was) = on_its_days.or(known.first()) {
        if piece.area_id == head.area_id {
            piece.area_id = was.area_id;
        }
        if piece.kind == head.kind {
            piece.kind = was.kind;
        }
        if piece.name == head.name {
            piece.name.clone_from(&was.name);
        }
        if piece.quota_posts == head.quota_posts {
            piece.quota_posts = was.quota_posts;
        }
        if piece.posts_filled == head.posts_filled {
            piece.posts_filled = was.posts_filled;
        }
        if piece.has_office == head.has_office {
            piece.has_office = was.has_office;
        }
        if piece.affiliation == head.affiliation {
            piece.affiliation.clone_from(&was.affiliation);
        }
        if piece.five_have == head.five_have {
            piece.five_have.clone_from(&was.five_have);
        }
        if piece.standing_rules == head.standing_rules {
            piece.standing_rules.clone_from(&was.standing_rules);
        }
    }
    piece
}

pub(super) fn known_segments(
    recording: &mut Recording<'_, '_>,
    id: OrganizationId,
) -> QueryResult<Vec<OrganizationVersion>> {
    organization_versions::table
        .filter(
            organization_versions::organization_id
                .eq(id)
                .and(organization_versions::superseded_seq.is_null()),
        )
        .order(organization_versions::valid_from)
        .select(OrganizationVersion::as_select())
        .load(recording.conn())
}

/// Records that `row` is true from its `valid_from` on. Later dated changes are kept where `row` equals `head`; earlier
/// days keep their recorded state. Returns the last row.
pub(super) fn put_from(
    recording: &mut Recording<'_, '_>,
    row: OrganizationVersion,
    head: &OrganizationVersion,
) -> StoreResult<OrganizationVersion> {
    let recorded = recording.recorded();
    let from = row.valid_from;
    let known = known_segments(recording, row.organization_id)?;
    let rows = with_turns(&from_its_day_on(&row)?, &known, head);
    // On the other days its recorded area was valid already.
    let reaches_back = known.first().is_none_or(|first| from < first.valid_from);
    if reaches_back || row.area_id != head.area_id {
        refuse_before_area(recording, "/on", &rows)?;
    }
    let cut: Vec<OrganizationVersion> = known
        .into_iter()
        .filter(|segment| segment.valid_from < from && segment.valid_to.is_none_or(|to| to > from))
        .map(|segment| OrganizationVersion {
            version: row.version,
            recorded_seq: recorded.seq,
            recorded_at: recorded.at,
            valid_to: Some(from),
            ..segment
        })
        .collect();
    supersede(recording, row.organization_id, Some(from))?;
    insert(recording, &cut)?;
    insert(recording, &rows)?;
    Ok(rows.into_iter().next_back().unwrap_or(row))
}

/// Rejects rows of days before their area existed.
pub(super) fn refuse_before_area(
    recording: &mut Recording<'_, '_>,
    pointer: &'static str,
    rows: &[OrganizationVersion],
) -> StoreResult<()> {
    // The rows are ordered by valid time, so checking the first row of each stay is sufficient.
    for stay in rows.chunk_by(|one, next| one.area_id == next.area_id) {
        if let Some(row) = stay.first() {
            let area = areas::by_id(recording.conn(), row.area_id)?;
            areas::refuse_days_before(recording, &area, pointer, row.valid_from)?;
        }
    }
    Ok(())
}

/// Returns the active organization of this kind that an area of `visible` has in its own right, with its name.
///
/// # Errors
/// Returns an error if the database fails.
pub fn active_of_kind(
    conn: &mut AnyConnection,
    visible: &Subtree,
    area: AreaId,
    kind: Kind,
) -> QueryResult<Option<(OrganizationId, String)>> {
    use organization_versions as o;
    o::table
        .inner_join(last_area!(o::area_id))
        .filter(head!(o))
        .filter(within!(visible))
        .filter(o::area_id.eq(area).and(o::kind.eq(kind)))
        .filter(o::host.eq(Host::Area))
        .filter(o::status.eq_any(Status::active()))
        .select((o::organization_id, o::name))
        .first(conn)
        .optional()
}

/// Returns those of these areas that have an active organization in their own right, with its kind.
pub(super) fn taken_places(
    conn: &mut AnyConnection,
    of: impl IntoIterator<Item = AreaId>,
) -> QueryResult<Vec<(AreaId, Kind)>> {
    use organization_versions as o;
    let of: BTreeSet<AreaId> = of.into_iter().collect();
    o::table
        .filter(head!(o))
        .filter(o::area_id.eq_any(of))
        .filter(o::host.eq(Host::Area))
        .filter(o::status.eq_any(Status::active()))
        .select((o::area_id, o::kind))
        .load(conn)
}

/// Supersedes the known rows of `id` that extend beyond `beyond`, or all of them.
pub(super) fn supersede(
    recording: &mut Recording<'_, '_>,
    id: OrganizationId,
    beyond: Option<NaiveDate>,
) -> StoreResult<()> {
    let recorded = recording.recorded();
    let known = organization_versions::organization_id
        .eq(id)
        .and(organization_versions::superseded_seq.is_null());
    let mark = (
        organization_versions::superseded_seq.eq(recorded.seq),
        organization_versions::superseded_at.eq(recorded.at),
    );
    match beyond {
        None => diesel::update(organization_versions::table.filter(known))
            .set(mark)
            .execute(recording.conn())?,
        Some(from) => {
            let reaches = organization_versions::valid_to
                .is_null()
                .or(organization_versions::valid_to.gt(from));
            diesel::update(organization_versions::table.filter(known).filter(reaches))
                .set(mark)
                .execute(recording.conn())?
        }
    };
    Ok(())
}

pub(super) fn insert(recording: &mut Recording<'_, '_>, rows: &[OrganizationVersion]) -> StoreResult<()> {
    use organization_versions as o;
    let conn = recording.conn();
    let inserted = match rows {
        // A statement that is prepared once.
        [one] => diesel::insert_into(o::table).values(one).execute(conn).map(drop),
        many => many.chunks(TOGETHER).try_for_each(|rows| {
            on_either!(conn, |conn| diesel::insert_into(o::table)
                .values(rows)
                .execute(conn))
            .map(drop)
        }),
    };
    inserted.map_err(|error| naming_place(error.into(), rows))
}

/// If another organization is already active, adds the area and kind of these rows to the error.
fn naming_place(error: StoreError, rows: &[OrganizationVersion]) -> StoreError {
    let active = rows
        .iter()
        .rev()
        .find(|row| row.valid_to.is_none() && row.status.is_active());
    match (error, active) {
        (StoreError::Conflict(Conflict::OrganizationExists), Some(row)) => StoreError::OrganizationExists {
            area: row.area_id,
            kind: row.kind,
        },
        (error, _) => error,
    }
}

pub(super) fn audit(
    recording: &mut Recording<'_, '_>,
    verb: &str,
    before: Option<&OrganizationVersion>,
    after: Option<&OrganizationVersion>,
) -> StoreResult<()> {
    audit_all(recording, verb, &[(before, after)])
}

/// Like [`audit`] for several organizations, each with its state before and after.
pub(super) fn audit_all(
    recording: &mut Recording<'_, '_>,
    verb: &str,
    turns: &[(Option<&OrganizationVersion>, Option<&OrganizationVersion>)],
) -> StoreResult<()> {
    let digest = |row: Option<&OrganizationVersion>| row.map(OrganizationVersion::digest).transpose();
    let told = turns
        .iter()
        .filter_map(|(before, after)| Some((after.or(*before)?, before, after)))
        .map(|(row, before, after)| {
            let id = row.organization_id.to_string();
            Ok((id, row.area_id, digest(*before)?, digest(*after)?))
        })
        .collect::<Result<Vec<_>, serde_json::Error>>()?;
    let entries: Vec<Entry<'_>> = told
        .iter()
        .map(|(id, area, before, after)| Entry {
            verb,
            resource: Noun::Organization,
            id,
            area: Some(*area),
            before: before.as_deref(),
            after: after.as_deref(),
        })
        .collect();
    recording.audit_all(&entries)?;
    Ok(())
}

pub(super) fn in_area(organization: OrganizationVersion, area: &AreaVersion) -> OrganizationInArea {
    OrganizationInArea {
        organization,
        area_code: area.code.clone(),
        area_path: area.path.clone(),
        level: area.level,
    }
}
