//! By which eras a province's milestones are judged: stretches of days on which neither the tree nor the rule nor the cohorts changed.

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

/// What was reached in an era; none where nothing counted in it.
pub(super) type Past = Option<Arc<PastEra>>;

/// The eras before the last one, in order.
pub(super) type Earlier = Vec<(Era, Past)>;

/// The days on which the shape of a province's tree changes, earlier and later ones.
pub(super) type ShapeDays = Arc<BTreeSet<NaiveDate>>;

/// Whose earlier eras are meant: of which province, by which rule, and where that counts some cohorts only, of which programme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Whose {
    province: AreaId,
    /// Its path in the tree of the day that is asked about, by which the days are found on which its tree changed.
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

/// What is asked, and by what the last era is judged.
pub(super) struct Question<'a> {
    pub asked: &'a Asked,
    pub rule: RuleRef,
    basis: Basis,
    province: AreaVersion,
    /// The days from which on versions of the rule are in force.
    rule_days: Vec<NaiveDate>,
    /// The programme, where the rule counts or counted some cohorts only.
    program: Option<ProgramId>,
}

impl<'a> Question<'a> {
    pub fn find(conn: &mut AnyConnection, asked: &'a Asked) -> StoreResult<Self> {
        let Asked { as_of, known, .. } = *asked;
        let moment = Moment { as_of, known };
        let province = match province_of(conn, &asked.within, moment) {
            // Nothing was recorded yet: nothing was reached in the province that is known today.
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

    /// The eras before the last one: they are parted by the days up to `as_of` on which the shape of the province's tree changed, another version
    /// of the counting rule came into force, or where the rule counts some cohorts only, an area changed sides.
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

    /// Loads an earlier era from rows. None where the province, or the rule, was not there yet. What an area reached where it belonged to another
    /// one before is its own, so the province is looked at as a whole.
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

    /// The province on the last day of an era, and by what organizations counted in it.
    fn scene(&self, conn: &mut AnyConnection, moment: Moment) -> StoreResult<(Subtree, Basis)> {
        let then = areas::on_day(conn, self.province.area_id, moment.as_of, moment.known)?;
        let (_, basis) = Basis::load(conn, (&then.path, &self.asked.basis), self.program, moment)?;
        Ok((then.subtree(), basis))
    }

    /// What areas of the subtree reached in these earlier eras and in the last one, as they stand in the tree of `facts`, those of the last era.
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
        // Eras come in order: what was reached in an earlier one is not reached again.
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

/// The province that a subtree belongs to.
fn province_of(conn: &mut AnyConnection, within: &Subtree, moment: Moment) -> StoreResult<AreaVersion> {
    let code = within.lower().split('/').next().unwrap_or_default();
    areas::find_on(conn, &Subtree::rooted_at(&format!("{code}/")), code, moment)
}

/// Nothing counted in an era in which the province, or the rule, was not there yet.
fn there<T>(found: StoreResult<T>) -> StoreResult<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(StoreError::NotFound(_)) => Ok(None),
        Err(other) => Err(other),
    }
}
