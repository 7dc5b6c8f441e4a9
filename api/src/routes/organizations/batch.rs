//! Recording many organizations at once, such as the 77 of 禹会区.

use actix_web::{HttpResponse, post, web};
use qiaojian_domain::Violation;
use qiaojian_domain::clock::{Clock, Entropy};
use qiaojian_domain::digest::digest_of;
use qiaojian_domain::ids::OrganizationId;
use qiaojian_domain::organization::later_status;
use qiaojian_store::areas;
use qiaojian_store::organizations::{self, Created, Item};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::create::to_record;
use super::wire::{Organization, OrganizationInput};
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Body, fit_input};
use crate::headers::IdempotencyKey;
use crate::problem::ApiError;
use crate::wire::{id_or_new, unknown_area};
use crate::write::{Reply, Write};

/// Maximum number of organizations per request, to keep the transaction short.
const MOST: usize = 200;

/// The organizations to record.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"items": [{"area": "340304", "kind": "federation", "name": "禹会区侨联"}]}))]
pub struct BatchInput {
    /// 1 to 200 items, each as in `POST /v1/organizations`.
    #[schema(value_type = Vec<OrganizationInput>, min_items = 1, max_items = 200)]
    items: Vec<Value>,
}

/// The recorded organizations, in the order of the request.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchReply {
    items: Vec<Organization>,
}

/// One organization of the request.
pub(super) struct Wanted {
    pub id: OrganizationId,
    /// The digest of the item alone, independent of the rest of the request.
    pub digest: String,
    pub input: OrganizationInput,
}

/// Records up to 200 organizations in the caller's subtree, all of them or none.
///
/// Each is checked as by `POST /v1/organizations`, and `errors` lists everything that is wrong with any of them, with
/// its position, such as `/items/3/name`. If an organization was already created with the same `id` and the same item,
/// it stays as it is now; the status is 200 if that applies to all items.
#[utoipa::path(
    tag = "organizations",
    security(("oauth" = ["org:write"])),
    request_body = BatchInput,
    params(IdempotencyKey),
    responses(
        (status = 201, description = "Recorded", body = BatchReply),
        (status = 200, description = "All were already recorded by the same items", body = BatchReply),
        (status = 422, description = "An item violates a rule, already exists or is a duplicate; none was recorded")
    )
)]
#[post("/organizations/batch")]
pub async fn batch(
    app: web::Data<App>,
    caller: Caller<needs::OrgWrite>,
    write: Write,
    body: Body<BatchInput>,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    let wanted = read_items(("/items", input.items), app.clock.as_ref(), app.entropy.as_ref())?;
    let (caller, today) = (caller.principal(), app.today());
    write
        .run(&app, &digest, move |recording| {
            let codes = wanted.iter().map(|one| one.input.area.as_str());
            let areas = areas::by_codes(recording.conn(), &caller.visible, codes)?;
            let items: Vec<Item> = wanted
                .iter()
                .map(|Wanted { id, digest, input }| {
                    if let Some(violation) = later_status(input.status) {
                        return Err(vec![violation]);
                    }
                    let area = areas.get(&input.area);
                    let area = area.ok_or_else(|| vec![unknown_area("/area")])?;
                    Ok(to_record(&caller, (*id, digest), input, area.clone()))
                })
                .collect();
            let made = organizations::create_all(recording, &caller.visible, ("/items", &items), today)?;
            let all_before = made.iter().all(|one| matches!(one, Created::Before(_)));
            let items = made
                .iter()
                .map(|(Created::New(found) | Created::Before(found))| Organization::of(found))
                .collect::<Result<_, _>>()?;
            let reply = Reply::made(&BatchReply { items })?;
            Ok(if all_before { reply.made_before() } else { reply })
        })
        .await
}

/// Reads each item of the list at `pointer`, and reports the parse errors of all items.
pub(super) fn read_items(
    (pointer, items): (&'static str, Vec<Value>),
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<Vec<Wanted>, ApiError> {
    if items.is_empty() || items.len() > MOST {
        return Err(ApiError::invalid(vec![Violation::new(
            pointer,
            "out_of_range",
            format!("每次 1 至 {MOST} 项，现有 {} 项。", items.len()),
            format!("Send 1 to {MOST} items; there are {}.", items.len()),
        )]));
    }
    let mut wanted = Vec::with_capacity(items.len());
    let mut malformed = Vec::new();
    for (number, item) in items.into_iter().enumerate() {
        let digest = digest_of(&item)?;
        let read = fit_input::<OrganizationInput>(item)
            .and_then(|input| Ok((id_or_new(input.id, clock, entropy)?, input)));
        match read {
            Ok((id, input)) => wanted.push(Wanted { id, digest, input }),
            Err(error) => {
                let place = format!("{pointer}/{number}");
                let found = error.into_violations().into_iter();
                malformed.extend(found.map(|violation| violation.under(&place)));
            }
        }
    }
    if malformed.is_empty() {
        Ok(wanted)
    } else {
        Err(ApiError::bad_request(malformed))
    }
}
