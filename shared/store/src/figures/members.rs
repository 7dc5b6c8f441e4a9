//! The members of a figure: the rows that one of its numbers counts.

use chrono::NaiveDate;
use qiaojian_domain::area::Level;
use qiaojian_domain::ids::{AreaId, OrganizationId};
use qiaojian_domain::organization::Kind;

use super::basis::{Basis, Due};
use super::facts::Facts;
use super::fold::{Days, hits};
use super::groups::{Groups, Seen, Wanted};
use super::rows::{DayNumber, day_of, number_of};
use super::taking_part::{Covered, each_area, each_due, each_organization};
use super::{GroupBy, GroupKey, Metric, Part, Question};

/// A row that a figure counts, as of the figure's date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Member {
    /// An organization.
    Organization {
        id: OrganizationId,
        kind: Kind,
        /// The code of its area.
        area: String,
        level: Level,
        /// First day on which it counts by the rule.
        counted_from: Option<NaiveDate>,
        counted_to: Option<NaiveDate>,
    },
    /// An area.
    Area { id: AreaId, area: String, level: Level },
    /// An assignment of a task.
    Assignment {
        due: Due,
        /// The code of its area.
        area: String,
        level: Level,
    },
}

impl Member {
    /// Returns its id.
    pub fn id(&self) -> uuid::Uuid {
        match self {
            Self::Organization { id, .. } => id.0,
            Self::Area { id, .. } => id.0,
            Self::Assignment { due, .. } => due.id.0,
        }
    }
}

/// Returns the members of one number of a figure, by path and id. Their number equals the figure's.
pub fn members(
    question: &Question,
    basis: &Basis,
    facts: &Facts,
    (metric, part): (Metric, Part),
    group: &GroupKey,
) -> Vec<Member> {
    let tree = &facts.tree;
    let keys: Vec<GroupBy> = group.keys().copied().collect();
    let Some(wanted) = Wanted::of(tree, tree.range(&question.within), group) else {
        return Vec::new();
    };
    let days = Days::of(question, keys.contains(&GroupBy::Month));
    let mut groups = Groups::new(tree, &keys);
    let as_of = number_of(question.as_of);
    let until_then = |day: DayNumber| (day <= as_of).then(|| day_of(day)).flatten();
    let mut members = Vec::new();
    let mut covered = Covered::for_metric(metric, basis, tree);
    each_organization(question, basis, facts, |row| {
        if metric.counts_areas() {
            covered.note(row, as_of);
            return;
        }
        hits(metric, &days, row, |hit, month| {
            let seen = Seen { month, ..row.seen };
            if hit == part && groups.is_in(&seen, &wanted) {
                members.push(Member::Organization {
                    id: row.id,
                    kind: row.stretch.kind,
                    area: tree.code(seen.place).to_owned(),
                    level: seen.level,
                    counted_from: until_then(row.life.began),
                    counted_to: row.life.ceased_by(as_of).and_then(day_of),
                });
            }
        });
    });
    if metric == Metric::OnTimeRate {
        each_due(question, basis, facts, |due, seen| {
            if due.parts().any(|counted| counted == part) && groups.is_in(seen, &wanted) {
                members.push(Member::Assignment {
                    due: *due,
                    area: tree.code(seen.place).to_owned(),
                    level: seen.level,
                });
            }
        });
    }
    if metric.counts_areas() {
        let mut covered = covered.walk();
        each_area(question, basis, facts, |area| {
            let seen = &area.seen;
            let counts = area.parts(metric, &mut covered).any(|counted| counted == part);
            if let Some(id) = tree
                .id(seen.place)
                .filter(|_| counts && groups.is_in(seen, &wanted))
            {
                members.push(Member::Area {
                    id,
                    area: tree.code(seen.place).to_owned(),
                    level: seen.level,
                });
            }
        });
    }
    members
}
