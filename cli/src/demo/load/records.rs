//! Loads the programme, the rules, the organizations, the endpoints and the schedule.

use anyhow::Context as _;
use chrono::NaiveDate;
use qiaojian_domain::delivery::OnUncertain;
use qiaojian_domain::ids::{CohortId, EndpointId, OrganizationId, ProgramId, RuleId};
use qiaojian_domain::organization::Verification;
use qiaojian_store::endpoints::{self, NewEndpoint};
use qiaojian_store::organizations::{self, NewOrganization};
use qiaojian_store::programs::{self, NewProgram};
use qiaojian_store::rules::{self, NewRule};
use qiaojian_store::schedules::{self, NewSchedule, Recipients};
use qiaojian_store::{StoreError, Subtree, ledger};

use super::super::plan::{EndpointSpec, OrganizationSpec, ProgramSpec, RuleSpec, ScheduleSpec};
use super::areas::Areas;
use super::{Part, Progress, Writer, demo_digest, demo_id, schedule_id};

/// Loads the programme and its cohorts.
pub async fn program<P: FnMut(Progress)>(
    writer: &mut Writer<'_, P>,
    spec: &ProgramSpec,
    areas: &Areas,
) -> anyhow::Result<ProgramId> {
    let id = ProgramId(demo_id("program"));
    let new = NewProgram {
        id,
        digest: demo_digest("program"),
        issuer: areas.id(spec.issuer)?,
        illustrative: true,
        facts: spec.facts.clone(),
    };
    writer
        .write_all(Part::Records, vec![new], programs::create)
        .await
        .context("cannot record the demo's programme")?;
    let cohorts = spec
        .cohorts
        .iter()
        .map(|member| {
            let row = CohortId(demo_id(&format!("cohort {}", member.area)));
            Ok((row, id, areas.id(&member.area)?, member.cohort, member.from))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    writer
        .write_all(
            Part::Records,
            cohorts,
            |recording, (row, program, area, cohort, from)| {
                programs::set_cohort(recording, *row, *program, *area, *cohort, *from)
            },
        )
        .await
        .context("cannot record the demo's cohorts")?;
    Ok(id)
}

/// Loads the counting rules that do not exist yet. Recording one again would create its next version.
pub async fn rules<P: FnMut(Progress)>(
    writer: &mut Writer<'_, P>,
    specs: &[RuleSpec],
    areas: &Areas,
) -> anyhow::Result<()> {
    let present = writer
        .db
        .read(|conn| {
            let known = ledger::known(conn)?;
            rules::list(conn, None, known).map_err(StoreError::from)
        })
        .await
        .context("cannot read the rules")?;
    let is_new = |spec: &&RuleSpec| {
        !present.iter().any(|(rule, scope)| {
            (rule.kind, &*rule.name, &**scope) == (spec.kind, spec.name, spec.scope_area)
        })
    };
    let new = specs
        .iter()
        .filter(is_new)
        .map(|spec| {
            Ok(NewRule {
                id: RuleId(demo_id(&format!(
                    "rule {} {} {}",
                    spec.kind, spec.name, spec.scope_area
                ))),
                kind: spec.kind,
                name: spec.name.to_owned(),
                scope_area: areas.id(spec.scope_area)?,
                effective_from: spec.effective_from,
                params: spec.params.clone(),
                source: spec.source.to_owned(),
            })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    writer
        .write_all(Part::Records, new, rules::create)
        .await
        .context("cannot record the demo's rules")?;
    Ok(())
}

/// Loads the organizations, parents first.
pub async fn organizations<P: FnMut(Progress)>(
    writer: &mut Writer<'_, P>,
    specs: &[OrganizationSpec],
    areas: &Areas,
    today: NaiveDate,
) -> anyhow::Result<()> {
    let new = specs
        .iter()
        .map(|spec| {
            let organization = NewOrganization {
                id: organization_id(&spec.area),
                digest: demo_digest(&format!("organization {}", spec.area)),
                area: areas.get(&spec.area)?.clone(),
                parent: spec.parent.as_deref().map(organization_id),
                facts: spec.facts.clone(),
                // What the article reports was verified by the province.
                verification: Verification::Verified,
            };
            // The store would date a preparation without a date to today; the plan gives the date.
            Ok((organization, spec.preparing_since.unwrap_or(today)))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    writer
        .write_all(Part::Organizations, new, |recording, (new, today)| {
            organizations::create(recording, &Subtree::everything(), new, *today).map(drop)
        })
        .await
        .context("cannot record the demo's organizations")?;
    Ok(())
}

/// Returns the id of an area's organization. The demo has one organization per area.
fn organization_id(area: &str) -> OrganizationId {
    OrganizationId(demo_id(&format!("organization {area}")))
}

/// Loads the endpoints of the pilot cities.
pub async fn endpoints<P: FnMut(Progress)>(
    writer: &mut Writer<'_, P>,
    specs: &[EndpointSpec],
    areas: &Areas,
) -> anyhow::Result<()> {
    let new = specs
        .iter()
        .map(|spec| {
            let label = format!("endpoint {} {}", spec.area, spec.channel);
            Ok(NewEndpoint {
                id: EndpointId(demo_id(&label)),
                digest: demo_digest(&label),
                area: areas.id(spec.area)?,
                post: spec.post,
                channel: spec.channel,
                address: String::new(),
                // Neither an inbox nor a file contains anything twice.
                on_uncertain: OnUncertain::Resend,
            })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    writer
        .write_all(Part::Records, new, endpoints::create)
        .await
        .context("cannot record the demo's endpoints")?;
    Ok(())
}

/// Loads the schedule, with which the worker starts to compose.
pub async fn schedule<P: FnMut(Progress)>(
    writer: &mut Writer<'_, P>,
    spec: &ScheduleSpec,
    program: ProgramId,
    areas: &Areas,
) -> anyhow::Result<()> {
    let new = NewSchedule {
        id: schedule_id(),
        digest: demo_digest("schedule"),
        issuer: areas.id(spec.issuer)?,
        issuer_post: spec.issuer_post,
        program,
        kind: spec.kind,
        recipients: Recipients {
            cohort: spec.recipients,
            post: spec.recipient_post,
        },
        plan: spec.timing.clone(),
        approval: spec.approval,
    };
    writer
        .write_all(Part::Records, vec![new], schedules::create)
        .await
        .context("cannot record the demo's schedule")?;
    Ok(())
}
