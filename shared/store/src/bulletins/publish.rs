//! Publication: assigns the serial, freezes every rendering of each notice, and queues a delivery per notice and
//! endpoint.

use diesel::dsl::{exists, max, select};
use diesel::prelude::*;
use qiaojian_documents::page::{self, Frozen, PageError, addressee};
use qiaojian_documents::progress::{Digests, Letterhead};
use qiaojian_domain::access::Post;
use qiaojian_domain::bulletin::{BulletinState, BulletinVerb};
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::delivery::lifetime;
use qiaojian_domain::ids::{AreaId, BulletinId, DeliveryId};
use qiaojian_domain::{Conflict, Noun, StateMachine};

use super::{BulletinRow, Mint, audit, by_id};
use crate::areas::{self, AreaVersion};
use crate::db::AnyConnection;
use crate::db::schema::{bulletins, endpoints as endpoints_table, notices as notices_table};
use crate::deliveries;
use crate::endpoints;
use crate::ledger::Recording;
use crate::notices::{self, NoticeRow, Undeliverable};
use crate::{StoreError, StoreResult};

/// Publishes an approved bulletin: assigns its serial, freezes its documents, and queues one delivery per notice and
/// endpoint. The ledger clock is locked, so two publications never take the same serial. Bulletins of one series are
/// published in order of their periods.
///
/// # Errors
/// [`StoreError::Conflict`] `earlier_period_waits` while one of an earlier period is a draft or approved,
/// [`StoreError::Refused`], [`StoreError::NotFound`], or a database error.
pub fn publish(
    recording: &mut Recording<'_, '_>,
    mint: Mint<'_>,
    id: BulletinId,
) -> StoreResult<BulletinRow> {
    let mut row = by_id(recording.conn(), id)?;
    row.state = row.state.after(BulletinVerb::Publish)?;
    let series = || {
        bulletins::table
            .filter(bulletins::issuer_area_id.eq(row.issuer_area_id))
            .filter(bulletins::program_id.eq(row.program_id))
            .filter(bulletins::kind.eq(row.kind))
            .filter(bulletins::period_unit.eq(row.period_unit))
    };
    let earlier = series()
        .filter(bulletins::subject.eq(&row.subject))
        .filter(bulletins::period.lt(row.period))
        .filter(bulletins::state.eq_any([BulletinState::Draft, BulletinState::Approved]));
    if select(exists(earlier)).get_result(recording.conn())? {
        return Err(StoreError::Conflict(Conflict::EarlierPeriodWaits));
    }
    let last: Option<i32> = series().select(max(bulletins::serial)).first(recording.conn())?;
    let now = recording.now();
    row.serial = Some(last.unwrap_or(0) + 1);
    // Uses the ledger clock, so that no two publications have the same time and the order of the inbox is unique.
    row.published_at = Some(recording.recorded().at);
    row.version += 1;
    row.updated_at = now;
    diesel::update(bulletins::table.find(id))
        .set((
            bulletins::state.eq(row.state),
            bulletins::serial.eq(row.serial),
            bulletins::published_at.eq(row.published_at),
            bulletins::version.eq(row.version),
            bulletins::updated_at.eq(row.updated_at),
        ))
        .execute(recording.conn())?;
    let notices = write_pages(recording.conn(), &row)?;
    queue_deliveries(recording.conn(), mint, &row, &notices, now)?;
    audit(recording, "publish", &row)?;
    Ok(row)
}

/// Renders all notices of a bulletin in every format, with the row's current serial and date.
pub(super) fn write_pages(conn: &mut AnyConnection, bulletin: &BulletinRow) -> StoreResult<Vec<NoticeRow>> {
    let notices = notices::of_bulletin(conn, bulletin.id)?;
    let areas = areas::as_last_known(conn, notices.iter().map(|notice| notice.area_id))?;
    for notice in &notices {
        let area = areas
            .get(&notice.area_id)
            .ok_or(StoreError::NotFound(Noun::Area))?;
        let page = with_letterhead(bulletin, notice, &area.name, page::html)?;
        let text = with_letterhead(bulletin, notice, &area.name, page::text)?;
        diesel::update(notices_table::table.find(notice.id))
            .set((notices_table::html.eq(page), notices_table::text.eq(text)))
            .execute(conn)?;
    }
    Ok(notices)
}

pub(super) fn with_letterhead(
    bulletin: &BulletinRow,
    notice: &NoticeRow,
    area_name: &str,
    render: impl Fn(&Letterhead<'_>, &Frozen<'_>) -> Result<String, PageError>,
) -> Result<String, PageError> {
    let recipient_name = addressee(area_name, notice.post);
    let letterhead = Letterhead {
        serial: bulletin.serial,
        title: &notice.title,
        published_on: bulletin.published_at.map(UtcTime::date_in_shanghai),
        late_since: bulletin.late_since(),
        recipient_name: &recipient_name,
    };
    let digests = Digests {
        common: &bulletin.digest,
        own: &notice.digest,
    };
    let frozen = Frozen {
        kind: bulletin.kind,
        common: &bulletin.figures,
        own: &notice.figures,
        digests,
    };
    render(&letterhead, &frozen)
}

/// Queues one delivery per notice and endpoint; records the reason for a notice without an endpoint.
fn queue_deliveries(
    conn: &mut AnyConnection,
    mint: Mint<'_>,
    bulletin: &BulletinRow,
    notices: &[NoticeRow],
    now: UtcTime,
) -> StoreResult<()> {
    let recipients: Vec<AreaId> = notices.iter().map(|notice| notice.area_id).collect();
    let endpoints = endpoints::receiving(conn, &recipients)?;
    let expires_at = now.plus(lifetime(bulletin.period.unit()));
    for notice in notices {
        let mut reached = false;
        let own = |endpoint: &&endpoints::EndpointRow| {
            endpoint.area_id == notice.area_id && endpoint.post == notice.post
        };
        for endpoint in endpoints.iter().filter(own) {
            let id = DeliveryId::generate(mint.clock, mint.entropy);
            deliveries::queue(conn, id, notice.id, endpoint, now, expires_at)?;
            reached = true;
        }
        if !reached {
            let reason = undeliverable_reason(conn, notice.area_id, notice.post)?;
            let id = DeliveryId::generate(mint.clock, mint.entropy);
            deliveries::cannot_reach(conn, id, notice.id, reason, now, expires_at)?;
            tracing::warn!(notice = %notice.id, area = %notice.area_id, %reason, "A notice has no endpoint that can receive it.");
            diesel::update(notices_table::table.find(notice.id))
                .set(notices_table::undeliverable_reason.eq(reason.as_str()))
                .execute(conn)?;
        }
    }
    Ok(())
}

/// Returns the recipients of a bulletin that have no usable endpoint, with the reason, by area.
///
/// # Errors
/// Returns an error if the database fails.
pub fn unreachable(
    conn: &mut AnyConnection,
    id: BulletinId,
) -> StoreResult<Vec<(AreaVersion, Post, Undeliverable)>> {
    let notices = notices::of_bulletin(conn, id)?;
    let recipients: Vec<AreaId> = notices.iter().map(|notice| notice.area_id).collect();
    let receiving = endpoints::receiving(conn, &recipients)?;
    let areas = areas::as_last_known(conn, recipients)?;
    let mut found = Vec::new();
    for notice in &notices {
        let is_reached = receiving
            .iter()
            .any(|endpoint| endpoint.area_id == notice.area_id && endpoint.post == notice.post);
        if is_reached {
            continue;
        }
        let area = areas
            .get(&notice.area_id)
            .ok_or(StoreError::NotFound(Noun::Area))?;
        let why = undeliverable_reason(conn, notice.area_id, notice.post)?;
        found.push((area.clone(), notice.post, why));
    }
    found.sort_by(|(one, ..), (two, ..)| one.path.cmp(&two.path));
    Ok(found)
}

fn undeliverable_reason(conn: &mut AnyConnection, area: AreaId, post: Post) -> QueryResult<Undeliverable> {
    let known: i64 = endpoints_table::table
        .filter(endpoints_table::area_id.eq(area))
        .filter(endpoints_table::post.eq(post))
        .count()
        .get_result(conn)?;
    Ok(if known == 0 {
        Undeliverable::NoEndpoint
    } else {
        Undeliverable::EndpointsDisabled
    })
}

impl From<PageError> for StoreError {
    fn from(error: PageError) -> Self {
        match error {
            PageError::NoDocument(_) => Self::Conflict(Conflict::NoDocument),
            PageError::LaterFormat(_) => Self::Conflict(Conflict::LaterFormat),
            PageError::Unreadable(error) => Self::Json(error),
        }
    }
}
