//! Records reached milestones, each once. Called periodically as the ledger grows.

use std::collections::{BTreeSet, HashSet};

use chrono::NaiveDate;
use qiaojian_domain::area::Level;
use qiaojian_domain::clock::{Clock, Entropy};
use qiaojian_domain::ids::{AreaId, MilestoneId};
use qiaojian_domain::program::Choice;

use super::rows::NewMilestone;
use super::{Asked, Milestone, named, rows, standing};
use crate::areas::{self, Filter};
use crate::db::AnyConnection;
use crate::ledger::Recording;
use crate::{Recorded, StoreResult, Subtree, fact_rows, programs, rules};

/// Returns the provinces in which something may have been reached since a ledger position: those whose organizations
/// changed, or all of them if the tree, a rule or a cohort changed, or if `since` is `None`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn to_look_at(conn: &mut AnyConnection, since: Option<i64>, known: Recorded) -> StoreResult<Vec<AreaId>> {
    let every_province = Filter {
        levels: vec![Level::Province],
        ..Filter::every_kind()
    };
    let mut provinces = areas::list(conn, &Subtree::everything(), &every_province, None, i64::MAX)?;
    if let Some(since) = since
        && !fact_rows::tree_changed(conn, since, known)?
        && !rules::changed(conn, since, known)?
        && !programs::cohorts_changed(conn, since, known)?
    {
        let mut touched = BTreeSet::new();
        for ids in fact_rows::changed_organizations(conn, since, known)?.chunks(500) {
            let places = fact_rows::places_ever(conn, ids)?;
            let places: Vec<AreaId> = places.into_iter().map(|(_, area)| area).collect();
            for places in places.chunks(500) {
                let paths = areas::paths(conn, places)?;
                touched.extend(
                    paths
                        .iter()
                        .filter_map(|path| path.split('/').next())
                        .map(str::to_owned),
                );
            }
        }
        provinces.retain(|province| touched.contains(&province.code));
    }
    Ok(provinces.into_iter().map(|province| province.area_id).collect())
}

/// Returns the milestones that a province has reached by today and that are not recorded yet, by the counting rule
/// `default` and, if that counts only some cohorts, those of the current programme. Run it in one snapshot.
///
/// # Errors
/// Returns an error if the database fails.
pub fn unnoted(
    conn: &mut AnyConnection,
    province: AreaId,
    today: NaiveDate,
    known: Recorded,
) -> StoreResult<Vec<NewMilestone>> {
    let province = areas::on_day(conn, province, today, known)?;
    let asked = Asked {
        within: province.subtree(),
        as_of: today,
        known,
        basis: rules::DEFAULT.to_owned(),
        program: match programs::current(conn, &province.path, today, known)? {
            Choice::One(program) => Some(program.program_id),
            Choice::None | Choice::Several => None,
        },
    };
    let (_, found) = standing(conn, &asked)?;
    let new: Vec<Milestone> = found.into_iter().filter(|one| one.noted.is_none()).collect();
    let evidence = named(conn, &new, known)?;
    let to_note = new
        .into_iter()
        .zip(evidence)
        .map(|(one, (organizations, count))| NewMilestone {
            kind: one.kind,
            area: one.area,
            level: one.level,
            reached_on: one.reached_on,
            organizations,
            organizations_count: count,
        });
    Ok(to_note.collect())
}

/// Records the milestones found that nobody has recorded meanwhile. Returns the number of new ones.
///
/// # Errors
/// Returns an error if the database fails.
pub fn note(
    recording: &mut Recording<'_, '_>,
    found: &[NewMilestone],
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> StoreResult<usize> {
    let found: Vec<(MilestoneId, NewMilestone)> = found
        .iter()
        .map(|new| (MilestoneId::generate(clock, entropy), new.clone()))
        .collect();
    rows::note(recording, rules::DEFAULT, &found)
}

/// Returns whether all of these are recorded by now.
///
/// # Errors
/// Returns an error if the database fails.
pub fn are_noted(conn: &mut AnyConnection, found: &[NewMilestone]) -> StoreResult<bool> {
    let areas: HashSet<AreaId> = found.iter().map(|new| new.area).collect();
    let areas: Vec<AreaId> = areas.into_iter().collect();
    let noted = rows::noted_of(conn, &areas, rules::DEFAULT)?;
    Ok(found.iter().all(|new| noted.contains(&new.once())))
}
