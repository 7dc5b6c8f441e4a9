//! The real areas the demo stands on: a table embedded in the binary, and a tree over it.

use std::collections::BTreeMap;

use anyhow::Context as _;
use qiaojian_domain::area::{AreaKind, Level};
use serde::Deserialize;

/// Anhui to village level; `demo/README.md` says where it is from.
const ANHUI: &[u8] = include_bytes!("../../../demo/areas-anhui.csv.zst");

/// One row of an area table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AreaRow {
    /// Six digits to county, nine township, twelve village, `<county or city code>-P01` a park.
    pub code: String,
    /// Where it stands in the tree.
    pub level: Level,
    /// The code of the area above; none for a province.
    pub parent: Option<String>,
    /// As the statistics bureau writes it (`马城村村民委员会`).
    pub name: String,
    /// What the row stands for.
    pub kind: AreaKind,
}

/// The embedded areas of Anhui, by code.
///
/// # Errors
/// When the embedded table is damaged, which a test excludes.
pub fn anhui() -> anyhow::Result<Vec<AreaRow>> {
    let text = zstd::decode_all(ANHUI).context("the embedded area table cannot be unpacked")?;
    csv::Reader::from_reader(text.as_slice())
        .into_deserialize()
        .collect::<Result<_, _>>()
        .context("the embedded area table cannot be read")
}

/// The administrative areas, with what stands under what. Statistical and placeholder rows are left out: nothing is founded
/// there.
pub struct Tree<'a> {
    by_code: BTreeMap<&'a str, &'a AreaRow>,
    children: BTreeMap<&'a str, Vec<&'a AreaRow>>,
}

impl<'a> Tree<'a> {
    /// The tree over these rows, parks among them.
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

    /// The area with this code.
    ///
    /// # Errors
    /// When the table lacks it: the demo names areas of Anhui and cannot be made from another table.
    pub fn get(&self, code: &str) -> anyhow::Result<&'a AreaRow> {
        self.by_code.get(code).copied().with_context(|| {
            format!("the area table has no administrative area {code}; the demo needs Anhui's")
        })
    }

    /// The areas of `level` directly under `code`, in the order of the table.
    pub fn children(&self, code: &str, level: Level) -> impl Iterator<Item = &'a AreaRow> {
        self.children
            .get(code)
            .into_iter()
            .flatten()
            .copied()
            .filter(move |row| row.level == level)
    }

    /// The areas above, nearest first.
    pub fn ancestors(&self, row: &'a AreaRow) -> impl Iterator<Item = &'a AreaRow> {
        let above = |row: &AreaRow| self.by_code.get(row.parent.as_deref()?).copied();
        std::iter::successors(above(row), move |row| above(row))
    }
}
