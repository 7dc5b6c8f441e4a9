//! Milestones (零突破、三级全覆盖、全覆盖): computed from the register for a day as known at a moment, and noted once by a worker, so that one
//! a later correction undoes is still told, as withdrawn (docs/decisions/0011).

mod noting;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;
use diesel::QueryResult;

pub use noting::{are_noted, note, to_look_at, unnoted};

use crate::db::AnyConnection;
use crate::domain::area::Level;
use crate::domain::milestone::{MilestoneKind, MilestoneState};
use crate::figures::{Basis, Era, Facts, Goal, Held, Reached, ReadModel, Tree, reached};
use crate::ids::{AreaId, OrganizationId, ProgramId};
use crate::store::areas::AreaVersion;
use crate::store::milestones::{self, MOST_NAMED, Named, Once};
use crate::store::rules::{self, RuleRef};
use crate::store::{Moment, Recorded, StoreError, StoreResult, Subtree, areas, programs};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// A path of the tree of `as_of`.
    pub within: Subtree,
    pub as_of: NaiveDate,
    pub known: Recorded,
    /// The name of the counting rule. The one that binds the province is meant, whoever asks.
    pub basis: String,
    /// Whose cohorts a counting rule means that counts some only.
    pub program: Option<ProgramId>,
}

/// A milestone of an area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Milestone {
    pub kind: MilestoneKind,
    pub area: AreaId,
    pub code: String,
    pub path: String,
    pub area_level: Level,
    /// Which level it is about; none where several are meant.
    pub level: Option<Level>,
    pub reached_on: NaiveDate,
    pub state: MilestoneState,
    /// When it was noted, if it was.
    pub noted: Option<Recorded>,
    pub evidence: Evidence,
}

/// Which organizations reached it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// By what is known: those that began to count on that day.
    Computed(Vec<OrganizationId>),
    /// Of one that is withdrawn: those that were noted, and how many they were.
    Noted(Vec<Named>, i64),
}

/// The organizations that reached each of these, by the names they had on its day, [`MOST_NAMED`] at most; and how many they are.
///
/// # Errors
/// The database's.
pub fn named(
    conn: &mut AnyConnection,
    found: &[Milestone],
    known: Recorded,
) -> QueryResult<Vec<(Vec<Named>, i64)>> {
    let mut wanted = Vec::new();
    for one in found {
        if let Evidence::Computed(ids) = &one.evidence {
            wanted.extend(ids.iter().take(MOST_NAMED).map(|id| (*id, one.reached_on)));
        }
    }
    let mut names = milestones::names(conn, &wanted, known)?.into_iter();
    let mut evidence = |one: &Milestone| match &one.evidence {
        Evidence::Noted(named, count) => (named.clone(), *count),
        Evidence::Computed(ids) => {
            let named = ids.iter().take(MOST_NAMED).zip(&mut names);
            let named = named.map(|(id, name)| Named { id: *id, name });
            (named.collect(), i64::try_from(ids.len()).unwrap_or(i64::MAX))
        }
    };
    Ok(found.iter().map(&mut evidence).collect())
}

impl Milestone {
    const fn once(&self) -> Once {
        (self.kind, self.area, self.level, self.reached_on)
    }

    /// By what milestones are in order: the day, the area, what was reached.
    pub fn place(&self) -> (NaiveDate, &str, MilestoneKind, Option<Level>, MilestoneState) {
        (self.reached_on, &self.path, self.kind, self.level, self.state)
    }
}

/// The milestones of areas of a subtree that were reached up to `as_of`, by day and area, with the rule they were judged by; and those that
/// were noted before `known` and by what is known now were not reached on their day. Run it in one snapshot (`db::snapshot`).
///
/// # Errors
/// [`crate::store::StoreError::NotFound`] for a rule nobody recorded, or the database's.
pub fn standing(
    conn: &mut AnyConnection,
    asked: &Asked,
    model: Option<&ReadModel>,
) -> StoreResult<(RuleRef, Vec<Milestone>)> {
    let (rule, mut found) = computed(conn, asked, model)?;
    let rows = milestones::noted(conn, &asked.within, &asked.basis, asked.as_of, asked.known)?;
    let places: HashMap<Once, usize> = found.iter().map(Milestone::once).zip(0..).collect();
    let mut withdrawn = Vec::new();
    for (row, path) in rows {
        let noted = Recorded {
            seq: row.recorded_seq,
            at: row.recorded_at,
        };
        let (kind, area, level, reached_on) = row.once();
        let code = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let area_level = Level::of_code(code).unwrap_or(Level::County);
        if level.is_some_and(|level| !kind.may_be_about(area_level, level)) {
            continue; // noted by an earlier version, which told more
        }
        if let Some(stands) = places.get(&row.once()).and_then(|place| found.get_mut(*place)) {
            stands.noted = Some(noted);
            continue;
        }
        withdrawn.push(Milestone {
            kind,
            area,
            code: code.to_owned(),
            area_level,
            level,
            reached_on,
            state: MilestoneState::Withdrawn,
            noted: Some(noted),
            evidence: Evidence::Noted(row.named()?, row.organizations_count),
            path,
        });
    }
    found.append(&mut withdrawn);
    found.sort_by(|one, other| one.place().cmp(&other.place()));
    Ok((rule, found))
}

/// The milestones reached up to `as_of` by what is known.
fn computed(
    conn: &mut AnyConnection,
    asked: &Asked,
    model: Option<&ReadModel>,
) -> StoreResult<(RuleRef, Vec<Milestone>)> {
    let Asked { as_of, known, .. } = *asked;
    let moment = Moment { as_of, known };
    let province = province_of(conn, &asked.within, moment)?;
    let days = turning_days(conn, asked, &province)?;
    let mut reached_by: BTreeMap<Goal, Reached> = BTreeMap::new();
    let mut from = NaiveDate::MIN;
    // What an area reached where it belonged to another one before is its own: earlier trees are looked at as a whole.
    for day in days {
        let Some(to) = day.pred_opt() else { continue };
        let moment = Moment { as_of: to, known };
        let era = Era { from, to };
        if let Some((within, basis)) = there(scene(conn, asked, province.area_id, moment))? {
            let facts = Facts::load(conn, &within, to, known)?;
            take_in(&mut reached_by, reached(&facts, &basis, &within, era));
        }
        from = day;
    }
    let (rule, basis) = Basis::load(conn, (&province.path, &asked.basis), asked.program, moment)?;
    let era = Era { from, to: as_of };
    let within = &asked.within;
    let fold = |facts: &Facts| {
        let mut all = reached_by.clone();
        take_in(&mut all, reached(facts, &basis, within, era));
        shown(&facts.tree, within, &all)
    };
    let held = match model {
        Some(model) => Some(model.with(conn, within, as_of, known, fold)?),
        None => None,
    };
    let found = match held {
        Some(Held::Answer(found)) => found,
        Some(Held::Newer(_)) | None => fold(&Facts::load(conn, within, as_of, known)?),
    };
    Ok((rule, found))
}

/// The province that a subtree belongs to.
fn province_of(conn: &mut AnyConnection, within: &Subtree, moment: Moment) -> StoreResult<AreaVersion> {
    let code = within.lower().split('/').next().unwrap_or_default();
    areas::find_on(conn, &Subtree::rooted_at(&format!("{code}/")), code, moment)
}

/// The days up to `as_of` on which the shape of the province's tree changed, another version of the counting rule came into force, or where the
/// rule counts some cohorts only, an area changed sides.
fn turning_days(
    conn: &mut AnyConnection,
    asked: &Asked,
    province: &AreaVersion,
) -> StoreResult<BTreeSet<NaiveDate>> {
    let Asked { as_of, known, .. } = *asked;
    let mut days = milestones::shape_days(conn, &province.subtree(), as_of, known)?;
    let versions = rules::counting_versions(conn, (&province.path, &asked.basis), as_of, known)?;
    let by_cohort = versions.iter().any(|(_, params)| params.cohorts.is_some());
    days.extend(versions.into_iter().map(|(day, _)| day));
    if let Some(program) = asked.program.filter(|_| by_cohort) {
        days.extend(programs::cohort_days(conn, program, known)?);
    }
    days.retain(|day| *day <= as_of);
    Ok(days)
}

/// The province on the last day of an era, and by what organizations counted in it.
fn scene(
    conn: &mut AnyConnection,
    asked: &Asked,
    province: AreaId,
    moment: Moment,
) -> StoreResult<(Subtree, Basis)> {
    let then = areas::on_day(conn, province, moment.as_of, moment.known)?;
    let (_, basis) = Basis::load(conn, (&then.path, &asked.basis), asked.program, moment)?;
    Ok((then.subtree(), basis))
}

/// Nothing counted in an era in which the province, or the rule, was not there yet.
fn there<T>(found: StoreResult<T>) -> StoreResult<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(StoreError::NotFound(_)) => Ok(None),
        Err(other) => Err(other),
    }
}

/// Eras come in order: what was reached in an earlier one is not reached again.
fn take_in(reached_by: &mut BTreeMap<Goal, Reached>, found: Vec<Reached>) {
    for one in found {
        reached_by.entry(one.goal).or_insert(one);
    }
}

/// Those of areas of `within`, as they stand in this tree.
fn shown(tree: &Tree, within: &Subtree, reached_by: &BTreeMap<Goal, Reached>) -> Vec<Milestone> {
    let places = tree.range(within);
    let shown = reached_by.values().filter_map(|one| {
        let (kind, area, level) = one.goal;
        let place = tree.place_of(area).filter(|place| places.contains(place))?;
        Some(Milestone {
            kind,
            area,
            code: tree.code(place).to_owned(),
            path: tree.path(place),
            area_level: tree.level(place)?,
            level,
            reached_on: one.day()?,
            state: MilestoneState::Reached,
            noted: None,
            evidence: Evidence::Computed(one.by.clone()),
        })
    });
    shown.collect()
}
