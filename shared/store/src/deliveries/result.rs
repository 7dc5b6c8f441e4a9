//! Records the result of a send and its consequences.

use diesel::dsl::{exists, select};
use diesel::prelude::*;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::delivery::{
    AttemptOutcome, Channel, DeliveryState, DeliveryVerb, NextStep, OnUncertain, SendResult, after_doubt,
    back_off, next_delay,
};
use qiaojian_domain::ids::{DeliveryId, EndpointId, NodeId};
use qiaojian_domain::mask::mask_addresses;
use qiaojian_domain::{RefusedTransition, StateMachine};

use super::Outgoing;
use crate::db::AnyConnection;
use crate::db::schema::{deliveries, delivery_attempts};
use crate::{StoreResult, endpoints};

/// Maximum length of the stored response from the other server, in characters.
const DETAIL_CHARS: usize = 500;

/// The properties of a `sending` delivery that its result depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable)]
pub struct InFlight {
    /// The delivery and its lease generation.
    pub claimed: (DeliveryId, i64),
    /// Number of earlier attempts that count.
    pub attempt: i32,
    /// Number of earlier attempts with an unknown result.
    pub uncertain_count: i32,
    pub channel: Channel,
    pub endpoint: EndpointId,
    pub on_uncertain: OnUncertain,
}

impl From<&Outgoing> for InFlight {
    fn from(outgoing: &Outgoing) -> Self {
        Self {
            claimed: (outgoing.delivery.id, outgoing.delivery.lease_gen),
            attempt: outgoing.delivery.attempt,
            uncertain_count: outgoing.delivery.uncertain_count,
            channel: outgoing.endpoint.channel,
            endpoint: outgoing.endpoint.id,
            on_uncertain: outgoing.endpoint.on_uncertain,
        }
    }
}

/// The consequence of a result: the new state, the wait before the next attempt, whether the attempt counts, and the
/// effect on the endpoint.
struct Consequence {
    state: DeliveryState,
    not_before: Option<UtcTime>,
    counts: bool,
    endpoint: Option<NextStep>,
}

fn consequence(
    flight: &InFlight,
    result: &SendResult,
    random: u32,
    now: UtcTime,
) -> Result<Consequence, RefusedTransition> {
    use DeliveryVerb as V;
    let tries = flight.attempt.saturating_add(1);
    let sending = DeliveryState::Sending;
    let to = |verb, not_before, counts, endpoint| {
        Ok(Consequence {
            state: sending.after(verb)?,
            not_before,
            counts,
            endpoint,
        })
    };
    match result {
        SendResult::Sent(_) => to(V::Succeed, None, true, None),
        SendResult::Failed { class, wait, .. } => {
            let next = next_delay(tries, *class, *wait, flight.channel, random);
            let endpoint = class.blames_endpoint().then_some(next);
            match next {
                NextStep::Retry(after) => to(V::Retry, Some(now.plus(after)), true, endpoint),
                NextStep::Wait(pause) => to(V::Retry, Some(now.plus(pause)), false, endpoint),
                NextStep::PauseEndpoint => to(V::Retry, Some(now), false, endpoint),
                NextStep::GiveUp => to(V::GiveUp, None, true, None),
            }
        }
        SendResult::Uncertain(_) => {
            let doubts = flight.uncertain_count.saturating_add(1);
            let verb = after_doubt(flight.on_uncertain, doubts);
            Ok(Consequence {
                state: sending.after(V::Doubt)?.after(verb)?,
                not_before: (verb == V::Resend).then(|| now.plus(back_off(tries, random))),
                counts: true,
                endpoint: None,
            })
        }
    }
}

/// Stores the result of a send, with mail addresses masked, and applies it. Calling it again, because the response to
/// the commit was lost, returns the same answer and changes nothing. `false` means that the delivery belongs to another
/// worker, and its result is only in the log.
///
/// # Errors
/// Returns an error if the database fails.
pub fn record_result(
    conn: &mut AnyConnection,
    flight: &InFlight,
    result: &SendResult,
    random: u32,
    now: UtcTime,
) -> StoreResult<bool> {
    let Consequence {
        state,
        not_before,
        counts,
        endpoint,
    } = consequence(flight, result, random, now)?;
    let (id, lease_gen) = flight.claimed;
    let detail = fit_to_keep(result.detail());
    let sent = matches!(result, SendResult::Sent(_));
    let uncertain = matches!(result, SendResult::Uncertain(_));
    let failure = (!sent).then_some(result.outcome());
    let updated = diesel::update(deliveries::table.find(id))
        .filter(deliveries::lease_gen.eq(lease_gen))
        .filter(deliveries::state.eq(DeliveryState::Sending))
        .set((
            deliveries::state.eq(state),
            not_before.map(|at| deliveries::not_before.eq(at)),
            deliveries::attempt.eq(deliveries::attempt + i32::from(counts)),
            deliveries::uncertain_count.eq(deliveries::uncertain_count + i32::from(uncertain)),
            deliveries::lease_owner.eq(None::<NodeId>),
            deliveries::lease_until.eq(None::<UtcTime>),
            deliveries::sent_at.eq(sent.then_some(now)),
            deliveries::last_class.eq(failure),
            deliveries::last_error.eq((!sent).then_some(&detail)),
            deliveries::updated_at.eq(now),
            deliveries::version.eq(deliveries::version + 1),
        ))
        .execute(conn)?;
    if updated != 1 {
        return Ok(is_kept(conn, flight.claimed, result.outcome(), &detail)?);
    }
    diesel::update(delivery_attempts::table.find((id, lease_gen)))
        .set((
            delivery_attempts::ended_at.eq(now),
            delivery_attempts::outcome.eq(result.outcome()),
            delivery_attempts::detail.eq(&detail),
        ))
        .execute(conn)?;
    match endpoint {
        Some(next) => endpoints::note_failure(conn, flight.endpoint, now, next, &detail)?,
        None if sent => endpoints::note_success(conn, flight.endpoint, now)?,
        None => (),
    }
    Ok(true)
}

/// Returns the response without addresses, on one line, and cut to the maximum length.
fn fit_to_keep(detail: &str) -> String {
    mask_addresses(detail)
        .chars()
        .filter(|c| !c.is_control())
        .take(DETAIL_CHARS)
        .collect()
}

/// Returns whether this result of this attempt was already stored. The attempt belongs to the lease generation, so it
/// cannot be confused with a later one; one that another worker ended as uncertain has a different text.
fn is_kept(
    conn: &mut AnyConnection,
    (id, lease_gen): (DeliveryId, i64),
    outcome: AttemptOutcome,
    detail: &str,
) -> QueryResult<bool> {
    let kept = delivery_attempts::table
        .find((id, lease_gen))
        .filter(delivery_attempts::ended_at.is_not_null())
        .filter(delivery_attempts::outcome.eq(outcome))
        .filter(delivery_attempts::detail.eq(detail));
    select(exists(kept)).get_result(conn)
}
