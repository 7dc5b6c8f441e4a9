//! The rows of a life: what is known of an organization, and how it is superseded. Nothing is overwritten; the rows that are replaced
//! stay, superseded.

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

/// Rows in one statement; a database takes so many parameters and no more.
pub(super) const TOGETHER: usize = 200;

/// The row as one row per segment of its life.
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

/// The row as the rows that are true from its day on: one, unless it was closed for a time after that day.
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

/// What a dated turn changes, and so what may differ between the days of one life.
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

/// The rows, cut where a turn is known, so that on each day area, kind, name and whatever else may change on a day
/// stay what they were known to be. Only what a row
/// says otherwise than `head` was never otherwise.
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

/// Gives a piece what was known for its days, where it does not say otherwise than `head`.
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

/// From its `valid_from` on, `row` is true, at `head`'s place in the turns that are known; what was true before stays true before.
/// Gives what stands at the end.
pub(super) fn put_from(
    recording: &mut Recording<'_, '_>,
    row: OrganizationVersion,
    head: &OrganizationVersion,
) -> StoreResult<OrganizationVersion> {
    let recorded = recording.recorded();
    let from = row.valid_from;
    let known = known_segments(recording, row.organization_id)?;
    let rows = with_turns(&from_its_day_on(&row)?, &known, head);
    // On other days it is known to stand where it stood.
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

/// An organization stands in an area that is there: refuses rows of a day before it was.
pub(super) fn refuse_before_area(
    recording: &mut Recording<'_, '_>,
    pointer: &'static str,
    rows: &[OrganizationVersion],
) -> StoreResult<()> {
    // In the order of validity, so the first of each stay counts.
    for stay in rows.chunk_by(|one, next| one.area_id == next.area_id) {
        if let Some(row) = stay.first() {
            let area = areas::by_id(recording.conn(), row.area_id)?;
            areas::refuse_days_before(recording, &area, pointer, row.valid_from)?;
        }
    }
    Ok(())
}

/// The active organization of its own that an area of `visible` has of a kind, with its name.
///
/// # Errors
/// The database's.
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

/// The areas among these that have an active organization of their own, with its kind.
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

/// Marks as superseded what is known of `id`, as far as it reaches beyond `beyond`.
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

/// Where another organization is active already, names the place that these rows would have taken.
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

/// The same of many, each as it was before and after.
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
