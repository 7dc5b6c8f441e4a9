//! Converts query parameters to a question with all defaults filled in, and back to a link that repeats it.

use std::collections::HashMap;

use chrono::NaiveDate;
use qiaojian_domain::access::Scope;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::{AreaId, ProgramId};
use qiaojian_domain::period::Period;
use qiaojian_domain::program::{Choice, Cohort};
use qiaojian_store::areas::{self, AreaVersion};
use qiaojian_store::closing::{self, Closing};
use qiaojian_store::db::{AnyConnection, snapshot};
use qiaojian_store::figures::{
    Basis, CohortChoice, Facts, Figure, GroupBy, Held, Metric, Part, Question, ReadModel,
};
use qiaojian_store::ledger::Knowing;
use qiaojian_store::rules::{self, RuleRef};
use qiaojian_store::{Moment, Recorded, StoreError, ledger};

use super::program::{self, Dependence};
use crate::auth::Principal;
use crate::problem::ApiError;

/// How often a question is retried on the read model when other requests have advanced it beyond the snapshot. After
/// that it is answered from rows.
pub const TRIES: usize = 4;

/// The parameters, before defaults.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    pub metrics: Vec<Metric>,
    pub area: Option<String>,
    pub program: Option<ProgramId>,
    pub cohort: Option<String>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    pub as_of: Option<NaiveDate>,
    pub known_at: Option<UtcTime>,
    /// Names of counting rules; `default` if empty.
    pub bases: Vec<String>,
    pub group_by: Vec<GroupBy>,
    /// Whether the answer says since when an area has had a gap.
    pub ages: bool,
    /// Replaces the days and `known_at`.
    pub period: Option<Period>,
}

/// A question with all defaults filled in.
pub struct Prepared {
    pub question: Question,
    /// The first basis. The others are in `beside`.
    pub basis: Basis,
    pub beside: Vec<Basis>,
    /// The counting rules in the order of the bases, then the establishment rules if they are needed.
    pub rules: Vec<RuleRef>,
    /// If ages are requested: areas that were created after the establishment rules took effect, with the day of
    /// creation.
    pub newer: HashMap<AreaId, NaiveDate>,
    pub known: Recorded,
    pub area: AreaId,
    pub area_code: String,
    pub program: Option<ProgramId>,
    pub illustrative: bool,
    /// The requested period, and the time after which its reports are too late, if there is one.
    pub period: Option<(Period, Option<UtcTime>)>,
    /// Whether the question is about the current transaction time, which the read model holds.
    pub is_present: bool,
}

impl Asked {
    /// Prepares the question and folds the facts that it needs. They come from the read model, advanced to the snapshot
    /// of this answer, or from rows for a past `known_at`.
    pub fn answer<T>(
        &self,
        conn: &mut AnyConnection,
        model: &ReadModel,
        caller: &Principal,
        today: NaiveDate,
        fold: impl Fn(&Prepared, &Facts) -> T,
    ) -> Result<(Prepared, T), ApiError> {
        // The ledger position that the read model had reached at the previous attempt.
        let mut ahead = 0;
        for attempt in 1.. {
            let (prepared, held) = snapshot(conn, |conn| {
                let prepared = self.prepare(conn, caller, today)?;
                let Question { within, as_of, .. } = &prepared.question;
                if ahead > prepared.known.seq {
                    model.forget(*as_of);
                }
                let held = if prepared.is_present && attempt <= TRIES {
                    model.with(conn, within, *as_of, prepared.known, |facts| {
                        fold(&prepared, facts)
                    })?
                } else {
                    let facts = Facts::load(conn, within, *as_of, prepared.known)?;
                    Held::Answer(fold(&prepared, &facts))
                };
                Ok::<_, ApiError>((prepared, held))
            })?;
            match held {
                Held::Answer(answer) => return Ok((prepared, answer)),
                Held::Newer(seq) => ahead = seq,
            }
        }
        Err(ApiError::internal(
            &"the figures could not be determined within the allowed attempts",
        ))
    }

    /// Fills in the defaults. Run it in one snapshot. Returns 404 if `area` is outside the caller's subtree.
    pub fn prepare(
        &self,
        conn: &mut AnyConnection,
        caller: &Principal,
        today: NaiveDate,
    ) -> Result<Prepared, ApiError> {
        if let Some(period) = self.period {
            return self.prepare_period(conn, caller, today, period);
        }
        let Knowing { known, is_present } = ledger::known_at(conn, self.known_at)?;
        let to = self.to.or(self.as_of).unwrap_or(today);
        let as_of = self.as_of.unwrap_or(to);
        let area = self.area(conn, caller, Knowing { known, is_present }, as_of)?;
        let cohort = read_cohort(self.cohort.as_deref())?;
        let program = match program::find(conn, self.program, &area.path, as_of, known)? {
            Choice::None => None,
            Choice::One(program) => Some(program),
            Choice::Several => {
                let depends = Dependence {
                    metrics: &self.metrics,
                    cohort,
                    has_from: self.from.is_some(),
                    limits_cohorts: self.limits_cohorts(conn, &area.path, Moment { as_of, known })?,
                };
                depends.unless_needed()?;
                None
            }
        };
        let baseline_on = program.as_ref().map(|program| program.baseline_on);
        let question = Question {
            metrics: self.metrics.clone(),
            within: area.subtree(),
            // A baseline after that day cannot be the start.
            from: self.from.or(baseline_on.filter(|day| *day <= to)).unwrap_or(to),
            to,
            as_of,
            baseline_on,
            cohort,
            group_by: self.group_by.clone(),
        };
        let violations = question.violations(today);
        if !violations.is_empty() {
            return Err(ApiError::bad_request(violations));
        }
        let illustrative = program.as_ref().is_some_and(|program| program.illustrative);
        let program = program.map(|program| program.program_id);
        let moment = Moment { as_of, known };
        let mut names = self.bases.iter().map(String::as_str);
        let first = names.next().unwrap_or(rules::DEFAULT);
        let (rule, mut basis) = Basis::load(conn, (&area.path, first), program, moment)
            .map_err(|error| unknown_basis(error, first))?;
        let mut used = vec![rule];
        let mut counting = Vec::new();
        for name in names {
            let (rule, params) = rules::counting(conn, &area.path, name, as_of, known)
                .map_err(|error| unknown_basis(error, name))?;
            used.push(rule);
            counting.push(params);
        }
        // A caller who may not read tasks must not learn about them through counts.
        if self.metrics.contains(&Metric::OnTimeRate) && !caller.scopes.contains(&Scope::TaskRead) {
            return Err(ApiError::scope_missing(Scope::TaskRead));
        }
        used.extend(basis.load_for(conn, &question, program, known)?);
        let asked_since = basis
            .establishment
            .iter()
            .filter_map(|(_, asking)| asking.since())
            .min();
        let newer = match asked_since.filter(|_| self.ages) {
            Some(day) => areas::newer_than(conn, &question.within, day, known)?,
            None => HashMap::new(),
        };
        let beside = counting.into_iter().map(|counting| Basis {
            counting,
            ..basis.clone()
        });
        Ok(Prepared {
            beside: beside.collect(),
            question,
            basis,
            rules: used,
            newer,
            known,
            area: area.area_id,
            area_code: area.code,
            program,
            illustrative,
            period: None,
            is_present,
        })
    }

    /// Prepares a question about a period: its days, up to today, as known at its cut-off (截止) if that has passed.
    fn prepare_period(
        &self,
        conn: &mut AnyConnection,
        caller: &Principal,
        today: NaiveDate,
        period: Period,
    ) -> Result<Prepared, ApiError> {
        let days = [self.from, self.to, self.as_of];
        if days.iter().any(Option::is_some) || self.known_at.is_some() {
            return Err(ApiError::bad_parameter(
                "period",
                "period 已含起止日期和截止时刻，不能与 from、to、as_of、known_at 同用。",
                "period already determines the dates and the time; omit from, to, as_of and known_at.",
            ));
        }
        let first = period.first_day();
        if first > today {
            return Err(ApiError::bad_parameter(
                "period",
                format!("period 尚未开始（{first}）。"),
                format!("The period has not begun; it begins on {first}."),
            ));
        }
        let asked = Self {
            period: None,
            from: Some(period.eve()),
            to: Some(period.last_day().min(today)),
            ..self.clone()
        };
        let prepared = asked.prepare(conn, caller, today)?;
        let of = (prepared.area, prepared.program);
        let Closing { closed_at, known } = closing::of_period(conn, of, period, prepared.known)?;
        let period = Some((period, closed_at));
        if known == prepared.known {
            return Ok(Prepared { period, ..prepared });
        }
        let asked = Self {
            known_at: Some(known.at),
            ..asked
        };
        let prepared = asked.prepare(conn, caller, today)?;
        Ok(Prepared { period, ..prepared })
    }
}

impl Asked {
    /// Whether one of the requested counting rules is limited to some cohorts.
    fn limits_cohorts(
        &self,
        conn: &mut AnyConnection,
        path: &str,
        Moment { as_of, known }: Moment,
    ) -> Result<bool, ApiError> {
        let names = self.bases.iter().map(String::as_str);
        let default = self.bases.is_empty().then_some(rules::DEFAULT);
        for name in names.chain(default) {
            let (_, counting) = rules::counting(conn, path, name, as_of, known)
                .map_err(|error| unknown_basis(error, name))?;
            if counting.cohorts.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the requested area in the tree of `as_of`.
    fn area(
        &self,
        conn: &mut AnyConnection,
        caller: &Principal,
        Knowing { known, is_present }: Knowing,
        as_of: NaiveDate,
    ) -> Result<AreaVersion, ApiError> {
        let moment = Moment { as_of, known };
        let Some(code) = self.area.as_deref() else {
            return Ok(areas::asked_about(conn, caller.area, None, moment)?);
        };
        // If the area's current version already applied on that day, it was below the caller's area then too.
        if is_present
            && let Some(now) = areas::find_anywhere(conn, code)?
            && now.valid_from <= as_of
            && caller.visible.contains(&now.path)
        {
            return Ok(now);
        }
        Ok(areas::asked_about(conn, caller.area, Some(code), moment)?)
    }
}

fn unknown_basis(error: StoreError, name: &str) -> ApiError {
    match error {
        StoreError::NotFound(_) => ApiError::bad_parameter(
            "basis",
            format!("没有名为 {name} 的计数规则，请查阅 /v1/rules。"),
            format!("There is no counting rule named {name}; see /v1/rules."),
        ),
        other => other.into(),
    }
}

fn read_cohort(word: Option<&str>) -> Result<CohortChoice, ApiError> {
    match word {
        None => Ok(CohortChoice::Each),
        Some("all") => Ok(CohortChoice::All),
        Some(word) => word.parse::<Cohort>().map(CohortChoice::Only).map_err(|_| {
            ApiError::bad_parameter(
                "cohort",
                "cohort 应为试点（pilot）、非试点（non_pilot）或全部（all）。",
                "cohort must be pilot, non_pilot or all.",
            )
        }),
    }
}

/// Encodes a value for a link. Rule names may be in any script.
pub fn encoded(value: &str) -> String {
    let pair = serde_urlencoded::to_string([("v", value)]).unwrap_or_default();
    pair.strip_prefix("v=").unwrap_or_default().to_owned()
}

impl Prepared {
    /// Returns the bases with the names of their rules.
    pub fn bases(&self) -> impl Iterator<Item = (&str, &Basis)> {
        let names = self.rules.iter().map(|rule| rule.name.as_str());
        names.zip(std::iter::once(&self.basis).chain(&self.beside))
    }

    /// Returns the link to the rows behind one number of a figure, at the moment the figure was computed. Uses the
    /// first basis if none is named.
    pub fn members_link(&self, figure: &Figure, part: Part, basis: Option<&str>) -> String {
        let mut link = format!(
            "/v1/figures/members?metric={}&part={part}&area={}",
            figure.metric, self.area_code
        );
        let mut add = |name: &str, value: &str| {
            link.push('&');
            link.push_str(name);
            link.push('=');
            link.push_str(value);
        };
        if let Some(program) = self.program {
            add("program", &program.to_string());
        }
        match self.question.cohort {
            CohortChoice::Each => {}
            CohortChoice::All => add("cohort", "all"),
            CohortChoice::Only(cohort) => add("cohort", cohort.as_str()),
        }
        add("from", &self.question.from.to_string());
        add("to", &self.question.to.to_string());
        add("as_of", &self.question.as_of.to_string());
        add("known_at", &self.known.at.to_string());
        let first = self.rules.first().map(|counting| counting.name.as_str());
        if let Some(name) = basis.or(first) {
            add("basis", &encoded(name));
        }
        let group: Vec<String> = figure
            .group
            .iter()
            .map(|(key, value)| format!("{key}:{}", value.as_deref().unwrap_or("")))
            .collect();
        if !group.is_empty() {
            add("group", &group.join(","));
        }
        link
    }
}
