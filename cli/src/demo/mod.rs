//! The campaign of the article as data, written by `qiaojian demo load` and by the first start of `qiaojian up`.
//!
//! [`campaign`] is pure: the same areas give the same plan, value for value, on every machine. `demo/README.md` says
//! what is real and what is illustrative.

mod activities;
mod areas;
mod days;
mod load;
mod names;
mod organizations;
mod plan;
mod program;
mod random;
mod tasks;
#[cfg(test)]
mod tests;

use qiaojian_domain::area::{AreaKind, Level};

pub use areas::{AreaRow, anhui};
pub use load::{Loaded, Part, Progress, is_loaded, load};
pub use plan::{
    ActivitySpec, AssignmentSpec, Campaign, CohortSpec, EndpointSpec, OrganizationSpec, ProgramSpec,
    RuleSpec, ScheduleSpec, Step, TaskSpec,
};

/// Returns the complete plan for these areas: [`anhui`], or a table that contains them.
///
/// # Errors
/// Returns an error if an area named in the article is missing, or if too few areas are left for the article's totals.
pub fn campaign(areas: &[AreaRow]) -> anyhow::Result<Campaign> {
    let parks = vec![yuhui_park()];
    let tree = areas::Tree::over(areas.iter().chain(&parks));
    Ok(Campaign {
        program: program::program(&tree),
        organizations: organizations::all(&tree)?,
        activities: activities::activities(),
        tasks: tasks::tasks(),
        rules: program::rules(),
        endpoints: program::endpoints(),
        schedule: program::schedule(),
        parks,
    })
}

/// The location of the article's one park organization, with which 禹会区 has its 77 (`demo/README.md`).
fn yuhui_park() -> AreaRow {
    AreaRow {
        code: organizations::YUHUI_PARK.to_owned(),
        level: Level::Park,
        parent: Some(organizations::YUHUI.to_owned()),
        name: "禹会区侨创产业园区（示例）".to_owned(),
        kind: AreaKind::Administrative,
    }
}
