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
    /// The first day on which it is so no more, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<NaiveDate>,
    /// The areas it came out of (`split`) or took in (`merge`); only where one area is read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub predecessors: Vec<Succeeded>,
    /// The area that took it in (`merge`) or those that came out of it (`split`); only where one area is read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub successors: Vec<Succeeded>,
    pub created_at: UtcTime,
    pub updated_at: UtcTime,
}

/// An area at the other end of a merger or a division, as it is now or last was.
#[derive(Debug, Serialize, ToSchema)]
pub struct Succeeded {
    pub code: String,
    pub name: String,
    pub kind: SuccessionKind,
    pub on: NaiveDate,
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
            valid_to: area.valid_to,
            predecessors: Vec::new(),
            successors: Vec::new(),
            created_at,
            updated_at: area.recorded_at,
        }
    }

    /// One area by itself as it is now or last was, with the names of those above it, and what it came out of or went into.
    pub fn with_ancestors(conn: &mut AnyConnection, area: &AreaVersion) -> Result<Self, ApiError> {
        let above = areas::ancestors(conn, area)?;
        Self::alone(conn, area, above)
    }

    /// The same, as it was at a moment.
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

/// The tree that a caller looks at: the one known to be true now, or that of a moment.
pub struct CallersTree {
    /// What the caller sees of it.
    pub visible: Subtree,
    caller: AreaId,
    moment: Option<Moment>,
}

/// The tree of these times; the one known to be true now where none is asked for. Run it in the snapshot of the answer.
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
    /// The area of this code in the caller's part of the tree.
    pub fn find(&self, conn: &mut AnyConnection, code: &str) -> Result<AreaVersion, ApiError> {
        Ok(match self.moment {
            None => areas::find(conn, &self.visible, code)?,
            Some(moment) => areas::asked_about(conn, self.caller, Some(code), moment)?,
        })
    }

    /// The area of this code, also one that stands above the caller's, as it is shown by itself.
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

    /// Part of the areas of `within`, by path.
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
