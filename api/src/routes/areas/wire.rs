//! An area in JSON.

use chrono::NaiveDate;
use qiaojian_shared::clock::UtcTime;
use qiaojian_shared::db::AnyConnection;
use qiaojian_shared::domain::area::{AreaKind, Level};
use qiaojian_shared::store::Subtree;
use qiaojian_shared::store::areas::{self, AreaVersion, Filter};
use serde::Serialize;
use utoipa::ToSchema;

use crate::page::{Page, Window};
use crate::problem::ApiError;
use crate::wire::AreaRef;

/// An administrative division or a park.
#[derive(Debug, Serialize, ToSchema)]
pub struct Area {
    pub id: uuid::Uuid,
    /// The same as its `ETag`.
    pub version: i64,
    /// Six digits to county, nine a township, twelve a village; a park `<county or city code>-P01`.
    #[schema(example = "340304001")]
    pub code: String,
    pub name: String,
    pub level: Level,
    pub kind: AreaKind,
    /// The code of the area above it; a province has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The areas above it, from the province down; only where one area is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ancestors: Option<Vec<AreaRef>>,
    /// From when on this is so (Asia/Shanghai).
    pub valid_from: NaiveDate,
    pub created_at: UtcTime,
    pub updated_at: UtcTime,
}

impl Area {
    /// As the row says.
    pub fn of(area: &AreaVersion, created_at: UtcTime) -> Self {
        Self {
            id: area.area_id.0,
            version: area.version,
            code: area.code.clone(),
            name: area.name.clone(),
            level: area.level,
            kind: area.kind,
            parent: area.ancestor_codes().last().map(|code| (*code).to_owned()),
            ancestors: None,
            valid_from: area.valid_from,
            created_at,
            updated_at: area.recorded_at,
        }
    }

    /// One area by itself, with the names of those above it.
    pub fn with_ancestors(conn: &mut AnyConnection, area: &AreaVersion) -> Result<Self, ApiError> {
        let created = areas::created_at(conn, &[area.area_id])?;
        let above = areas::ancestors(conn, area)?;
        let names = above
            .into_iter()
            .map(|area| AreaRef {
                code: area.code,
                name: area.name,
            })
            .collect();
        let created_at = created.get(&area.area_id).copied().unwrap_or(area.recorded_at);
        Ok(Self {
            ancestors: Some(names),
            ..Self::of(area, created_at)
        })
    }
}

/// Part of the caller's tree, by path.
pub fn page(
    conn: &mut AnyConnection,
    visible: &Subtree,
    filter: &Filter,
    window: &Window<String>,
) -> Result<Page<Area>, ApiError> {
    let rows = areas::list(conn, visible, filter, window.after.as_deref(), window.fetch())?;
    let ids: Vec<_> = rows.iter().map(|area| area.area_id).collect();
    let created = areas::created_at(conn, &ids)?;
    let show = |area: AreaVersion| {
        Area::of(
            &area,
            created.get(&area.area_id).copied().unwrap_or(area.recorded_at),
        )
    };
    window.page(rows, |area| area.path.clone(), show)
}
