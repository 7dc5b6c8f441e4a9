//! Figures reckoned by hand, day by day and one by one.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use qiaojian_domain::area::Level;
use qiaojian_domain::establishment::Requirement;
use qiaojian_domain::organization::Kind;
use qiaojian_store::figures::{Answer, GroupBy, Metric, Question};

use super::act::Area;
use super::world::{Least, Organization, World, all_days};

/// Counts that are further apart are not added up.
const A_YEAR: i64 = 366;

/// Metric, city, county and level.
pub type Group = (Metric, Option<String>, Option<String>, Level);

/// The numbers of each group that has any: numerator, denominator, undetermined and unruled.
pub type Numbers = BTreeMap<Group, [i64; 4]>;

/// An area that lacks something: its code, what, and since when.
pub type Lacking = BTreeSet<(String, Requirement, NaiveDate)>;

/// A number, and between which days it was counted.
#[derive(Debug, Clone, Copy)]
struct Known {
    value: i32,
    first: NaiveDate,
    last: NaiveDate,
}

type KnownOf = BTreeMap<Area, [Option<Known>; 2]>;

impl World {
    /// Every figure of the question, by city, county and level.
    pub fn figures(&self, asked: &Question) -> Numbers {
        let mut numbers = Numbers::new();
        let day = asked.as_of;
        let mut add = |metric, area: Area, of: [i64; 4]| {
            let sums = numbers.entry(self.group(metric, area, day)).or_default();
            for (sum, number) in sums.iter_mut().zip(of) {
                *sum += number;
            }
        };
        let numerator = |is_so: bool| [i64::from(is_so), 0, 0, 0];
        for (organization, home) in self.standing(day) {
            if *organization.kind.on(day) == Kind::LiaisonPost {
                continue;
            }
            let Changes {
                was,
                is,
                added,
                closed,
                reopened,
            } = self.changes(organization, asked);
            add(Metric::Organizations, home, numerator(is));
            add(Metric::Added, home, numerator(added));
            add(Metric::Closed, home, numerator(closed));
            add(Metric::Reopened, home, numerator(reopened));
            add(Metric::Growth, home, [i64::from(added), i64::from(was), 0, 0]);
        }
        for area in self.divisions(day) {
            let has = |metric| self.covered(area, day, day, metric == Metric::WorkCoverage);
            for metric in [Metric::OrganizationCoverage, Metric::WorkCoverage] {
                add(metric, area, [i64::from(has(metric)), 1, 0, 0]);
            }
            add(
                Metric::Fulfilment,
                area,
                match self.required(area, day) {
                    None => [0, 0, 0, 1],
                    Some(required) => match self.fulfils(area, day, required) {
                        None => [0, 0, 1, 0],
                        Some(is_so) => [i64::from(is_so), 1, 0, 0],
                    },
                },
            );
        }
        numbers.retain(|_, numbers| *numbers != [0; 4]);
        numbers
    }

    /// The areas that lack something on a day.
    pub fn lacking(&self, day: NaiveDate) -> Lacking {
        let mut lacking = Lacking::new();
        for area in self.divisions(day) {
            let Some(required) = self.required(area, day) else {
                continue;
            };
            if self.fulfils(area, day, required) == Some(true) {
                continue;
            }
            let (_, asked) = self.asked_of(area, day).unwrap();
            let had_last = all_days()
                .filter(|past| *past <= day && required != Requirement::Undetermined)
                .filter(|past| self.covered(area, *past, day, required == Requirement::LiaisonPost))
                .last();
            let lost = had_last.map(|last| last + Days::new(1));
            let since = [Some(asked), Some(self.areas[&area].began), lost]
                .into_iter()
                .flatten()
                .max();
            lacking.insert((self.code(area, day), required, since.unwrap()));
        }
        lacking
    }

    fn group(&self, metric: Metric, area: Area, day: NaiveDate) -> Group {
        let above = self.upwards(area, day);
        let code = |level| {
            let at = above.iter().find(|above| self.level(**above) == level);
            at.map(|at| self.code(*at, day))
        };
        (metric, code(Level::City), code(Level::County), self.level(area))
    }

    /// The organizations that are known of a day, each with where it counts.
    fn standing(&self, day: NaiveDate) -> impl Iterator<Item = (&Organization, Area)> {
        let known = self.organizations.values().filter(move |one| one.since <= day);
        known.filter_map(move |one| Some((one, self.home(*one.area.on(day), day)?)))
    }

    /// The areas that are there, but for parks.
    fn divisions(&self, day: NaiveDate) -> impl Iterator<Item = Area> {
        let areas = self.areas.iter();
        areas
            .filter(move |(_, life)| life.stands_on(day) && life.level != Level::Park)
            .map(|(area, _)| *area)
    }

    fn changes(&self, organization: &Organization, asked: &Question) -> Changes {
        let rule = self.counted_from(asked.as_of);
        let counts = |day: NaiveDate| organization.counts_on(rule, day);
        let began = organization.counts_since(rule);
        let days: Vec<NaiveDate> = all_days()
            .filter(|day| asked.from < *day && *day <= asked.to)
            .collect();
        let turned = |on: bool, day: &NaiveDate| counts(*day) == on && counts(*day - Days::new(1)) != on;
        let ceased = days.iter().any(|day| turned(false, day));
        let resumed = days.iter().any(|day| turned(true, day) && Some(*day) != began);
        let (was, is) = (counts(asked.from), counts(asked.to));
        let added = began.is_some_and(|began| asked.from < began && began <= asked.to && counts(began));
        Changes {
            was,
            is,
            added,
            closed: ceased && (was || added || !is),
            reopened: resumed && (is || !(was || added)),
        }
    }

    /// Whether something of an area's own counts on `day`: by the tree and the rule of `as_of`.
    fn covered(&self, area: Area, day: NaiveDate, as_of: NaiveDate, or_post: bool) -> bool {
        let rule = self.counted_from(as_of);
        self.organizations.values().any(|one| {
            one.since <= day
                && self.home(*one.area.on(day), as_of) == Some(area)
                && (or_post || *one.kind.on(day) != Kind::LiaisonPost)
                && one.counts_on(rule, day)
        })
    }

    fn required(&self, area: Area, day: NaiveDate) -> Option<Requirement> {
        let Least::Counted(persons, households) = self.asked_of(area, day)?.0 else {
            return Some(Requirement::Organization);
        };
        let known = self.counted(day).get(&area).copied().unwrap_or_default();
        let [has_persons, has_households] = known.map(|known| known.map(|known| known.value));
        let enough = has_persons.is_some_and(|has| has >= persons)
            || has_households.is_some_and(|has| has >= households);
        Some(match (enough, has_persons, has_households) {
            (true, ..) => Requirement::Organization,
            (false, Some(_), Some(_)) => Requirement::LiaisonPost,
            (false, ..) => Requirement::Undetermined,
        })
    }

    fn fulfils(&self, area: Area, day: NaiveDate, required: Requirement) -> Option<bool> {
        let has = |or_post| self.covered(area, day, day, or_post);
        match required {
            Requirement::Organization => Some(has(false)),
            Requirement::LiaisonPost => Some(has(true)),
            Requirement::Undetermined => has(false).then_some(true),
        }
    }

    /// How many persons are known in an area on a day.
    pub fn persons(&self, area: Area, day: NaiveDate) -> Option<i32> {
        let [persons, _] = self.counted(day).get(&area).copied()?;
        persons.map(|known| known.value)
    }

    /// What is known of each area on a day, from the first day on: what was counted, what mergers added up, and what a split made unknown.
    fn counted(&self, until: NaiveDate) -> KnownOf {
        let counted = self.counts.keys().map(|(day, _)| *day);
        let turned = self.mergers.iter().chain(&self.splits).map(|(_, _, day)| *day);
        let days: BTreeSet<NaiveDate> = counted.chain(turned).filter(|day| *day <= until).collect();
        let mut known = KnownOf::new();
        for day in days {
            let before = known.clone();
            let mut parts: BTreeMap<Area, BTreeSet<Area>> = BTreeMap::new();
            for (from, into, _) in self.mergers.iter().filter(|(_, _, on)| *on == day) {
                let heir = self.heir(*into, day);
                parts.entry(heir).or_insert_with(|| [heir].into()).insert(*from);
            }
            let mut divided = BTreeSet::new();
            for (from, part, _) in self.splits.iter().filter(|(_, _, on)| *on == day) {
                let both = [self.heir(*from, day), self.heir(*part, day)];
                known.extend(both.map(|area| (area, [None; 2])));
                divided.extend(both);
            }
            for (heir, mut parts) in parts {
                parts.retain(|part| self.areas[part].began < day);
                let sum = |which: usize| {
                    let of_part = |part| before.get(part).and_then(|of: &[Option<Known>; 2]| of[which]);
                    let known: Option<Vec<Known>> = parts.iter().map(of_part).collect();
                    known
                        .and_then(|parts| together(&parts))
                        .filter(|_| !divided.contains(&heir))
                };
                known.insert(heir, [0, 1].map(sum));
            }
            for ((_, area), numbers) in self.counts.iter().filter(|((on, _), _)| *on == day) {
                let number = |value| Known {
                    value,
                    first: day,
                    last: day,
                };
                known.insert(*area, numbers.map(|value| value.map(number)));
            }
        }
        known
    }
}

/// The sum, where all were counted within a year.
fn together(parts: &[Known]) -> Option<Known> {
    let first = parts.iter().map(|part| part.first).min()?;
    let last = parts.iter().map(|part| part.last).max()?;
    let value = parts.iter().map(|part| part.value).sum();
    ((last - first).num_days() <= A_YEAR).then_some(Known { value, first, last })
}

/// What an interval made of an organization.
struct Changes {
    was: bool,
    is: bool,
    added: bool,
    closed: bool,
    reopened: bool,
}

/// The same numbers as an answer of the system tells them.
pub fn numbers_of(answer: &Answer) -> Numbers {
    let figures = answer.items.iter().map(|figure| {
        let word = |key| figure.group.get(&key).cloned().flatten();
        let level: Level = word(GroupBy::Level).unwrap().parse().unwrap();
        let group = (figure.metric, word(GroupBy::City), word(GroupBy::County), level);
        let denominator = figure.denominator.unwrap_or_default();
        (
            group,
            [figure.numerator, denominator, figure.undetermined, figure.unruled],
        )
    });
    figures.filter(|(_, numbers)| *numbers != [0; 4]).collect()
}

/// The sums of each metric over all groups.
pub fn sums(numbers: &Numbers, metrics: &[Metric]) -> Vec<[i64; 4]> {
    let of = |metric: &Metric| {
        let groups = numbers.iter().filter(|((of, ..), _)| of == metric);
        groups.fold([0; 4], |[a, b, c, d], (_, [e, f, g, h])| {
            [a + e, b + f, c + g, d + h]
        })
    };
    metrics.iter().map(of).collect()
}

/// The sums of each metric as an answer of the system tells them.
pub fn totals_of(answer: &Answer) -> Vec<[i64; 4]> {
    let numbers = answer.totals.iter().map(|figure| {
        let denominator = figure.denominator.unwrap_or_default();
        [figure.numerator, denominator, figure.undetermined, figure.unruled]
    });
    numbers.collect()
}
