//! An area in JSON.

use chrono::NaiveDate;
use qiaojian_domain::area::{AreaKind, Level, SuccessionKind};
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::AreaId;
use qiaojian_store::areas::{self, AreaVersion, Filter};
use qiaojian_store::db::AnyConnection;
use qiaojian_store::{Moment, Subtree};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Principal;
use crate::moment::{Times, subtree_asked_for};
use crate::page::{Page, Window};
use crate::problem::ApiError;
use crate::wire::AreaRef;

/// An administrative division or a park.
#[derive(Debug, Serialize, ToSchema)]
pub struct Area {
    pub id: uuid::Uuid,
    /// The current version; equals the `ETag`.
    pub version: i64,
    /// Six digits down to county level, nine for a township, twelve for a village; `<county or city code>-P01` for a
    /// park.
    #[schema(example = "340304001")]
    pub code: String,
    pub name: String,
    pub level: Level,
    pub kind: AreaKind,
    /// The code of the area above it; a province has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The areas above it, from the province down. Only when one area is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ancestors: Option<Vec<AreaRef>>,
    /// The first day on which this version applies (Asia/Shanghai).
    pub valid_from: NaiveDate,
    /// The first day on which this version no longer applies; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<NaiveDate>,
    /// The areas it was split from (`split`) or that were merged into it (`merge`). Only when one area is read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub predecessors: Vec<Succeeded>,
    /// The area it was merged into (`merge`) or the areas split off from it (`split`). Only when one area is read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub successors: Vec<Succeeded>,
    pub created_at: UtcTime,
    pub updated_at: UtcTime,
}

/// The other area of a merger or split, as it is now or last was.
#[derive(Debug, Serialize, ToSchema)]
pub struct Succeeded {
    pub code: String,
    pub name: String,
    pub kind: SuccessionKind,
    pub on: NaiveDate,
}

impl Area {
    /// Converts a row.
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
            valid_to: area.valid_to,
            predecessors: Vec::new(),
            successors: Vec::new(),
            created_at,
            updated_at: area.recorded_at,
        }
    }

    /// Returns one area as it is now or last was, with the names of the areas above it, its predecessors and its
    /// successors.
    pub fn with_ancestors(conn: &mut AnyConnection, area: &AreaVersion) -> Result<Self, ApiError> {
        let above = areas::ancestors(conn, area)?;
        Self::alone(conn, area, above)
    }

    /// Returns one area with the same details, as it was at a moment.
    pub fn on(conn: &mut AnyConnection, area: &AreaVersion, moment: Moment) -> Result<Self, ApiError> {
        let above = areas::ancestors_on(conn, area, moment)?;
        Self::alone(conn, area, above)
    }

    fn alone(
        conn: &mut AnyConnection,
        area: &AreaVersion,
        above: Vec<AreaVersion>,
    ) -> Result<Self, ApiError> {
        let created = areas::created_at(conn, &[area.area_id])?;
        let names = above
            .into_iter()
            .map(|area| AreaRef {
                code: area.code,
                name: area.name,
            })
            .collect();
        let created_at = created.get(&area.area_id).copied().unwrap_or(area.recorded_at);
        let mut shown = Self {
            ancestors: Some(names),
            ..Self::of(area, created_at)
        };
        shown.add_successions(conn, area.area_id)?;
        Ok(shown)
    }

    fn add_successions(&mut self, conn: &mut AnyConnection, id: AreaId) -> Result<(), ApiError> {
        let successions = areas::successions_of(conn, id)?;
        if successions.is_empty() {
            return Ok(());
        }
        let ids = successions
            .iter()
            .flat_map(|succession| [succession.predecessor_id, succession.successor_id]);
        let known = areas::as_last_known(conn, ids)?;
        for succession in &successions {
            let came_out = succession.predecessor_id == id;
            let other = if came_out {
                succession.successor_id
            } else {
                succession.predecessor_id
            };
            let Some(other) = known.get(&other) else { continue };
            let told = Succeeded {
                code: other.code.clone(),
                name: other.name.clone(),
                kind: succession.kind,
                on: succession.on_date,
            };
            if came_out {
                self.successors.push(told);
            } else {
                self.predecessors.push(told);
            }
        }
        Ok(())
    }
}

/// The tree visible to a caller: the currently known one, or the one at a moment.
pub struct CallersTree {
    /// The subtree that the caller sees.
    pub visible: Subtree,
    caller: AreaId,
    moment: Option<Moment>,
}

/// Returns the tree at these times, or the currently known tree if no time was given. Run it in the snapshot of the
/// answer.
pub fn tree(
    conn: &mut AnyConnection,
    caller: &Principal,
    times: Times,
    today: NaiveDate,
) -> Result<CallersTree, ApiError> {
    let mut tree = CallersTree {
        visible: caller.visible.clone(),
        caller: caller.area,
        moment: None,
    };
    if times.are_asked_for() {
        let moment = times.moment(conn, today)?;
        tree.visible = subtree_asked_for(conn, caller.area, None, moment)?;
        tree.moment = Some(moment);
    }
    Ok(tree)
}

impl CallersTree {
    /// Finds the area with this code in the caller's subtree.
    pub fn find(&self, conn: &mut AnyConnection, code: &str) -> Result<AreaVersion, ApiError> {
        Ok(match self.moment {
            None => areas::find(conn, &self.visible, code)?,
            Some(moment) => areas::asked_about(conn, self.caller, Some(code), moment)?,
        })
    }

    /// Returns the full representation of the area with this code, which may also be above the caller's area.
    pub fn show(&self, conn: &mut AnyConnection, code: &str) -> Result<Area, ApiError> {
        let Some(moment) = self.moment else {
            let found = areas::find_or_ancestor(conn, &self.visible, code)?;
            return Area::with_ancestors(conn, &found);
        };
        let found = match areas::find_on(conn, &Subtree::everything(), code, moment) {
            Ok(above) if self.visible.is_below(&above.path) => above,
            _ => areas::resolve(conn, self.caller, code, moment)?,
        };
        Area::on(conn, &found, moment)
    }

    /// Returns a page of the areas in `within`, by path.
    pub fn page(
        &self,
        conn: &mut AnyConnection,
        within: &Subtree,
        filter: &Filter,
        window: &Window<String>,
    ) -> Result<Page<Area>, ApiError> {
        let (after, limit) = (window.after.as_deref(), window.fetch());
        let rows = match self.moment {
            None => areas::list(conn, within, filter, after, limit)?,
            Some(moment) => areas::list_on(conn, within, moment, filter, after, limit)?,
        };
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
}
