//! From query parameters to a question with every default filled in, and back to a link that asks it again.

use chrono::NaiveDate;
use qiaojian_shared::clock::UtcTime;
use qiaojian_shared::db::AnyConnection;
use qiaojian_shared::domain::program::Cohort;
use qiaojian_shared::domain::rule::CountingParams;
use qiaojian_shared::figures::{CohortChoice, Figure, GroupBy, Metric, Part, Question, Register, load};
use qiaojian_shared::ids::ProgramId;
use qiaojian_shared::store::rules::{self, RuleRef};
use qiaojian_shared::store::{Recorded, StoreError, Subtree, areas, ledger, programs};

use crate::problem::ApiError;

/// What the parameters say, before the defaults.
#[derive(Debug, Clone)]
pub struct Asked {
    pub metrics: Vec<Metric>,
    pub area: Option<String>,
    pub program: Option<ProgramId>,
    pub cohort: Option<String>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    pub as_of: Option<NaiveDate>,
    pub known_at: Option<UtcTime>,
    pub basis: Option<String>,
    pub group_by: Vec<GroupBy>,
}

/// A question with what it is answered from.
pub struct Prepared {
    pub question: Question,
    pub register: Register,
    pub rule: RuleRef,
    pub known: Recorded,
    pub area_code: String,
    pub program: Option<ProgramId>,
    pub illustrative: bool,
}

impl Asked {
    /// Fills in the defaults and loads the facts. Run it in one snapshot. `area` outside the caller's subtree is a 404.
    pub fn prepare(
        &self,
        conn: &mut AnyConnection,
        visible: &Subtree,
        own_area: &str,
        today: NaiveDate,
    ) -> Result<Prepared, ApiError> {
        let known = ledger::known_at(conn, self.known_at)?;
        let area = areas::find(conn, visible, self.area.as_deref().unwrap_or(own_area))?;
        let program = match self.program {
            Some(id) => Some(programs::find_known_at(conn, id, known)?),
            None => only_program(conn, known)?,
        };
        let to = self.to.or(self.as_of).unwrap_or(today);
        let as_of = self.as_of.unwrap_or(to);
        let baseline_on = program.as_ref().map(|program| program.baseline_on);
        let question = Question {
            metrics: self.metrics.clone(),
            within: area.subtree(),
            from: self.from.or(baseline_on).unwrap_or(to),
            to,
            as_of,
            baseline_on,
            cohort: read_cohort(self.cohort.as_deref())?,
            group_by: self.group_by.clone(),
        };
        let violations = question.violations(today);
        if !violations.is_empty() {
            return Err(ApiError::bad_request(violations));
        }
        let basis = self.basis.as_deref().unwrap_or(rules::DEFAULT);
        let (rule, counting): (RuleRef, CountingParams) =
            rules::counting(conn, &area.path, basis, as_of, known).map_err(|error| match error {
                StoreError::NotFound(_) => ApiError::bad_parameter(
                    "basis",
                    format!("没有名为 {basis} 的计数规则，请查阅 /v1/rules。"),
                    format!("There is no counting rule named {basis}; see /v1/rules."),
                ),
                other => other.into(),
            })?;
        let illustrative = program.as_ref().is_some_and(|program| program.illustrative);
        let program = program.map(|program| program.program_id);
        let register = load(conn, &question.within, program, &counting, as_of, known)?;
        Ok(Prepared {
            question,
            register,
            rule,
            known,
            area_code: area.code,
            program,
            illustrative,
        })
    }
}

/// `program` may be left out where there is at most one.
fn only_program(
    conn: &mut AnyConnection,
    known: Recorded,
) -> Result<Option<programs::ProgramVersion>, ApiError> {
    let mut all = programs::known_at(conn, known, 2)?;
    if all.len() > 1 {
        return Err(ApiError::bad_parameter(
            "program",
            "有多个试点项目，请指明 program。",
            "There are several programmes; say which program.",
        ));
    }
    Ok(all.pop())
}

fn read_cohort(word: Option<&str>) -> Result<CohortChoice, ApiError> {
    match word {
        None => Ok(CohortChoice::Each),
        Some("all") => Ok(CohortChoice::All),
        Some(word) => word.parse::<Cohort>().map(CohortChoice::Only).map_err(|_| {
            ApiError::bad_parameter(
                "cohort",
                "cohort 应为 pilot、non_pilot 或 all。",
                "cohort must be pilot, non_pilot or all.",
            )
        }),
    }
}

impl Prepared {
    /// The link that opens one number of a figure to exactly its rows, at the moment the figure was computed.
    pub fn members_link(&self, figure: &Figure, part: Part) -> String {
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
        add("basis", &self.rule.name);
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
