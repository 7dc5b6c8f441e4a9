//! What the demo consists of, as plain values. Areas are named by code; nothing here has an id or has met a database.

use chrono::NaiveDate;
use qiaojian_domain::StateMachine;
use qiaojian_domain::access::Post;
use qiaojian_domain::activity::ActivityKind;
use qiaojian_domain::assignment::{AssignmentStatus, AssignmentVerb};
use qiaojian_domain::bulletin::BulletinKind;
use qiaojian_domain::delivery::Channel;
use qiaojian_domain::organization::{Facts, PreciseDate};
use qiaojian_domain::program::{self, Cohort};
use qiaojian_domain::rule::RuleKind;
use qiaojian_domain::schedule::{self, PlanFields};
use qiaojian_domain::task::Theme;

use super::areas::AreaRow;

/// The whole campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    /// Areas that are not in the table of real ones.
    pub parks: Vec<AreaRow>,
    /// The programme with its cohorts.
    pub program: ProgramSpec,
    /// In the order in which they were founded, what stands above first; those in preparation last.
    pub organizations: Vec<OrganizationSpec>,
    /// By date.
    pub activities: Vec<ActivitySpec>,
    /// The task breakdown table, by number.
    pub tasks: Vec<TaskSpec>,
    /// Counting rules.
    pub rules: Vec<RuleSpec>,
    /// Where the pilot cities receive.
    pub endpoints: Vec<EndpointSpec>,
    /// When bulletins are composed.
    pub schedule: ScheduleSpec,
}

/// A pilot programme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramSpec {
    /// Whose programme it is.
    pub issuer: &'static str,
    /// The note says that the organizations are illustrative.
    pub facts: program::Facts,
    /// Each city's cohort.
    pub cohorts: Vec<CohortSpec>,
}

/// On which side of the comparison a city is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CohortSpec {
    pub area: String,
    pub cohort: Cohort,
    /// From the baseline on, so that the count before the start can be asked for by cohort too.
    pub from: NaiveDate,
}

/// One organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationSpec {
    /// The code of its area.
    pub area: String,
    /// The code of the area whose federation it belongs to: the nearest above that stood on the day it was founded.
    pub parent: Option<String>,
    /// From when it was being prepared, where it still is.
    pub preparing_since: Option<NaiveDate>,
    /// Everything else. The note says that it is illustrative; a document number is marked 示例.
    pub facts: Facts,
}

impl OrganizationSpec {
    /// The day from which it counts; none while it is in preparation.
    pub fn counts_from(&self) -> Option<NaiveDate> {
        self.facts.life.established.map(PreciseDate::counts_from)
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivitySpec {
    pub kind: ActivityKind,
    /// Whose activity it is.
    pub area: &'static str,
    /// The areas it touched.
    pub areas: Vec<&'static str>,
    pub on: PreciseDate,
    /// Who took part.
    pub posts: Vec<Post>,
    pub chair_post: Option<Post>,
    /// How often, where one record stands for several times.
    pub quantity: Option<i32>,
    /// The budget or assessment year.
    pub year: Option<i32>,
    pub category: Option<&'static str>,
    pub note: &'static str,
}

/// A row of the task breakdown table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSpec {
    pub no: i32,
    /// Who gives it: this area,
    pub issuer: &'static str,
    /// and this post in it.
    pub issuer_post: Post,
    pub theme: Theme,
    pub content: &'static str,
    /// 责任部门
    pub lead_post: Post,
    pub supporting_posts: Vec<Post>,
    pub issued_on: NaiveDate,
    /// A working day.
    pub due_on: NaiveDate,
    /// One per city, to its federation, which coordinates the departments.
    pub assignments: Vec<AssignmentSpec>,
}

/// A task as given to one city.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignmentSpec {
    pub area: &'static str,
    pub post: Post,
    /// What happened to it, in order.
    pub steps: Vec<Step>,
}

/// One thing done with an assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub verb: AssignmentVerb,
    pub on: NaiveDate,
    /// The report's content, or the reason of a return.
    pub text: Option<&'static str>,
}

impl AssignmentSpec {
    /// Where it stands after its steps; none if a step is not allowed, which a test excludes.
    pub fn status(&self) -> Option<AssignmentStatus> {
        self.steps
            .iter()
            .try_fold(AssignmentStatus::Issued, |status, step| status.after(step.verb))
            .ok()
    }

    /// The day of the last step of this kind.
    pub fn last(&self, verb: AssignmentVerb) -> Option<NaiveDate> {
        self.steps
            .iter()
            .rev()
            .find(|step| step.verb == verb)
            .map(|step| step.on)
    }
}

/// A rule to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSpec {
    pub kind: RuleKind,
    pub name: &'static str,
    pub scope_area: &'static str,
    pub effective_from: NaiveDate,
    pub params: serde_json::Value,
    pub source: &'static str,
}

/// Where a post in an area receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointSpec {
    pub area: &'static str,
    pub post: Post,
    pub channel: Channel,
}

/// When bulletins are composed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleSpec {
    pub issuer: &'static str,
    pub issuer_post: Post,
    pub kind: BulletinKind,
    pub timing: PlanFields,
    /// Whether a person releases what was composed.
    pub approval: schedule::Approval,
    /// The cities they go to,
    pub recipients: Cohort,
    /// and this post in each.
    pub recipient_post: Post,
}
