//! Composing a bulletin manually that a schedule would compose.

use std::sync::Arc;

use actix_web::{HttpResponse, post, web};
use qiaojian_domain::Violation;
use qiaojian_domain::access::Post;
use qiaojian_domain::period::Period;
use qiaojian_domain::program::Cohort;
use qiaojian_domain::schedule::Approval;
use qiaojian_store::bulletins::{self, BulletinKey, Mint};
use qiaojian_store::composition;
use qiaojian_store::db::snapshot;
use qiaojian_store::schedules::{self, Recipients};

use super::wire::{Bulletin, BulletinInput, no_document};
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::Body;
use crate::headers::IdempotencyKey;
use crate::problem::ApiError;
use crate::routes::programs::meant;
use crate::write::{Reply, Write};

/// The default recipients of a bulletin without a schedule.
const RECIPIENTS: Recipients = Recipients {
    cohort: Cohort::Pilot,
    post: Post::Federation,
};

/// Composes the bulletin of the caller's area for a period as a draft, as a schedule would.
///
/// Composing again recomputes a draft or withdrawn bulletin in the same row; an approved or published one is returned
/// unchanged. The recipients are those of a schedule of the same programme and kind, or by default the federations of
/// the pilot cities.
#[utoipa::path(
    tag = "bulletins",
    security(("oauth" = ["bulletin:publish"])),
    params(IdempotencyKey),
    request_body = BulletinInput,
    responses(
        (status = 201, description = "Composed", body = Bulletin),
        (status = 200, description = "It already existed, and was recomputed if it was a draft or withdrawn", body = Bulletin),
        (status = 409, description = "The cohort contains no city"),
        (status = 422, description = "The programme belongs to another area, the kind has no document, or the period is in the future")
    )
)]
#[post("/bulletins")]
pub async fn create(
    app: web::Data<App>,
    caller: Caller<needs::BulletinPublish>,
    write: Write,
    body: Body<BulletinInput>,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    let today = app.today();
    let violations: Vec<Violation> = no_document("/kind", input.kind)
        .into_iter()
        .chain((input.period.first_day() > today).then(|| not_begun(input.period)))
        .collect();
    if !violations.is_empty() {
        return Err(ApiError::invalid(violations));
    }
    let caller = caller.principal();
    let asking = Arc::clone(&caller);
    let (key, content) = app
        .db
        .read_slow(move |conn| {
            snapshot(conn, |conn| {
                let key = BulletinKey {
                    issuer: asking.area,
                    program: meant::find_own(conn, input.program, &asking, today)?.program_id,
                    kind: input.kind,
                    subject: String::new(),
                    period: input.period,
                };
                let recipients = schedules::recipients_by_schedule(conn, &key)?.unwrap_or(RECIPIENTS);
                let content = composition::compose(conn, &key, &recipients, today)?;
                Ok::<_, ApiError>((key, content))
            })
        })
        .await?;
    let (clock, entropy) = (Arc::clone(&app.clock), Arc::clone(&app.entropy));
    write
        .run(&app, &digest, move |recording| {
            let mint = Mint {
                clock: clock.as_ref(),
                entropy: entropy.as_ref(),
            };
            let terms = (Approval::Required, schedules::due_on(recording.conn(), &key)?);
            let row = bulletins::compose(recording, mint, &key, &content, terms)?;
            let is_new = row.version == 1;
            let seen = bulletins::find_seen(recording.conn(), &caller.visible, row.id)?;
            let location = format!("/v1/bulletins/{}", row.id);
            let reply = Reply::created(location, row.version, &Bulletin::of(seen)?)?;
            Ok(if is_new { reply } else { reply.made_before() })
        })
        .await
}

fn not_begun(period: Period) -> Violation {
    Violation::new(
        "/period",
        "period_not_begun",
        format!("周期 {period} 尚未开始。"),
        format!("The period {period} has not begun."),
    )
}
