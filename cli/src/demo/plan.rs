//! The content of the demo as plain values. Areas are referenced by code; nothing here has an id or depends on a
//! database.

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

/// The complete campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    /// Areas that are not in the table of real areas.
    pub parks: Vec<AreaRow>,
    /// The programme with its cohorts.
    pub program: ProgramSpec,
    /// In the order of founding, parents first; those in preparation last.
    pub organizations: Vec<OrganizationSpec>,
    /// By date.
    pub activities: Vec<ActivitySpec>,
    /// The task breakdown table, by number.
    pub tasks: Vec<TaskSpec>,
    /// Counting rules.
    pub rules: Vec<RuleSpec>,
    /// The endpoints of the pilot cities.
    pub endpoints: Vec<EndpointSpec>,
    /// The schedule of the bulletins.
    pub schedule: ScheduleSpec,
}

/// A pilot programme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramSpec {
    /// The area that the programme belongs to.
    pub issuer: &'static str,
    /// The note says that the organizations are illustrative.
    pub facts: program::Facts,
    /// The cohort of each city.
    pub cohorts: Vec<CohortSpec>,
}

/// The cohort of a city.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CohortSpec {
    pub area: String,
    pub cohort: Cohort,
    /// From the baseline, so that the count before the start can be requested by cohort too.
    pub from: NaiveDate,
}

/// One organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationSpec {
    /// The code of its area.
    pub area: String,
    /// The code of the area whose federation it belongs to: the nearest one above that existed on its founding day.
    pub parent: Option<String>,
    /// Since when it has been in preparation, if it still is.
    pub preparing_since: Option<NaiveDate>,
    /// All other facts. The note says that it is illustrative, and a document number is marked 示例.
    pub facts: Facts,
}

impl OrganizationSpec {
    /// Returns the day from which it counts; `None` while it is in preparation.
    pub fn counts_from(&self) -> Option<NaiveDate> {
        self.facts.life.established.map(PreciseDate::counts_from)
    }
}

/// An activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivitySpec {
    pub kind: ActivityKind,
    /// The area that the activity belongs to.
    pub area: &'static str,
    /// The areas involved.
    pub areas: Vec<&'static str>,
    pub on: PreciseDate,
    /// The posts that took part.
    pub posts: Vec<Post>,
    pub chair_post: Option<Post>,
    /// The number of times, if one record stands for several.
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
    /// The issuing area.
    pub issuer: &'static str,
    /// The issuing post in this area.
    pub issuer_post: Post,
    pub theme: Theme,
    pub content: &'static str,
    /// 责任部门
    pub lead_post: Post,
    pub supporting_posts: Vec<Post>,
    pub issued_on: NaiveDate,
    /// The due date, which is a working day.
    pub due_on: NaiveDate,
    /// One per city, assigned to its federation, which coordinates the departments.
    pub assignments: Vec<AssignmentSpec>,
}

/// The assignment of a task to one city.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignmentSpec {
    pub area: &'static str,
    pub post: Post,
    /// Its transitions, in order.
    pub steps: Vec<Step>,
}

/// A transition of an assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub verb: AssignmentVerb,
    pub on: NaiveDate,
    /// The content of a report, or the reason for a return.
    pub text: Option<&'static str>,
}

impl AssignmentSpec {
    /// Returns the status after all transitions; `None` if one is not allowed, which a test rules out.
    pub fn status(&self) -> Option<AssignmentStatus> {
        self.steps
            .iter()
            .try_fold(AssignmentStatus::Issued, |status, step| status.after(step.verb))
            .ok()
    }

    /// Returns the day of the last transition of this kind.
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

/// An endpoint at which a post in an area receives notices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointSpec {
    pub area: &'static str,
    pub post: Post,
    pub channel: Channel,
}

/// A schedule for composing bulletins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleSpec {
    pub issuer: &'static str,
    pub issuer_post: Post,
    pub kind: BulletinKind,
    pub timing: PlanFields,
    /// Whether a person must approve composed bulletins.
    pub approval: schedule::Approval,
    /// The cohort of the recipient cities.
    pub recipients: Cohort,
    /// The recipient post in each city.
    pub recipient_post: Post,
}
