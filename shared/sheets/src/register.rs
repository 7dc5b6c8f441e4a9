//! The register as a table: one row for each organization.

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

/// What a row says of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Which it is, where the file says so.
    pub id: Option<Uuid>,
    /// The code of the area it stands in.
    pub area: String,
    /// How the area is called beside its code, if it is.
    pub area_name: Option<String>,
    /// The organization above it.
    pub parent: Option<OrganizationId>,
    pub facts: Facts,
}
