//! Monitoring lists: terms that end (换届), dormant organizations, and the check of joint unveiling (一同挂牌).

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::dsl::{count_star, exists, max, not};
use diesel::prelude::*;
use qiaojian_domain::dates::{Precision, interval, latest_counting_by};
use qiaojian_domain::ids::{AreaId, OrganizationId};
use qiaojian_domain::organization::{Dormancy, PreciseDate, Status, Unveiled, Unveiling};

use super::past::{list_on, rows_of};
use super::{Filter, OrganizationInArea, OrganizationVersion, Which, heads_in, list};
use crate::areas::Subtree;
use crate::db::AnyConnection;
use crate::db::schema::{activity_areas, activity_versions, area_versions, organization_versions};
use crate::predicates::{area_on, current_area, head, known_at, true_on, within};
use crate::{Moment, StoreResult};

/// Rows scanned at a time for those with a finding.
const CHUNK: i64 = 500;

/// Whether a date with its precision counts from a day after `day`.
macro_rules! counts_after {
    ($on:expr, $precision:expr, $day:expr) => {{
        let of = |precision: Precision| {
            ($precision.eq(precision)).and($on.gt(latest_counting_by($day, precision)))
        };
        of(Precision::Day)
            .or(of(Precision::TenDay))
            .or(of(Precision::Month))
    }};
}

/// Runs a query on the organizations at a point in time, in the tree of that point, or on the latest known ones if
/// `moment` is `None`.
macro_rules! with_rows {
    ($within:expr, $moment:expr, |$rows:ident| $query:expr) => {
        match $moment {
            None => {
                let $rows = heads_in!($within);
                $query
            }
            Some(moment) => {
                let $rows = rows_of!($within, moment);
                $query
            }
        }
    };
}

/// Returns the established organizations of `within` whose term has ended or ends on or before `until`, earliest first,
/// after the cursor `after` (a day and an id); at `moment`, or as latest known.
///
/// # Errors
/// Returns an error if the database fails.
pub fn renewals(
    conn: &mut AnyConnection,
    (within, moment): (&Subtree, Option<Moment>),
    (until, which): (NaiveDate, &Which),
    after: Option<&(NaiveDate, OrganizationId)>,
    limit: i64,
) -> QueryResult<Vec<OrganizationInArea>> {
    use organization_versions as o;
    with_rows!(within, moment, |rows| {
        let mut query = rows
            .filter(o::status.eq(Status::Established))
            .filter(o::term_ends_on.le(until))
            .filter(o::organization_id.ne_all(&which.without))
            .order((o::term_ends_on, o::organization_id))
            .limit(limit)
            .into_boxed();
        if !which.only.is_empty() {
            query = query.filter(o::organization_id.eq_any(&which.only));
        }
        if let Some((day, id)) = after.copied() {
            query = query
                .filter(o::term_ends_on.ge(day))
                .filter(o::term_ends_on.gt(day).or(o::organization_id.gt(id)));
        }
        query.load(conn)
    })
}

/// Returns the dormant organizations of `within` (a path in the tree at `moment`): those established on that day, for
/// which, and for whose area, nothing is recorded after `since`: no activity, establishment or reopening. Returns only
/// those with one of `findings`: a missing activity is evidence of dormancy only where activities are recorded at all.
/// Ordered by area path and id, after the cursor `after`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn dormant(
    conn: &mut AnyConnection,
    within: &Subtree,
    moment: Moment,
    (since, findings, which): (NaiveDate, &[Dormancy], &Which),
    after: Option<&(String, OrganizationId)>,
    limit: i64,
) -> QueryResult<Vec<OrganizationInArea>> {
    use {activity_areas as t, activity_versions as v, organization_versions as o};
    let ever = || {
        v::table
            .filter(known_at!(v, moment.known).and(v::valid_to.is_null()))
            .filter(v::on_date.le(moment.as_of))
    };
    let lately = || ever().filter(counts_after!(v::on_date, v::on_precision, since));
    macro_rules! is_its_own {
        ($happened:expr) => {
            exists(
                $happened
                    .filter(v::area_id.eq(o::area_id))
                    .select(v::activity_id),
            )
            .or(exists(
                $happened
                    .inner_join(
                        t::table.on(t::activity_id
                            .eq(v::activity_id)
                            .and(t::recorded_seq.eq(v::recorded_seq))),
                    )
                    .filter(t::area_id.eq(o::area_id))
                    .select(v::activity_id),
            ))
        };
    }
    let founded = counts_after!(
        o::established_on.assume_not_null(),
        o::established_precision.assume_not_null(),
        since
    );
    let reopened = o::reopenings.ne("[]").and(o::valid_from.gt(since));
    let mut query = rows_of!(within, moment)
        .filter(o::status.eq(Status::Established))
        .filter(o::organization_id.ne_all(&which.without))
        .filter(not(founded))
        .filter(not(reopened))
        .filter(not(is_its_own!(lately())))
        .order((area_versions::path, o::organization_id))
        .limit(limit)
        .into_boxed();
    if !which.only.is_empty() {
        query = query.filter(o::organization_id.eq_any(&which.only));
    }
    match (
        findings.contains(&Dormancy::Dormant),
        findings.contains(&Dormancy::Unknown),
    ) {
        (true, true) => {}
        (true, false) => query = query.filter(is_its_own!(ever())),
        (false, true) => query = query.filter(not(is_its_own!(ever()))),
        (false, false) => return Ok(Vec::new()),
    }
    if let Some((path, id)) = after.cloned() {
        query = query
            .filter(area_versions::path.ge(path.clone()))
            .filter(area_versions::path.gt(path).or(o::organization_id.gt(id)));
    }
    query.load(conn)
}

/// Returns the date of the last activity of each of these areas, or that involved it, up to the day of a point in time
/// and as known then.
///
/// # Errors
/// Returns an error if the database fails.
pub fn last_activities(
    conn: &mut AnyConnection,
    areas: &[AreaId],
    Moment { as_of: until, known }: Moment,
) -> QueryResult<HashMap<AreaId, NaiveDate>> {
    use {activity_areas as t, activity_versions as v};
    let own: Vec<(AreaId, Option<NaiveDate>)> = v::table
        .filter(known_at!(v, known).and(v::valid_to.is_null()))
        .filter(v::area_id.eq_any(areas))
        .filter(v::on_date.le(until))
        .group_by(v::area_id)
        .select((v::area_id, max(v::on_date)))
        .load(conn)?;
    let touched: Vec<(AreaId, Option<NaiveDate>)> = t::table
        .inner_join(
            v::table.on(v::activity_id
                .eq(t::activity_id)
                .and(v::recorded_seq.eq(t::recorded_seq))),
        )
        .filter(known_at!(v, known).and(v::valid_to.is_null()))
        .filter(t::area_id.eq_any(areas))
        .filter(v::on_date.le(until))
        .group_by(t::area_id)
        .select((t::area_id, max(v::on_date)))
        .load(conn)?;
    let mut last: HashMap<AreaId, NaiveDate> = HashMap::new();
    for (area, day) in own.into_iter().chain(touched) {
        if let Some(day) = day {
            let known = last.entry(area).or_insert(day);
            *known = day.max(*known);
        }
    }
    Ok(last)
}

/// An organization with the finding of the check of joint unveiling.
#[derive(Debug, Clone)]
pub struct Checked {
    pub found: OrganizationInArea,
    pub finding: Unveiling,
    pub unveiled: Option<PreciseDate>,
    /// The date on which its superior was unveiled.
    pub parent_unveiled: Option<PreciseDate>,
}

/// The parameters of the check of joint unveiling.
#[derive(Debug, Clone, Copy)]
pub struct UnveilingCheck<'a> {
    /// A superior is considered only if it belongs to this subtree.
    pub visible: &'a Subtree,
    /// Established organizations of this subtree are checked.
    pub within: &'a Subtree,
    /// The point in time, or `None` for the latest known state.
    pub moment: Option<Moment>,
    /// The date from which the register is kept up to date; see [`Unveiled::of`].
    pub followed_since: Option<NaiveDate>,
    pub findings: &'a [Unveiling],
    /// Restricts the result to some organizations, or excludes some.
    pub which: &'a Which,
}

/// Returns the established organizations with one of the requested findings, by area path and id, after the cursor
/// `after`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn unveilings(
    conn: &mut AnyConnection,
    asked: UnveilingCheck<'_>,
    after: Option<&(String, OrganizationId)>,
    limit: i64,
) -> StoreResult<Vec<Checked>> {
    let established = Filter {
        statuses: vec![Status::Established],
        which: asked.which.clone(),
        ..Filter::default()
    };
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut after = after.cloned();
    let mut checked = Vec::new();
    loop {
        let rows = match asked.moment {
            None => list(conn, asked.within, &established, after.as_ref(), CHUNK)?,
            Some(moment) => list_on(conn, asked.within, moment, &established, after.as_ref(), CHUNK)?,
        };
        let more = i64::try_from(rows.len()).unwrap_or(i64::MAX) >= CHUNK;
        after = rows
            .last()
            .map(|row| (row.area_path.clone(), row.organization.organization_id));
        let of_chunk = check(conn, asked, rows)?;
        checked.extend(
            of_chunk
                .into_iter()
                .filter(|one| asked.findings.contains(&one.finding)),
        );
        if checked.len() >= wanted || !more {
            checked.truncate(wanted);
            return Ok(checked);
        }
    }
}

fn check(
    conn: &mut AnyConnection,
    asked: UnveilingCheck<'_>,
    rows: Vec<OrganizationInArea>,
) -> StoreResult<Vec<Checked>> {
    use organization_versions as o;
    let known_of = |found: &OrganizationInArea| -> StoreResult<Unveiled> {
        let life = found.organization.life()?;
        Ok(Unveiled::of(
            life.unveiled,
            life.established,
            asked.followed_since,
        ))
    };
    let above: Vec<OrganizationId> = rows.iter().filter_map(|row| row.organization.parent_id).collect();
    let above: Vec<OrganizationInArea> = with_rows!(asked.visible, asked.moment, |rows| rows
        .filter(o::organization_id.eq_any(&above))
        .load(conn))?;
    let unveiled: HashMap<OrganizationId, Unveiled> = above
        .iter()
        .map(|found| Ok((found.organization.organization_id, known_of(found)?)))
        .collect::<StoreResult<_>>()?;
    rows.into_iter()
        .map(|found| {
            let parent = found
                .organization
                .parent_id
                .and_then(|id| unveiled.get(&id).copied());
            let unveiled = known_of(&found)?;
            Ok(Checked {
                finding: Unveiling::of(unveiled, parent),
                unveiled: unveiled.date(),
                parent_unveiled: parent.and_then(Unveiled::date),
                found,
            })
        })
        .collect()
}

/// The earliest and the latest day that a date may mean.
type Days = (NaiveDate, NaiveDate);

/// Returns how many established organizations of `within` were unveiled on each of these dates, or within the ten-day
/// period or month that is known; at `moment`, or as latest known.
///
/// # Errors
/// Returns an error if the database fails.
pub fn unveiled_together(
    conn: &mut AnyConnection,
    (within, moment): (&Subtree, Option<Moment>),
    dates: &[PreciseDate],
) -> QueryResult<HashMap<Days, i64>> {
    use organization_versions as o;
    let first = dates.iter().map(|date| date.earliest()).min();
    let last = dates.iter().map(|date| date.counts_from()).max();
    let Some((first, last)) = first.zip(last) else {
        return Ok(HashMap::new());
    };
    macro_rules! groups {
        ($rows:expr) => {
            $rows
                .filter(within!(within))
                .filter(o::status.eq(Status::Established))
                .filter(o::unveiled_on.ge(first).and(o::unveiled_on.le(last)))
                .group_by((o::unveiled_on, o::unveiled_precision))
                .select((o::unveiled_on, o::unveiled_precision, count_star()))
                .load(conn)?
        };
    }
    let groups: Vec<(Option<NaiveDate>, Option<Precision>, i64)> = match moment {
        None => groups!(o::table.inner_join(current_area!(o::area_id)).filter(head!(o))),
        Some(Moment { as_of, known }) => groups!(
            o::table
                .inner_join(area_on!(o::area_id, as_of, known))
                .filter(true_on!(o, as_of, known))
        ),
    };
    let mut counts = HashMap::new();
    for (on, precision, count) in groups {
        if let Some(on) = on {
            let days = interval(on, precision.unwrap_or(Precision::Day));
            *counts.entry(days).or_insert(0) += count;
        }
    }
    Ok(counts)
}
