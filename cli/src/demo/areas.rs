//! The real areas used by the demo: a table embedded in the binary, and a tree built from it.

use std::collections::BTreeMap;

use anyhow::Context as _;
use qiaojian_domain::area::{AreaKind, Level};
use serde::Deserialize;

use crate::zstd;

/// Anhui down to village level; `demo/README.md` gives the source.
const ANHUI: &[u8] = include_bytes!("../../../demo/areas-anhui.csv.zst");

/// One row of an area table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AreaRow {
    /// Six digits down to county level, nine for a township, twelve for a village, `<county or city code>-P01` for a
    /// park.
    pub code: String,
    /// Its level in the tree.
    pub level: Level,
    /// The code of the area above; `None` for a province.
    pub parent: Option<String>,
    /// The name as written by the statistics bureau (`马城村村民委员会`).
    pub name: String,
    /// The kind of the row.
    pub kind: AreaKind,
}

/// Returns the embedded areas of Anhui, by code.
///
/// # Errors
/// Returns an error if the embedded table is damaged, which a test rules out.
pub fn anhui() -> anyhow::Result<Vec<AreaRow>> {
    let text = zstd::unpack(ANHUI, u64::MAX).context("the embedded area table cannot be unpacked")?;
    csv::Reader::from_reader(text.as_slice())
        .into_deserialize()
        .collect::<Result<_, _>>()
        .context("the embedded area table cannot be read")
}

/// The administrative areas and their hierarchy. Statistical and placeholder rows are left out, because no
/// organizations are founded there.
pub struct Tree<'a> {
    by_code: BTreeMap<&'a str, &'a AreaRow>,
    children: BTreeMap<&'a str, Vec<&'a AreaRow>>,
}

impl<'a> Tree<'a> {
    /// Builds the tree from these rows, including parks.
    pub fn over(rows: impl IntoIterator<Item = &'a AreaRow>) -> Self {
        let mut tree = Self {
            by_code: BTreeMap::new(),
            children: BTreeMap::new(),
        };
        for row in rows {
            if row.kind != AreaKind::Administrative {
                continue;
            }
            tree.by_code.insert(&row.code, row);
            if let Some(parent) = &row.parent {
                tree.children.entry(parent).or_default().push(row);
            }
        }
        tree
    }

    /// Returns the area with this code.
    ///
    /// # Errors
    /// Returns an error if the table does not contain it: the demo refers to areas of Anhui and cannot be made from
    /// another table.
    pub fn get(&self, code: &str) -> anyhow::Result<&'a AreaRow> {
        self.by_code.get(code).copied().with_context(|| {
            format!("the area table has no administrative area {code}; the demo needs Anhui's")
        })
    }

    /// Returns the areas of `level` directly below `code`, in the order of the table.
    pub fn children(&self, code: &str, level: Level) -> impl Iterator<Item = &'a AreaRow> {
        self.children
            .get(code)
            .into_iter()
            .flatten()
            .copied()
            .filter(move |row| row.level == level)
    }

    /// Returns the areas above, nearest first.
    pub fn ancestors(&self, row: &'a AreaRow) -> impl Iterator<Item = &'a AreaRow> {
        let above = |row: &AreaRow| self.by_code.get(row.parent.as_deref()?).copied();
        std::iter::successors(above(row), move |row| above(row))
    }
}
