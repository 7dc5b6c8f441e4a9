//! By which rule organizations count, and which side of a comparison an area is on.

use chrono::NaiveDate;
use qiaojian_domain::assignment::{Light, light};
use qiaojian_domain::establishment::Asking;
use qiaojian_domain::ids::{AreaId, AssignmentId, ProgramId};
use qiaojian_domain::organization::{Host, Verification};
use qiaojian_domain::program::Cohort;
use qiaojian_domain::rule::CountingParams;

use super::rows::{Break, DayNumber, Stretch};
use super::tree::{Place, Tree};
use super::{CohortChoice, Metric, Question};
use crate::db::AnyConnection;
use crate::rules::{self, RuleRef};
use crate::{Moment, Recorded, StoreResult, Subtree, activities, programs, task_standing};

/// What a question is answered by, besides the facts.
#[derive(Debug, Clone, Default)]
pub struct Basis {
    /// The counting rule.
    pub counting: CountingParams,
    /// The cohort of each area that has one, by the path of the tree; what stands below belongs with it.
    pub cohorts: Vec<(Subtree, Cohort)>,
    /// What establishment rules ask in each area that has one of its own, likewise; with what those above it ask of other levels.
    pub establishment: Vec<(Subtree, Asking)>,
    /// The areas that visits touched in the interval, where `visited` is asked for.
    pub visited: Vec<AreaId>,
    /// The assignments that fell due in it, where `on_time_rate` is.
    pub due: Vec<Due>,
}

/// An assignment that fell due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    pub id: AssignmentId,
    pub area: AreaId,
    pub due_on: NaiveDate,
    pub submitted_on: Option<NaiveDate>,
    /// Whether it was submitted by the day on which it was due, and not returned since.
    pub on_time: bool,
}

impl Due {
    /// On time is what shows green on a day on which nothing is still to come.
    fn of((id, area, due_on, status, submitted_on): task_standing::FellDue, as_of: NaiveDate) -> Self {
        Self {
            id,
            area,
            due_on,
            submitted_on,
            on_time: light(status, due_on, submitted_on, as_of) == Light::Green,
        }
    }
}

impl Basis {
    /// By the counting rule `name` that binds the area of a path, for the cohorts of a programme; with the rule.
    ///
    /// # Errors
    /// [`crate::StoreError::NotFound`] for a name nobody recorded, or a database error.
    pub fn load(
        conn: &mut AnyConnection,
        (path, name): (&str, &str),
        program: Option<ProgramId>,
        Moment { as_of, known }: Moment,
    ) -> StoreResult<(RuleRef, Self)> {
        let (rule, counting) = rules::counting(conn, path, name, as_of, known)?;
        let cohorts = match program {
            Some(program) => programs::cohorts(conn, program, as_of, known)?,
            None => Vec::new(),
        };
        let basis = Self {
            counting,
            cohorts: cohorts
                .into_iter()
                .map(|(row, area)| (area.subtree(), row.cohort))
                .collect(),
            ..Self::default()
        };
        Ok((rule, basis))
    }

    /// Loads what the metrics of a question need besides. Gives the establishment rules, where they are asked for.
    ///
    /// # Errors
    /// Returns an error if the database fails.
    pub fn load_for(
        &mut self,
        conn: &mut AnyConnection,
        question: &Question,
        program: Option<ProgramId>,
        known: Recorded,
    ) -> StoreResult<Vec<RuleRef>> {
        let Question {
            metrics,
            within,
            from,
            to,
            as_of,
            ..
        } = question;
        let (interval, moment) = ((*from, *to), Moment { as_of: *as_of, known });
        let mut used = Vec::new();
        if metrics.contains(&Metric::Fulfilment) {
            // An area comes before those below it.
            for found in rules::establishment(conn, within, *as_of, known)? {
                used.push(found.rule);
                let asking = self
                    .asking_in(&found.scope)
                    .with(&found.params, found.effective_from);
                self.establishment.push((found.scope, asking));
            }
        }
        if metrics.contains(&Metric::Visited) {
            self.visited = activities::visited(conn, within, program, interval, moment)?;
        }
        if metrics.contains(&Metric::OnTimeRate) {
            let fell_due = task_standing::fell_due(conn, within, program, interval, moment)?;
            self.due = fell_due.into_iter().map(|row| Due::of(row, *as_of)).collect();
        }
        Ok(used)
    }

    /// What is asked in a subtree by the rules of the areas above it that are known so far.
    fn asking_in(&self, scope: &Subtree) -> Asking {
        let nearest = self.establishment.iter().rev();
        nearest
            .filter(|(above, _)| above.contains(scope.lower()))
            .map(|(_, asking)| asking.clone())
            .next()
            .unwrap_or_default()
    }

    /// Whether the report of this stretch is trusted enough to count.
    pub(super) fn trusts(&self, stretch: &Stretch) -> bool {
        match stretch.verification {
            Verification::Verified | Verification::VoidAsked => true,
            Verification::Unverified => !self.counting.verified_only,
            Verification::Rejected => false,
        }
    }

    /// From when until when a stretch counts.
    pub(super) fn life<'a>(&self, stretch: &Stretch, breaks: &'a [Break]) -> Life<'a> {
        Life {
            began: stretch.began(self.counting.counted_from),
            ended: stretch.ended,
            breaks,
        }
    }

    /// The cohort of the area with this path: the nearest at or above it that has one decides.
    pub fn cohort_of(&self, path: &str) -> Option<Cohort> {
        self.cohorts
            .iter()
            .filter(|(within, _)| within.contains(path))
            .max_by_key(|(within, _)| within.lower().len())
            .map(|(_, cohort)| *cohort)
    }

    /// Whether the counting rule counts what stands in an area of this cohort.
    pub(super) fn counts_cohort(&self, cohort: Option<Cohort>) -> bool {
        let only = self.counting.cohorts.as_ref();
        only.is_none_or(|only| cohort.is_some_and(|cohort| only.contains(&cohort)))
    }

    /// Whether what stands in an area of this cohort takes part in the answer.
    pub(super) fn takes(&self, question: &Question, cohort: Option<Cohort>) -> bool {
        self.counts_cohort(cohort)
            && match question.cohort {
                CohortChoice::Each | CohortChoice::All => true,
                CohortChoice::Only(only) => cohort == Some(only),
            }
    }
}

/// From when until when something counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Life<'a> {
    pub began: DayNumber,
    pub ended: DayNumber,
    /// The times in between in which it was closed, in order.
    pub breaks: &'a [Break],
}

/// What an interval made of an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Between {
    pub closed: bool,
    pub reopened: bool,
}

impl Life<'_> {
    pub(super) fn counts_on(self, day: DayNumber) -> bool {
        let is_in = |time: &Break| time.from <= day && day < time.to;
        self.began <= day && day < self.ended && !self.breaks.iter().any(is_in)
    }

    /// Whether it began to count after `from`, up to `to`. One that is reopened does not begin anew, and one that was closed on the very day
    /// does not begin.
    pub(super) fn began_in(self, from: DayNumber, to: DayNumber) -> bool {
        from < self.began && self.began <= to && self.counts_on(self.began)
    }

    /// The days on which it ceased to count, after `from` and up to `to`, in order. One that never counted ceases to on none.
    pub(super) fn endings_in(self, from: DayNumber, to: DayNumber) -> impl Iterator<Item = DayNumber> {
        let resumed = std::iter::once(self.began).chain(self.breaks.iter().map(|time| time.to));
        let closed = self.breaks.iter().map(|time| time.from).chain([self.ended]);
        resumed
            .zip(closed)
            .filter(move |(resumed, closed)| self.began.max(*resumed) < *closed)
            .map(|(_, closed)| closed)
            .filter(move |closed| from < *closed && *closed <= to)
    }

    /// The days on which it was established again, after `from` and up to `to`, in order.
    pub(super) fn resumptions_in(self, from: DayNumber, to: DayNumber) -> impl Iterator<Item = DayNumber> {
        let ended = self.ended;
        let resumed = self
            .breaks
            .iter()
            .map(move |time| (self.began.max(time.from), time.to));
        resumed
            .filter(move |(closed, resumed)| closed < resumed && *resumed < ended)
            .map(|(_, resumed)| resumed)
            .filter(move |resumed| from < *resumed && *resumed <= to)
    }

    /// What an interval made of it, so that what counted at its beginning, with what was added and reopened and without what was closed, is
    /// what counts at its end.
    pub(super) fn between(self, from: DayNumber, to: DayNumber) -> Between {
        let ceased = self.endings_in(from, to).next().is_some();
        let stands = self.counts_on(to);
        // Whether it counted before anything in the interval could close it.
        if self.counts_on(from) || self.began_in(from, to) {
            Between {
                closed: ceased,
                reopened: ceased && stands,
            }
        } else {
            Between {
                closed: ceased && !stands,
                reopened: ceased || stands,
            }
        }
    }

    /// Since when it does not count any more, of one that ceased to up to `day`.
    pub(super) fn ceased_by(self, day: DayNumber) -> Option<DayNumber> {
        let closed = self
            .breaks
            .iter()
            .find(|time| time.from <= day && day < time.to)
            .map(|time| time.from);
        closed.or(Some(self.ended).filter(|ended| *ended <= day))
    }
}

/// Whether a stretch covers its area on a day: what a university or an enterprise carries is not the area's own.
pub(super) fn covers(stretch: &Stretch, life: Life<'_>, day: DayNumber) -> bool {
    stretch.host == Host::Area && life.counts_on(day)
}

/// Since when its area has to do without what covered it in this stretch: the last day up to `day` on which it ceased to, if there is one.
pub(super) fn left_by(stretch: &Stretch, life: Life<'_>, day: DayNumber) -> Option<DayNumber> {
    if stretch.host != Host::Area {
        return None;
    }
    let closed = life.endings_in(stretch.from, day.min(stretch.to)).max();
    // It went to another area, or became something else.
    let gone = Some(stretch.to).filter(|to| !stretch.goes_on && *to <= day && life.counts_on(*to - 1));
    closed.max(gone)
}

/// What binds each place, asked for in the order of places: the nearest area at or above it that has something decides.
pub(super) struct Nearest<'a, T> {
    /// From each place on, this binds; in the order of places.
    steps: Vec<(Place, Option<&'a T>)>,
    at: usize,
}

impl<'a, T> Nearest<'a, T> {
    /// For the places of `within`: what binds elsewhere is not looked up.
    pub(super) fn of(tree: &Tree, within: &Subtree, bindings: &'a [(Subtree, T)]) -> Self {
        let has_a_say =
            |binding: &Subtree| within.contains(binding.lower()) || binding.contains(within.lower());
        let mut ranges: Vec<_> = bindings
            .iter()
            .filter(|(binding, _)| has_a_say(binding))
            .map(|(within, what)| (tree.range(within), what))
            .filter(|(range, _)| !range.is_empty())
            .collect();
        ranges.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
        let mut steps = vec![(0, None)];
        let mut open: Vec<(Place, &T)> = Vec::new();
        let close = |steps: &mut Vec<_>, open: &mut Vec<(Place, &'a T)>, until: Place| {
            while let Some((end, _)) = open.pop_if(|(end, _)| *end <= until) {
                steps.push((end, open.last().map(|(_, what)| *what)));
            }
        };
        for (range, what) in ranges {
            close(&mut steps, &mut open, range.start);
            steps.push((range.start, Some(what)));
            open.push((range.end, what));
        }
        close(&mut steps, &mut open, Place::MAX);
        Self { steps, at: 0 }
    }

    /// What binds a place that is not before the last one asked for.
    pub(super) fn at(&mut self, place: Place) -> Option<&'a T> {
        while self
            .steps
            .get(self.at + 1)
            .is_some_and(|(from, _)| *from <= place)
        {
            self.at += 1;
        }
        self.steps.get(self.at).and_then(|(_, what)| *what)
    }
}
