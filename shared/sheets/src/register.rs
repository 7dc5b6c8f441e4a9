//! The register as a table with one row per organization.

mod aside;
mod columns;
mod read;
mod show;
#[cfg(test)]
mod tests;

use qiaojian_domain::ids::OrganizationId;
use qiaojian_domain::organization::Facts;
use uuid::Uuid;

pub use columns::{COLUMNS, DATA_SHEET, Field, NOTES, field_of};
pub use read::{RegisterRow, Skipped, Table, open, read};
pub use show::{Shown, cells, differing, shown_cell};

/// The content of a row about an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The id of the organization, if the file contains one.
    pub id: Option<Uuid>,
    /// The code of the organization's area.
    pub area: String,
    /// The name of the area given beside its code, if any.
    pub area_name: Option<String>,
    /// The organization above.
    pub parent: Option<OrganizationId>,
    pub facts: Facts,
}
