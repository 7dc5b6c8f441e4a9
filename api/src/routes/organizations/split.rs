//! 分设: splitting organizations off from another, which continues.

use actix_web::{HttpResponse, post, web};
use chrono::NaiveDate;
use qiaojian_domain::Violation;
use qiaojian_domain::dates::{Precision, day};
use qiaojian_domain::ids::{ChangeId, OrganizationId};
use qiaojian_domain::violation::{NAME_CHARS, check_optional_line};
use qiaojian_store::areas;
use qiaojian_store::organizations::{self, Created, Item, Splitting};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::batch::{Wanted, read_items};
use super::create::to_record;
use super::turns::When;
use super::wire::{Organization, OrganizationInput};
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Body, Segment};
use crate::headers::{IdempotencyKey, IfMatch};
use crate::problem::ApiError;
use crate::wire::unknown_area;
use crate::write::{Reply, Write};

/// The fields that are determined by the split itself.
const GIVEN_BY_THE_SPLIT: [&str; 8] = [
    "status",
    "established_on",
    "established_precision",
    "unveiled_on",
    "unveiled_precision",
    "closed_on",
    "closed_precision",
    "reopenings",
];

/// The organizations to split off, the date and the reason.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"on": "2022-06-01", "reason": "分设", "into": [{"area": "340322", "kind": "federation", "name": "五河县侨联"}]}))]
pub struct SplitInput {
    /// When it happened (Asia/Shanghai); not after today. The new organizations are established on that day.
    #[serde(deserialize_with = "day::read")]
    on: NaiveDate,
    /// Defaults to `day`.
    #[serde(default)]
    precision: Option<Precision>,
    /// Required.
    #[serde(default)]
    #[schema(max_length = 2000)]
    reason: Option<String>,
    /// The number of the document.
    #[serde(default)]
    #[schema(max_length = 100)]
    doc_no: Option<String>,
    /// 1 to 200 items, each as in `POST /v1/organizations`, without status and dates.
    #[schema(value_type = Vec<OrganizationInput>, min_items = 1, max_items = 200)]
    into: Vec<Map<String, Value>>,
}

/// The organization that continues, and those that were split off.
#[derive(Debug, Serialize, ToSchema)]
pub struct SplitReply {
    original: Organization,
    results: Vec<Organization>,
}

/// Splits organizations off from an established one on a given day, with a reason.
///
/// The original continues unchanged.
///
/// The split appears in the histories of all of them. `errors` gives the position of each error in a new organization,
/// such as `/into/0/name`. The `ETag` is that of the organization that continues.
#[utoipa::path(
    tag = "organizations",
    security(("oauth" = ["org:write"])),
    params(
        ("id" = uuid::Uuid, Path, description = "The organization that continues"),
        IfMatch,
        IdempotencyKey
    ),
    request_body = SplitInput,
    responses(
        (status = 201, description = "Split", body = SplitReply),
        (status = 200, description = "All were already split off by the same items", body = SplitReply),
        (status = 409, description = "The organization is not established"),
        (status = 422, description = "A rule is violated by the request or a new organization; none was established")
    )
)]
#[post("/organizations/{id}/split")]
pub async fn split(
    app: web::Data<App>,
    caller: Caller<needs::OrgWrite>,
    id: Segment<OrganizationId>,
    write: Write,
    body: Body<SplitInput>,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    let mut violations = Vec::new();
    check_optional_line(&mut violations, "/doc_no", input.doc_no.as_deref(), NAME_CHARS);
    let items = established_by(input.into, (input.on, input.precision), &mut violations);
    if !violations.is_empty() {
        return Err(ApiError::invalid(violations));
    }
    let wanted = read_items(("/into", items), app.clock.as_ref(), app.entropy.as_ref())?;
    let when = When::of(input.on, input.precision, input.reason)?;
    let change = ChangeId::generate(app.clock.as_ref(), app.entropy.as_ref());
    let (caller, today, expected, id) = (caller.principal(), app.today(), write.version(), id.0);
    let doc_no = input.doc_no;
    write
        .run(&app, &digest, move |recording| {
            let codes = wanted.iter().map(|one| one.input.area.as_str());
            let areas = areas::by_codes(recording.conn(), &caller.visible, codes)?;
            let items: Vec<Item> = wanted
                .iter()
                .map(
                    |Wanted {
                         id: part,
                         digest,
                         input,
                     }| {
                        let area = areas.get(&input.area);
                        let area = area.ok_or_else(|| vec![unknown_area("/area")])?;
                        let digest = format!("split {id} {digest}");
                        Ok(to_record(&caller, (*part, &digest), input, area.clone()))
                    },
                )
                .collect();
            let splitting = Splitting {
                change,
                on: when.on,
                reason: when.reason.as_deref(),
                doc_no: doc_no.as_deref(),
                into: &items,
            };
            let (original, made) =
                organizations::split(recording, &caller.visible, id, expected, &splitting, today)?;
            let results = made
                .iter()
                .map(|(Created::New(found) | Created::Before(found))| Organization::of(found))
                .collect::<Result<_, _>>()?;
            let shown = SplitReply {
                original: Organization::of(&original)?,
                results,
            };
            let reply = Reply::made(&shown)?.of_version(original.organization.version);
            let all_before = made.iter().all(|one| matches!(one, Created::Before(_)));
            Ok(if all_before { reply.made_before() } else { reply })
        })
        .await
}

/// Converts the items to organizations to record on their own, established on the day of the split.
fn established_by(
    items: Vec<Map<String, Value>>,
    (on, precision): (NaiveDate, Option<Precision>),
    violations: &mut Vec<Violation>,
) -> Vec<Value> {
    let mut established = Vec::with_capacity(items.len());
    for (number, mut item) in items.into_iter().enumerate() {
        for field in GIVEN_BY_THE_SPLIT
            .iter()
            .filter(|field| item.contains_key(**field))
        {
            violations.push(Violation::new(
                format!("/into/{number}/{field}"),
                "given_by_split",
                "分设时不填状态和日期，以 on 为成立日期。",
                "Omit the status and the dates: new organizations are established on the day of the split, `on`.",
            ));
        }
        item.insert("status".to_owned(), json!("established"));
        item.insert("established_on".to_owned(), json!(on));
        item.insert(
            "established_precision".to_owned(),
            json!(precision.unwrap_or(Precision::Day)),
        );
        established.push(Value::Object(item));
    }
    established
}
