//! What becomes of a delivery by what the other side says, and who may touch it.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::future::join_all;
use qiaojian_domain::Noun;
use qiaojian_domain::clock::{Clock as _, OsEntropy};
use qiaojian_domain::delivery::{
    AttemptOutcome, Channel, DeliveryState, EndpointStatus, FailureClass, OnUncertain, SendResult,
};
use qiaojian_domain::ids::{DeliveryId, NodeId};
use qiaojian_domain::schedule::Approval;
use qiaojian_store::areas::Subtree;
use qiaojian_store::db::DbError;
use qiaojian_store::db::dialect::{Claim, Claimed, claim_deliveries};
use qiaojian_store::deliveries::{self, InFlight, Outgoing};
use qiaojian_store::{StoreError, endpoints};
use qiaojian_tests::Backend;
use qiaojian_worker::{Answer, Courier};
use rstest_reuse::apply;

use super::office::{CITIES, Office, Recorder, count, until_idle, with_office};
use crate::both_databases;

/// An office with one bulletin on its way to one endpoint.
async fn one_delivery(office: &Office, on_uncertain: OnUncertain) -> qiaojian_domain::ids::EndpointId {
    let endpoint = office.endpoint("340300", Channel::File, on_uncertain).await;
    let mut plan = Office::campaign();
    plan.starts_period = "2022-05".parse().unwrap();
    plan.ends_period = Some("2022-05".parse().unwrap());
    office.schedule(plan, Approval::Automatic).await;
    endpoint.id
}

fn failed(class: FailureClass) -> SendResult {
    SendResult::failed(class, "the other side said so")
}

#[apply(both_databases)]
fn a_failure_for_now_is_tried_again_later_and_leaves_evidence(#[case] backend: Backend) {
    with_office(backend, async |office| {
        let endpoint = one_delivery(office, OnUncertain::Resend).await;
        let recorder =
            Recorder::answering([failed(FailureClass::Transient), failed(FailureClass::Transient)]);
        let worker = office.worker().with_courier(Channel::File, recorder.clone());
        until_idle(&worker).await;
        let waiting = office.the_delivery().await;
        assert_eq!((waiting.state, waiting.attempt), (DeliveryState::Queued, 1));
        assert_eq!(waiting.last_class, Some(AttemptOutcome::Transient));
        assert!(waiting.not_before > office.clock.now());
        assert_eq!(office.endpoint_row(endpoint).await.fail_streak, 1);
        for _ in 0..2 {
            office.advance(TimeDelta::minutes(1));
            until_idle(&worker).await;
        }
        let sent = office.the_delivery().await;
        assert_eq!(
            (sent.state, sent.attempt, sent.last_class),
            (DeliveryState::Sent, 3, None)
        );
        let attempts = office.read(move |conn| deliveries::attempts(conn, sent.id)).await;
        let outcomes: Vec<_> = attempts.iter().map(|row| (row.attempt, row.outcome)).collect();
        let transient = Some(AttemptOutcome::Transient);
        assert_eq!(
            outcomes,
            [(1, transient), (2, transient), (3, Some(AttemptOutcome::Sent))]
        );
        assert_eq!(office.endpoint_row(endpoint).await.fail_streak, 0);
    });
}

#[apply(both_databases)]
fn too_much_blocks_the_endpoint_and_costs_no_try(#[case] backend: Backend) {
    with_office(backend, async |office| {
        let endpoint = one_delivery(office, OnUncertain::Resend).await;
        let limited = SendResult::Failed {
            class: FailureClass::Limited,
            wait: Some(TimeDelta::seconds(120)),
            detail: "429".to_owned(),
        };
        let recorder = Recorder::answering([limited]);
        let worker = office.worker().with_courier(Channel::File, recorder.clone());
        until_idle(&worker).await;
        assert_eq!(office.the_delivery().await.attempt, 0);
        let blocked = office.endpoint_row(endpoint).await.blocked_until.unwrap();
        assert_eq!(blocked, office.clock.now().plus(TimeDelta::seconds(120)));
        office.advance(TimeDelta::seconds(119));
        until_idle(&worker).await;
        assert_eq!(recorder.taken().into_values().sum::<u32>(), 1);
        office.advance(TimeDelta::seconds(2));
        until_idle(&worker).await;
        assert_eq!(office.the_delivery().await.state, DeliveryState::Sent);
    });
}

#[apply(both_databases)]
fn wrong_settings_pause_the_endpoint_and_keep_what_is_queued(#[case] backend: Backend) {
    with_office(backend, async |office| {
        let endpoint = one_delivery(office, OnUncertain::Resend).await;
        let recorder = Recorder::answering([failed(FailureClass::Config)]);
        let worker = office.worker().with_courier(Channel::File, recorder.clone());
        until_idle(&worker).await;
        office.advance(TimeDelta::hours(1));
        until_idle(&worker).await;
        assert_eq!(
            recorder.taken().into_values().sum::<u32>(),
            1,
            "not tried against a paused endpoint"
        );
        let paused = office.endpoint_row(endpoint).await;
        assert_eq!(paused.status, EndpointStatus::Paused);
        assert_eq!(paused.status_reason.as_deref(), Some("the other side said so"));
        assert_eq!(office.the_delivery().await.state, DeliveryState::Queued);
        office
            .record(move |r| {
                endpoints::set_status(r, &Subtree::everything(), endpoint, EndpointStatus::Active, None)
            })
            .await
            .unwrap();
        until_idle(&worker).await;
        assert_eq!(office.the_delivery().await.state, DeliveryState::Sent);
    });
}

#[apply(both_databases)]
fn a_refused_recipient_is_dead_until_a_person_has_it_sent_again_under_the_same_id(#[case] backend: Backend) {
    with_office(backend, async |office| {
        one_delivery(office, OnUncertain::Resend).await;
        let recorder = Recorder::answering([failed(FailureClass::Permanent)]);
        let worker = office.worker().with_courier(Channel::File, recorder.clone());
        until_idle(&worker).await;
        let dead = office.the_delivery().await;
        assert_eq!(
            (dead.state, dead.last_class),
            (DeliveryState::Dead, Some(AttemptOutcome::Permanent))
        );
        office.advance(TimeDelta::days(40));
        until_idle(&worker).await;
        let again = office
            .record(move |r| deliveries::redeliver(r, &Subtree::everything(), dead.id, None, "未收到"))
            .await
            .unwrap();
        assert_eq!(again.delivery.state, DeliveryState::Queued);
        until_idle(&worker).await;
        assert_eq!(office.the_delivery().await.state, DeliveryState::Sent);
        assert_eq!(recorder.taken().into_iter().collect::<Vec<_>>(), [(dead.id, 2)]);
        let refused = office
            .record(move |r| deliveries::redeliver(r, &Subtree::everything(), dead.id, None, "未收到"))
            .await;
        assert!(matches!(refused, Err(StoreError::Refused(refused)) if refused.state.code == "sent"));
    });
}

#[apply(both_databases)]
fn what_was_not_sent_in_its_time_expires_and_what_is_taken_back_is_not_sent(#[case] backend: Backend) {
    with_office(backend, async |office| {
        one_delivery(office, OnUncertain::Resend).await;
        let recorder = Recorder::answering([failed(FailureClass::Transient)]);
        let worker = office.worker().with_courier(Channel::File, recorder.clone());
        until_idle(&worker).await;
        office.advance(TimeDelta::days(31));
        until_idle(&worker).await;
        let expired = office.the_delivery().await;
        assert_eq!(expired.state, DeliveryState::Expired);
        let id = expired.id;
        office
            .record(move |r| deliveries::redeliver(r, &Subtree::everything(), id, None, "未收到"))
            .await
            .unwrap();
        let elsewhere = Subtree::rooted_at("340000/341800/");
        let foreign = office
            .record(move |r| deliveries::cancel(r, &elsewhere, id, None, "不再需要"))
            .await;
        assert!(matches!(foreign, Err(StoreError::NotFound(Noun::Delivery))));
        office
            .record(move |r| deliveries::cancel(r, &Subtree::everything(), id, None, "不再需要"))
            .await
            .unwrap();
        until_idle(&worker).await;
        assert_eq!(office.the_delivery().await.state, DeliveryState::Cancelled);
        assert_eq!(recorder.taken().into_values().sum::<u32>(), 1);
    });
}

#[apply(both_databases)]
fn an_endpoint_that_only_fails_for_a_day_is_given_up(#[case] backend: Backend) {
    with_office(backend, async |office| {
        let endpoint = one_delivery(office, OnUncertain::Resend).await;
        let recorder = Recorder::answering(vec![failed(FailureClass::Transient); 50]);
        let worker = office.worker().with_courier(Channel::File, recorder.clone());
        for _ in 0..5 {
            until_idle(&worker).await;
            office.advance(TimeDelta::hours(6));
        }
        until_idle(&worker).await;
        let row = office.endpoint_row(endpoint).await;
        assert_eq!(row.status, EndpointStatus::Disabled);
        assert_eq!(
            office.the_delivery().await.state,
            DeliveryState::Queued,
            "it waits for a person, or expires"
        );
    });
}

#[apply(both_databases)]
fn who_wakes_after_its_lease_can_neither_send_nor_report(#[case] backend: Backend) {
    with_office(backend, async |office| {
        one_delivery(office, OnUncertain::Resend).await;
        let (composing, sleeper) = (
            office.worker(),
            NodeId::generate(office.clock.as_ref(), &OsEntropy),
        );
        composing.tick().await.unwrap();
        composing.compose().await.unwrap();
        let claimed = claim(office, office.db.clone(), sleeper).await[0];
        let outgoing = office
            .db
            .read(move |conn| deliveries::outgoing(conn, &[claimed]))
            .await
            .unwrap()
            .remove(0);
        office.advance(TimeDelta::minutes(3));
        assert!(
            !mark(office, claimed, sleeper).await,
            "the lease is over: nothing may be sent"
        );
        let recorder = Recorder::answering([]);
        until_idle(&office.worker().with_courier(Channel::File, recorder.clone())).await;
        assert_eq!(office.the_delivery().await.state, DeliveryState::Sent);
        let flight = InFlight::from(&outgoing);
        let late = office
            .db
            .write(move |tx| {
                let result = SendResult::failed(FailureClass::Permanent, "too late");
                deliveries::record_result(tx.conn, &flight, &result, 0, tx.now)
            })
            .await;
        assert!(!late.unwrap());
        let sent = office.the_delivery().await;
        assert_eq!((sent.state, sent.attempt), (DeliveryState::Sent, 1));
    });
}

/// Claims for a worker that is not there, for 90 s.
pub async fn claim(office: &Office, db: qiaojian_store::db::Db, node: NodeId) -> Vec<Claimed> {
    let now = office.clock.now();
    let claim = Claim {
        node,
        now,
        lease_until: now.plus(TimeDelta::seconds(90)),
        channels: Channel::ALL,
        per_endpoint: 3,
        most: 5,
    };
    db.write(move |tx| claim_deliveries(tx.conn, &claim).map_err(DbError::from))
        .await
        .unwrap()
}

/// Marks as that worker would.
pub async fn mark(office: &Office, claimed: Claimed, node: NodeId) -> bool {
    office
        .db
        .write(move |tx| {
            let until = tx.now.plus(TimeDelta::seconds(90));
            deliveries::mark_sending(tx.conn, claimed, node, tx.now, until).map_err(DbError::from)
        })
        .await
        .unwrap()
}

#[apply(both_databases)]
fn claims_are_fair_to_endpoints_and_never_give_a_delivery_twice(#[case] backend: Backend) {
    with_office(backend, async |office| {
        for city in CITIES {
            for mailbox in ["a", "b", "c"] {
                let address = format!("{mailbox}@{city}.example.org");
                office
                    .endpoint_at(city, Channel::Email, &address, OnUncertain::Resend)
                    .await;
            }
        }
        office.schedule(Office::campaign(), Approval::Automatic).await;
        let worker = office.worker();
        worker.tick().await.unwrap();
        worker.compose().await.unwrap();
        let queued = office.deliveries().await;
        assert_eq!(queued.len(), 36);

        let first = claim(office, office.db.clone(), worker.node()).await;
        let of_one = |claimed: &[Claimed], row: &deliveries::DeliveryRow| {
            let same = |other: &&deliveries::DeliveryRow| other.endpoint_id == row.endpoint_id;
            let ids: Vec<DeliveryId> = queued.iter().filter(same).map(|row| row.id).collect();
            claimed.iter().filter(|claimed| ids.contains(&claimed.id)).count()
        };
        assert_eq!(first.len(), 5);
        assert!(queued.iter().all(|row| of_one(&first, row) <= 3));

        let mut claiming = Vec::new();
        for _ in 0..4 {
            let (db, node) = (
                office.other_process(),
                NodeId::generate(office.clock.as_ref(), &OsEntropy),
            );
            claiming.push((db, node));
        }
        let mut all: Vec<DeliveryId> = first.iter().map(|claimed| claimed.id).collect();
        while all.len() < 36 {
            let before = all.len();
            let round: Vec<_> = claiming
                .iter()
                .map(|(db, node)| claim(office, db.clone(), *node))
                .collect();
            for claimed in join_all(round).await {
                all.extend(claimed.iter().map(|claimed| claimed.id));
            }
            assert!(all.len() > before, "somebody always gets on");
        }
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 36, "none twice");
        assert_eq!(count(&office.deliveries().await, DeliveryState::Leased), 36);
    });
}

/// Panics on one delivery.
struct Faulty(DeliveryId);

impl Courier for Faulty {
    fn send(&self, outgoing: Arc<Outgoing>) -> Answer<'_> {
        Box::pin(async move {
            assert_ne!(outgoing.delivery.id, self.0, "a bug in one message");
            SendResult::Sent("taken".to_owned()).into()
        })
    }
}

#[apply(both_databases)]
fn a_bug_in_one_message_stops_that_message_only(#[case] backend: Backend) {
    with_office(backend, async |office| {
        office
            .endpoint("340300", Channel::File, OnUncertain::Review)
            .await;
        office.schedule(Office::campaign(), Approval::Automatic).await;
        let composing = office.worker();
        composing.tick().await.unwrap();
        composing.compose().await.unwrap();
        let victim = office.deliveries().await[2].id;
        let worker = office
            .worker()
            .with_courier(Channel::File, Arc::new(Faulty(victim)));
        until_idle(&worker).await;
        office.advance(TimeDelta::minutes(4));
        until_idle(&worker).await;
        for row in office.deliveries().await {
            let expected = if row.id == victim {
                DeliveryState::NeedsReview
            } else {
                DeliveryState::Sent
            };
            assert_eq!(row.state, expected);
        }
    });
}
