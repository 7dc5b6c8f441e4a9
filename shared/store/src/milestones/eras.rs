//! The eras in which a province's milestones are evaluated: periods in which the tree, the rule and the cohorts were
//! unchanged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;
use qiaojian_domain::ids::{AreaId, ProgramId};
use qiaojian_domain::milestone::MilestoneState;
use qiaojian_domain::rule::CountingParams;

use super::{Asked, Evidence, Milestone, rows};
use crate::areas::AreaVersion;
use crate::db::AnyConnection;
use crate::figures::{Basis, Era, Facts, Goal, PastEra, Place, Reached, reached};
use crate::rules::{self, RuleRef};
use crate::{Moment, StoreError, StoreResult, Subtree, areas, ledger, programs};

/// A past era; `None` if nothing counted in it.
pub(super) type Past = Option<Arc<PastEra>>;

/// The eras before the last one, in order.
pub(super) type Earlier = Vec<(Era, Past)>;

/// The days on which the shape of a province's tree changes, past and future ones.
pub(super) type ShapeDays = Arc<BTreeSet<NaiveDate>>;

/// Identifies a set of earlier eras: the province, the rule, and, if the rule counts only some cohorts, the programme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Whose {
    province: AreaId,
    /// Its path in the tree of the requested day, used to find the days on which its tree changed.
    path: String,
    rule: String,
    program: Option<ProgramId>,
}

#[cfg(test)]
impl Whose {
    pub fn of_province(province: AreaId) -> Self {
        Self {
            province,
            path: String::new(),
            rule: rules::DEFAULT.to_owned(),
            program: None,
        }
    }
}

/// A query, with the inputs for evaluating the last era.
pub(super) struct Question<'a> {
    pub asked: &'a Asked,
    pub rule: RuleRef,
    basis: Basis,
    province: AreaVersion,
    /// The days on which versions of the rule came into force.
    rule_days: Vec<NaiveDate>,
    /// The programme, if the rule counts or counted only some cohorts.
    program: Option<ProgramId>,
}

impl<'a> Question<'a> {
    pub fn find(conn: &mut AnyConnection, asked: &'a Asked) -> StoreResult<Self> {
        let Asked { as_of, known, .. } = *asked;
        let moment = Moment { as_of, known };
        let province = match province_of(conn, &asked.within, moment) {
            // Nothing was recorded yet, so nothing was reached in the province as known today.
            Err(StoreError::NotFound(_)) => {
                let known = ledger::known(conn)?;
                province_of(conn, &asked.within, Moment { as_of, known })?
            }
            found => found?,
        };
        let by = (province.path.as_str(), asked.basis.as_str());
        let versions = rules::counting_versions(conn, by, as_of, known)?;
        let limits = |(_, params): &(NaiveDate, CountingParams)| params.cohorts.is_some();
        let by_cohort = versions.iter().any(limits);
        let (rule, basis) = Basis::load(conn, by, asked.program, moment)?;
        Ok(Self {
            asked,
            rule,
            basis,
            rule_days: versions.into_iter().map(|(day, _)| day).collect(),
            program: asked.program.filter(|_| by_cohort),
            province,
        })
    }

    pub fn whose(&self) -> Whose {
        Whose {
            province: self.province.area_id,
            path: self.province.path.clone(),
            rule: self.asked.basis.clone(),
            program: self.program,
        }
    }

    pub fn shape_days(&self, conn: &mut AnyConnection) -> StoreResult<ShapeDays> {
        let within = self.province.subtree();
        Ok(Arc::new(rows::shape_days(conn, &within, self.asked.known)?))
    }

    /// Returns the eras before the last one. They are separated by the days up to `as_of` on which the shape of the
    /// province's tree changed, another version of the counting rule came into force, or, if the rule counts only some
    /// cohorts, an area changed its cohort.
    pub fn earlier(&self, conn: &mut AnyConnection, shape_days: &ShapeDays) -> StoreResult<Vec<Era>> {
        let mut days: BTreeSet<NaiveDate> = shape_days.iter().chain(&self.rule_days).copied().collect();
        if let Some(program) = self.program {
            days.extend(programs::cohort_days(conn, program, self.asked.known)?);
        }
        let mut eras = Vec::new();
        let mut from = NaiveDate::MIN;
        for day in days.into_iter().filter(|day| *day <= self.asked.as_of) {
            let Some(to) = day.pred_opt() else { continue };
            eras.push(Era { from, to });
            from = day;
        }
        Ok(eras)
    }

    /// Loads an earlier era from rows. `None` if the province or the rule did not exist yet. Loads the whole province,
    /// because an area keeps what it reached while it belonged to another one.
    pub fn load_era(&self, conn: &mut AnyConnection, era: Era) -> StoreResult<Past> {
        let known = self.asked.known;
        let Some(scene) = there(self.scene(conn, Moment { as_of: era.to, known }))? else {
            return Ok(None);
        };
        Ok(Some(Arc::new(PastEra::load(conn, scene, era, known)?)))
    }

    /// Loads all earlier eras from rows, one after the other.
    pub fn load(&self, conn: &mut AnyConnection) -> StoreResult<Earlier> {
        let shape_days = self.shape_days(conn)?;
        let eras = self.earlier(conn, &shape_days)?.into_iter();
        eras.map(|era| {
            let loaded = self.load_era(conn, era)?;
            Ok((era, loaded.map(|loaded| Arc::new(loaded.without_ground()))))
        })
        .collect()
    }

    /// Returns the province on the last day of an era, and the basis on which organizations counted in it.
    fn scene(&self, conn: &mut AnyConnection, moment: Moment) -> StoreResult<(Subtree, Basis)> {
        let then = areas::on_day(conn, self.province.area_id, moment.as_of, moment.known)?;
        let (_, basis) = Basis::load(conn, (&then.path, &self.asked.basis), self.program, moment)?;
        Ok((then.subtree(), basis))
    }

    /// Returns the milestones that areas of the subtree reached in these earlier eras and in the last one, with their
    /// positions in the tree of `facts`, the facts of the last era.
    pub fn found(&self, earlier: &[(Era, Past)], facts: &Facts) -> Vec<Milestone> {
        let Asked { within, as_of, .. } = self.asked;
        let begun = earlier.last().and_then(|(era, _)| era.to.succ_opt());
        let era = Era {
            from: begun.unwrap_or(NaiveDate::MIN),
            to: *as_of,
        };
        let last = reached(facts, &self.basis, within, era);
        let tree = &facts.tree;
        let places = tree.range(within);
        // Eras are in order: what was reached in an earlier one is not reached again.
        let mut found: BTreeMap<Goal, Milestone> = BTreeMap::new();
        let before = earlier.iter().filter_map(|(_, past)| past.as_ref());
        for one in before.flat_map(|past| past.reached()).chain(&last) {
            let (_, area, _) = one.goal;
            let place = tree.place_of(area).filter(|place| places.contains(place));
            if let Some(place) = place.filter(|_| !found.contains_key(&one.goal))
                && let Some(milestone) = milestone(facts, place, one)
            {
                found.insert(one.goal, milestone);
            }
        }
        found.into_values().collect()
    }
}

fn milestone(facts: &Facts, place: Place, one: &Reached) -> Option<Milestone> {
    let (kind, area, level) = one.goal;
    let tree = &facts.tree;
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
}

/// Returns the province that a subtree belongs to.
fn province_of(conn: &mut AnyConnection, within: &Subtree, moment: Moment) -> StoreResult<AreaVersion> {
    let code = within.lower().split('/').next().unwrap_or_default();
    areas::find_on(conn, &Subtree::rooted_at(&format!("{code}/")), code, moment)
}

/// Converts a missing province or rule to `None`: nothing counted in that era.
fn there<T>(found: StoreResult<T>) -> StoreResult<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(StoreError::NotFound(_)) => Ok(None),
        Err(other) => Err(other),
    }
}
