//! The transitions that approve or withdraw a bulletin.

use actix_web::{HttpResponse, post, web};
use qiaojian_domain::bulletin::BulletinVerb;
use qiaojian_domain::ids::BulletinId;
use qiaojian_store::bulletins::{self, BulletinRow};
use qiaojian_store::{Recording, unless_stale};

use super::wire::Bulletin;
use crate::app::App;
use crate::auth::{Caller, Principal, needs};
use crate::extract::{Body, NoInput, Segment};
use crate::headers::{IdempotencyKey, IfMatch};
use crate::problem::ApiError;
use crate::write::{Reply, Write};

/// Returns the bulletin if it belongs to the caller's own area and has the version that the caller read.
pub fn own(
    recording: &mut Recording<'_, '_>,
    caller: &Principal,
    id: BulletinId,
    expected: Option<i64>,
) -> Result<BulletinRow, ApiError> {
    let found = bulletins::find_seen(recording.conn(), &caller.visible, id)?.bulletin;
    if found.issuer_area_id != caller.area {
        return Err(ApiError::not_yours(
            "只有发文地区可以核准、发布或撤回通报。",
            "Only the area that issues a bulletin may approve, publish or withdraw it.",
        ));
    }
    unless_stale(expected, found.version)?;
    Ok(found)
}

async fn step(
    app: web::Data<App>,
    caller: Caller<needs::BulletinPublish>,
    id: BulletinId,
    write: Write,
    body: Body<NoInput>,
    verb: BulletinVerb,
) -> Result<HttpResponse, ApiError> {
    let (caller, expected) = (caller.principal(), write.version());
    write
        .run(&app, &body.digest, move |recording| {
            let found = own(recording, &caller, id, expected)?;
            let row = match verb {
                BulletinVerb::Approve => bulletins::approve(recording, id)?,
                BulletinVerb::Withdraw => bulletins::withdraw(recording, id)?,
                // Publishing is handled elsewhere. Superseding is done by a corrected revision and never requested.
                BulletinVerb::Publish | BulletinVerb::Supersede => found,
            };
            let seen = bulletins::find_seen(recording.conn(), &caller.visible, id)?;
            Reply::ok(row.version, &Bulletin::of(seen)?)
        })
        .await
}

macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident $verb:ident $path:literal;)+) => {$(
        $(#[$doc])*
        #[utoipa::path(
            tag = "bulletins",
            security(("oauth" = ["bulletin:publish"])),
            params(
                ("id" = uuid::Uuid, Path, description = "The bulletin"),
                IfMatch,
                IdempotencyKey
            ),
            request_body = NoInput,
            responses(
                (status = 200, description = "Done", body = Bulletin),
                (status = 403, description = "The bulletin belongs to another area"),
                (status = 404, description = "Not found, or neither issued by nor addressed to the caller's subtree"),
                (status = 409, description = "The current state does not allow it")
            )
        )]
        #[post($path)]
        pub async fn $name(
            app: web::Data<App>,
            caller: Caller<needs::BulletinPublish>,
            id: Segment<BulletinId>,
            write: Write,
            body: Body<NoInput>,
        ) -> Result<HttpResponse, ApiError> {
            step(app, caller, id.0, write, body, BulletinVerb::$verb).await
        }
    )+};
}

steps! {
    /// Approves a draft for publication (核准).
    approve Approve "/bulletins/{id}/approve";
    /// Withdraws a bulletin before it is published (撤回).
    ///
    /// Composing it again reuses the row.
    withdraw Withdraw "/bulletins/{id}/withdraw";
}
