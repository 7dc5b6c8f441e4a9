//! Loads the activities and the tasks.

use anyhow::Context as _;
use qiaojian_domain::assignment::AssignmentVerb;
use qiaojian_domain::ids::{ActivityId, AssignmentId, ProgramId, ReportId, TaskId};
use qiaojian_domain::task::Facts;
use qiaojian_store::activities::{self, NewActivity};
use qiaojian_store::tasks::assignments::{self, Act};
use qiaojian_store::tasks::{self, Assignee, NewTask};
use qiaojian_store::{Recording, StoreResult, Subtree};

use super::super::plan::{ActivitySpec, AssignmentSpec, Step, TaskSpec};
use super::areas::Areas;
use super::{Part, Progress, Writer, demo_digest, demo_id};

/// Loads the activities.
pub async fn activities<P: FnMut(Progress)>(
    writer: &mut Writer<'_, P>,
    specs: &[ActivitySpec],
    program: ProgramId,
    areas: &Areas,
) -> anyhow::Result<()> {
    let new = (1..)
        .zip(specs)
        .map(|(no, spec)| activity(no, spec, program, areas))
        .collect::<anyhow::Result<Vec<_>>>()?;
    writer
        .write_all(Part::Records, new, activities::create)
        .await
        .context("cannot record the demo's activities")?;
    Ok(())
}

fn activity(no: u32, spec: &ActivitySpec, program: ProgramId, areas: &Areas) -> anyhow::Result<NewActivity> {
    let label = format!("activity {no}");
    Ok(NewActivity {
        id: ActivityId(demo_id(&label)),
        digest: demo_digest(&label),
        kind: spec.kind,
        program,
        area: areas.id(spec.area)?,
        areas: spec
            .areas
            .iter()
            .map(|code| areas.id(code))
            .collect::<anyhow::Result<_>>()?,
        on: spec.on,
        posts: spec.posts.clone(),
        chair_post: spec.chair_post,
        doc_no: None,
        quantity: spec.quantity,
        year: spec.year,
        category: spec.category.map(str::to_owned),
        note: Some(spec.note.to_owned()),
    })
}

/// A task with its transitions, written in one transaction, so that it is either complete or absent.
struct WorkedTask {
    new: NewTask,
    /// The transitions of each assignment, in the order of the assignees.
    done: Vec<Vec<Step>>,
}

/// Loads the task breakdown table.
pub async fn tasks<P: FnMut(Progress)>(
    writer: &mut Writer<'_, P>,
    specs: &[TaskSpec],
    program: ProgramId,
    areas: &Areas,
) -> anyhow::Result<()> {
    let worked = specs
        .iter()
        .map(|spec| task(spec, program, areas))
        .collect::<anyhow::Result<Vec<_>>>()?;
    writer
        .write_all(Part::Tasks, worked, issue_and_work)
        .await
        .context("cannot record the demo's tasks")?;
    Ok(())
}

fn task(spec: &TaskSpec, program: ProgramId, areas: &Areas) -> anyhow::Result<WorkedTask> {
    let label = format!("task {}", spec.no);
    let assignee = |assignment: &AssignmentSpec| {
        Ok(Assignee {
            id: AssignmentId(demo_id(&format!("{label} in {}", assignment.area))),
            area: areas.get(assignment.area)?.clone(),
            post: assignment.post,
        })
    };
    let new = NewTask {
        id: TaskId(demo_id(&label)),
        digest: demo_digest(&label),
        program,
        issuer: areas.get(spec.issuer)?.clone(),
        issuer_post: spec.issuer_post,
        facts: Facts {
            no: spec.no,
            theme: spec.theme,
            content: spec.content.to_owned(),
            lead_post: spec.lead_post,
            supporting_posts: spec.supporting_posts.clone(),
            issued_on: spec.issued_on,
            due_on: spec.due_on,
        },
        origin: None,
        assignees: spec
            .assignments
            .iter()
            .map(assignee)
            .collect::<anyhow::Result<_>>()?,
    };
    let done = spec
        .assignments
        .iter()
        .map(|assignment| assignment.steps.clone())
        .collect();
    Ok(WorkedTask { new, done })
}

fn issue_and_work(recording: &mut Recording<'_, '_>, worked: &WorkedTask) -> StoreResult<()> {
    let everything = Subtree::everything();
    let new = &worked.new;
    let issuer = (new.issuer.area_id, new.issuer_post);
    if tasks::made_before(recording.conn(), &everything, new.id, &new.digest, issuer)?.is_some() {
        return Ok(());
    }
    tasks::create(recording, new)?;
    let today = recording.now().date_in_shanghai();
    for (assignee, steps) in new.assignees.iter().zip(&worked.done) {
        let mut given = assignments::find(recording.conn(), &everything, assignee.id)?;
        for (no, step) in (1..).zip(steps) {
            let act = act(assignee.id, no, step);
            given = assignments::act(recording, given, None, &act, step.on, today)?;
        }
    }
    Ok(())
}

fn act(assignment: AssignmentId, no: u32, step: &Step) -> Act {
    let text = step.text.unwrap_or_default().to_owned();
    match step.verb {
        AssignmentVerb::Acknowledge => Act::Acknowledge,
        AssignmentVerb::Report => Act::Report {
            id: ReportId(demo_id(&format!("report {no} on {assignment}"))),
            content: text,
        },
        AssignmentVerb::Submit => Act::Submit,
        AssignmentVerb::Accept => Act::Accept,
        AssignmentVerb::Return => Act::Return { reason: text },
        AssignmentVerb::Cancel => Act::Cancel { reason: text },
    }
}
