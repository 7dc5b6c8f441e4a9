//! The rules and cohorts that a question is evaluated with.

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

/// The inputs of an answer besides the facts.
#[derive(Debug, Clone, Default)]
pub struct Basis {
    /// The counting rule.
    pub counting: CountingParams,
    /// The cohort of each area that has one, in path order; it also applies to the area's descendants.
    pub cohorts: Vec<(Subtree, Cohort)>,
    /// The requirements of each area with an establishment rule of its own, in path order; they include what rules of
    /// its ancestors require of other levels.
    pub establishment: Vec<(Subtree, Asking)>,
    /// The areas involved in visits during the interval, if `visited` is requested.
    pub visited: Vec<AreaId>,
    /// The assignments that fell due during the interval, if `on_time_rate` is requested.
    pub due: Vec<Due>,
}

/// An assignment that fell due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    pub id: AssignmentId,
    pub area: AreaId,
    pub due_on: NaiveDate,
    pub submitted_on: Option<NaiveDate>,
    /// Whether it was submitted by its due date, and not returned since.
    pub on_time: bool,
}

impl Due {
    /// An assignment is on time if its light is green on `as_of`, which is not before its due date.
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
    /// Loads the basis for the counting rule `name` that binds the area with this path, and the cohorts of a programme.
    /// Returns it with the rule.
    ///
    /// # Errors
    /// [`crate::StoreError::NotFound`] if no rule has this name, or a database error.
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

    /// Loads the additional inputs that the metrics of a question require. Returns the establishment rules, if they are
    /// required.
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
            // Rules of an area come before those of its descendants.
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

    /// Returns what the rules loaded so far for a subtree's ancestors require in it.
    fn asking_in(&self, scope: &Subtree) -> Asking {
        let nearest = self.establishment.iter().rev();
        nearest
            .filter(|(above, _)| above.contains(scope.lower()))
            .map(|(_, asking)| asking.clone())
            .next()
            .unwrap_or_default()
    }

    /// Returns whether the report of this stretch is verified sufficiently to be counted.
    pub(super) fn trusts(&self, stretch: &Stretch) -> bool {
        match stretch.verification {
            Verification::Verified | Verification::VoidAsked => true,
            Verification::Unverified => !self.counting.verified_only,
            Verification::Rejected => false,
        }
    }

    /// Returns the period in which a stretch counts.
    pub(super) fn life<'a>(&self, stretch: &Stretch, breaks: &'a [Break]) -> Life<'a> {
        Life {
            began: stretch.began(self.counting.counted_from),
            ended: stretch.ended,
            breaks,
        }
    }

    /// Returns the cohort of the area with this path: that of the nearest area at or above it that has one.
    pub fn cohort_of(&self, path: &str) -> Option<Cohort> {
        self.cohorts
            .iter()
            .filter(|(within, _)| within.contains(path))
            .max_by_key(|(within, _)| within.lower().len())
            .map(|(_, cohort)| *cohort)
    }

    /// Returns whether the counting rule counts organizations in an area of this cohort.
    pub(super) fn counts_cohort(&self, cohort: Option<Cohort>) -> bool {
        let only = self.counting.cohorts.as_ref();
        only.is_none_or(|only| cohort.is_some_and(|cohort| only.contains(&cohort)))
    }

    /// Returns whether organizations in an area of this cohort are part of the answer.
    pub(super) fn takes(&self, question: &Question, cohort: Option<Cohort>) -> bool {
        self.counts_cohort(cohort)
            && match question.cohort {
                CohortChoice::Each | CohortChoice::All => true,
                CohortChoice::Only(only) => cohort == Some(only),
            }
    }
}

/// The period in which something counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Life<'a> {
    pub began: DayNumber,
    pub ended: DayNumber,
    /// The periods in between in which it was closed, in order.
    pub breaks: &'a [Break],
}

/// The effect of an interval on an organization.
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

    /// Returns whether it began to count after `from` and on or before `to`. A reopening is not a beginning, and
    /// neither is a beginning on the day of the closing.
    pub(super) fn began_in(self, from: DayNumber, to: DayNumber) -> bool {
        from < self.began && self.began <= to && self.counts_on(self.began)
    }

    /// Returns the days after `from` and on or before `to` on which it ceased to count, in order. Empty for one that
    /// never counted.
    pub(super) fn endings_in(self, from: DayNumber, to: DayNumber) -> impl Iterator<Item = DayNumber> {
        let resumed = std::iter::once(self.began).chain(self.breaks.iter().map(|time| time.to));
        let closed = self.breaks.iter().map(|time| time.from).chain([self.ended]);
        resumed
            .zip(closed)
            .filter(move |(resumed, closed)| self.began.max(*resumed) < *closed)
            .map(|(_, closed)| closed)
            .filter(move |closed| from < *closed && *closed <= to)
    }

    /// Returns the days after `from` and on or before `to` on which it was re-established, in order.
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

    /// Returns the effect of an interval, such that the count at its beginning, plus added and reopened, minus closed,
    /// equals the count at its end.
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

    /// Returns the first day on which it no longer counted, if it had ceased to by `day`.
    pub(super) fn ceased_by(self, day: DayNumber) -> Option<DayNumber> {
        let closed = self
            .breaks
            .iter()
            .find(|time| time.from <= day && day < time.to)
            .map(|time| time.from);
        closed.or(Some(self.ended).filter(|ended| *ended <= day))
    }
}

/// Returns whether a stretch covers its area on a day: organizations hosted by a university or an enterprise do not.
pub(super) fn covers(stretch: &Stretch, life: Life<'_>, day: DayNumber) -> bool {
    stretch.host == Host::Area && life.counts_on(day)
}

/// Returns the last day up to `day` on which this stretch ceased to cover its area, if there is one.
pub(super) fn left_by(stretch: &Stretch, life: Life<'_>, day: DayNumber) -> Option<DayNumber> {
    if stretch.host != Host::Area {
        return None;
    }
    let closed = life.endings_in(stretch.from, day.min(stretch.to)).max();
    // It moved to another area, or changed its kind.
    let gone = Some(stretch.to).filter(|to| !stretch.goes_on && *to <= day && life.counts_on(*to - 1));
    closed.max(gone)
}

/// Looks up the binding of each place, in ascending order of places: that of the nearest area at or above it.
pub(super) struct Nearest<'a, T> {
    /// The binding that applies from each place on, in order of places.
    steps: Vec<(Place, Option<&'a T>)>,
    at: usize,
}

impl<'a, T> Nearest<'a, T> {
    /// Creates a lookup for the places of `within`; bindings elsewhere are ignored.
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

    /// Returns the binding of a place. Places must be passed in ascending order.
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
