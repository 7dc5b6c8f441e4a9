//! The recorded history of an organization.

use std::collections::HashMap;

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::NaiveDate;
use qiaojian_domain::area::Level;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::dates::Precision;
use qiaojian_domain::ids::{AreaId, ChangeId, OrganizationId};
use qiaojian_domain::organization::{ChangeKind, Part};
use qiaojian_store::areas;
use qiaojian_store::db::{AnyConnection, snapshot};
use qiaojian_store::organizations::{self, ChangeRow, Event, OrganizationInArea, OrganizationVersion};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::wire::OrganizationInput;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Params, Segment};
use crate::page::{self, Page, Window};
use crate::problem::ApiError;
use crate::wire::{PageParams, PostRef};

/// One recorded event.
#[derive(Debug, Serialize, ToSchema)]
pub struct HistoryEvent {
    /// Its ledger position.
    pub seq: i64,
    /// When the system recorded it. It is visible at a `known_at` from this time on.
    pub at: UtcTime,
    /// `create`, `update` (a correction), `delete`, `verify`, `reject`, or the name of another transition.
    #[schema(example = "establish")]
    pub verb: String,
    /// The area and post that recorded it; `null` if the system did.
    pub by: Option<PostRef>,
    /// The resulting version.
    pub version: Option<i64>,
    /// The first day on which the change applies.
    pub valid_from: Option<NaiveDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The changed fields.
    pub changes: Vec<Change>,
    /// For a merger or split: the organizations before and after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_event: Option<ChangeEvent>,
}

/// A merger or split (an `org:ChangeEvent` of the W3C's ORG vocabulary). Organizations that the caller may not see are
/// omitted.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangeEvent {
    pub id: ChangeId,
    pub kind: ChangeKind,
    pub on: NaiveDate,
    pub precision: Precision,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doc_no: Option<String>,
    /// The organizations before (`org:originalOrganization`).
    pub originals: Vec<OrganizationRef>,
    /// The organizations after (`org:resultingOrganization`): for a merger the one that continues, for a split those
    /// that were split off.
    pub results: Vec<OrganizationRef>,
}

/// A reference to an organization, as currently known.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrganizationRef {
    pub id: OrganizationId,
    pub name: String,
    /// The code of its area.
    pub area: String,
}

/// A changed field.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = FieldChange)]
pub struct Change {
    #[schema(example = "established_on")]
    pub field: String,
    /// `null` if there was no value.
    pub before: Value,
    /// `null` if the value was removed.
    pub after: Value,
}

/// Lists every recorded event of an organization in the caller's subtree, oldest first.
///
/// Each event says who recorded it, when, and what changed. Voided organizations are included, with the reason.
#[utoipa::path(
    tag = "organizations",
    security(("oauth" = ["org:read"])),
    params(("id" = uuid::Uuid, Path, description = "The organization"), PageParams),
    responses(
        (status = 200, description = "A page of the history", body = Page<HistoryEvent>)
    )
)]
#[get("/organizations/{id}/history")]
pub async fn history(
    app: web::Data<App>,
    caller: Caller<needs::OrgRead>,
    id: Segment<OrganizationId>,
    request: HttpRequest,
    params: Params<PageParams>,
) -> Result<HttpResponse, ApiError> {
    let window = Window::<i64>::new(&request, params.limit, params.cursor.as_deref())?;
    let caller = caller.principal();
    let page = app
        .read_slow(move |conn| {
            snapshot(conn, |conn| {
                let events =
                    organizations::history(conn, &caller.visible, id.0, window.after, window.fetch())?;
                let codes = codes_of(conn, &events)?;
                let why_void = organizations::void_reason(conn, id.0)?;
                let page = window.page(events, |event| event.seq, |event| show(event, &codes))?;
                let mut page = page.transpose()?;
                for event in page.items.iter_mut().filter(|event| event.verb == "delete") {
                    event.reason.clone_from(&why_void);
                }
                Ok::<_, ApiError>(page)
            })
        })
        .await?;
    Ok(page::reply(&request, &page))
}

fn codes_of(conn: &mut AnyConnection, events: &[Event]) -> Result<HashMap<AreaId, String>, ApiError> {
    let rows = events
        .iter()
        .flat_map(|event| event.before.iter().chain(&event.after));
    let stood = rows.map(|row| row.area_id);
    let recorders = events.iter().filter_map(|event| event.by.map(|(area, _)| area));
    Ok(areas::codes(conn, stood.chain(recorders))?)
}

fn show(event: Event, codes: &HashMap<AreaId, String>) -> Result<HistoryEvent, ApiError> {
    let code = |area: AreaId| codes.get(&area).cloned().unwrap_or_else(|| area.to_string());
    let fields = |row: &Option<OrganizationVersion>| match row {
        None => Ok(Map::new()),
        Some(row) => fields_of(row, code(row.area_id)),
    };
    let changes = differences(&fields(&event.before)?, &fields(&event.after)?);
    let after = event.after.as_ref();
    let told = event.change.as_ref().map(|(change, _)| change.reason.clone());
    Ok(HistoryEvent {
        seq: event.seq,
        at: event.at,
        by: event.by.map(|(area, post)| PostRef {
            area: code(area),
            post,
        }),
        version: after.map(|row| row.version),
        valid_from: after.map(|row| row.valid_from),
        reason: after.and_then(|row| match event.verb.as_str() {
            "verify" | "reject" => row.verification_reason.clone(),
            "update" => row.reason.clone(),
            _ => told.or_else(|| row.reason.clone()),
        }),
        verb: event.verb,
        changes,
        change_event: event.change.map(show_change),
    })
}

fn show_change((change, parts): (ChangeRow, Vec<(OrganizationInArea, Part)>)) -> ChangeEvent {
    let these = |wanted: Part| {
        parts
            .iter()
            .filter(|(_, part)| *part == wanted)
            .map(|(found, _)| OrganizationRef {
                id: found.organization.organization_id,
                name: found.organization.name.clone(),
                area: found.area_code.clone(),
            })
            .collect()
    };
    ChangeEvent {
        id: change.id,
        kind: change.kind,
        on: change.on_date,
        precision: change.on_precision,
        originals: these(Part::Original),
        results: these(Part::Result),
        doc_no: change.doc_no,
    }
}

/// Returns the fields that a client would send to create this version, plus the verification status.
fn fields_of(row: &OrganizationVersion, area_code: String) -> Result<Map<String, Value>, ApiError> {
    let found = OrganizationInArea {
        organization: row.clone(),
        level: Level::of_code(&area_code).unwrap_or(Level::Village),
        area_path: String::new(),
        area_code,
    };
    let mut fields = match serde_json::to_value(OrganizationInput::of(&found)?)? {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    fields.insert("verification".to_owned(), serde_json::to_value(row.verification)?);
    Ok(fields)
}

fn differences(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<Change> {
    let gone = before
        .iter()
        .filter(|(field, _)| !after.contains_key(*field))
        .map(|(field, value)| Change {
            field: field.clone(),
            before: value.clone(),
            after: Value::Null,
        });
    let other = after.iter().filter_map(|(field, value)| {
        let known = before.get(field).cloned().unwrap_or(Value::Null);
        (known != *value).then(|| Change {
            field: field.clone(),
            before: known,
            after: value.clone(),
        })
    });
    let mut changes: Vec<Change> = gone.chain(other).collect();
    changes.sort_by(|one, next| one.field.cmp(&next.field));
    changes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_came_what_went_and_what_changed() {
        let map = |value: Value| value.as_object().unwrap().clone();
        let before = map(json!({"name": "站", "note": "x", "kind": "work_station"}));
        let after = map(json!({"name": "侨联", "kind": "work_station", "established_on": "2022-03-31"}));
        let change = |field: &str, before: Value, after: Value| Change {
            field: field.to_owned(),
            before,
            after,
        };
        assert_eq!(
            differences(&before, &after),
            [
                change("established_on", Value::Null, json!("2022-03-31")),
                change("name", json!("站"), json!("侨联")),
                change("note", json!("x"), Value::Null),
            ]
        );
        assert!(differences(&before, &before).is_empty());
    }
}
