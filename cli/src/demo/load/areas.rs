//! Loads the areas level by level, so that each finds its parent.

use std::collections::BTreeMap;

use anyhow::Context as _;
use qiaojian_domain::area::Level;
use qiaojian_domain::clock::{Clock, Entropy};
use qiaojian_domain::ids::AreaId;
use qiaojian_store::areas::{self, AreaVersion, Filter, NewArea};
use qiaojian_store::db::Db;
use qiaojian_store::{StoreError, Subtree};

use super::super::areas::AreaRow;
use super::super::days::BEGINNING;
use super::{Part, Progress, Writer};

/// The areas of the register, by code.
pub struct Areas(BTreeMap<String, AreaVersion>);

impl Areas {
    /// Returns the area with this code.
    ///
    /// # Errors
    /// Returns an error if it was not loaded, which the plan's own tests rule out.
    pub fn get(&self, code: &str) -> anyhow::Result<&AreaVersion> {
        self.0
            .get(code)
            .with_context(|| format!("the register has no area {code}"))
    }

    /// Returns its id.
    ///
    /// # Errors
    /// As [`Areas::get`].
    pub fn id(&self, code: &str) -> anyhow::Result<AreaId> {
        self.get(code).map(|area| area.area_id)
    }
}

/// Adds the areas that do not exist yet. An area that was imported before keeps its id, name and parent.
pub async fn load<'r, P: FnMut(Progress)>(
    writer: &mut Writer<'_, P>,
    rows: impl Iterator<Item = &'r AreaRow>,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> anyhow::Result<Areas> {
    let mut known = present(writer.db).await?;
    let missing: Vec<_> = rows.filter(|row| !known.0.contains_key(&row.code)).collect();
    for level in Level::ALL {
        let of_level = missing.iter().filter(|row| row.level == *level);
        let new = of_level
            .map(|row| {
                Ok(NewArea {
                    id: AreaId::generate(clock, entropy),
                    code: row.code.clone(),
                    name: row.name.clone(),
                    level: row.level,
                    kind: row.kind,
                    parent: row
                        .parent
                        .as_deref()
                        .map(|parent| known.get(parent).cloned())
                        .transpose()?,
                    valid_from: BEGINNING,
                })
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let added = writer
            .write_all(Part::Areas, new, areas::create)
            .await
            .context("cannot add the demo's areas")?;
        known
            .0
            .extend(added.into_iter().map(|area| (area.code.clone(), area)));
    }
    Ok(known)
}

async fn present(db: &Db) -> anyhow::Result<Areas> {
    let rows = db
        .read_slow(|conn| {
            let every_kind = Filter::every_kind();
            areas::list(conn, &Subtree::everything(), &every_kind, None, i64::MAX).map_err(StoreError::from)
        })
        .await
        .context("cannot read the areas")?;
    Ok(Areas(
        rows.into_iter().map(|area| (area.code.clone(), area)).collect(),
    ))
}
