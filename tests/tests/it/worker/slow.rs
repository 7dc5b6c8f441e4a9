//! A host that hangs: it holds up neither the others, nor the ticks, nor the heartbeat, and nothing is cut off in the middle.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use qiaojian_domain::delivery::{Channel, DeliveryState, OnUncertain, SendResult};
use qiaojian_domain::ids::EndpointId;
use qiaojian_domain::schedule::Approval;
use qiaojian_store::deliveries::{DeliveryRow, Outgoing};
use qiaojian_store::worker_nodes;
use qiaojian_tests::Backend;
use qiaojian_worker::{Answer, Courier, run};
use rstest_reuse::apply;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::office::{Office, Recorder, compose, count, until_idle, with_office};
use crate::both_databases;

/// Longer than anything here should take; what hangs for ever fails the test.
const HANGS: Duration = Duration::from_secs(30);

/// Takes what goes to others at once, and holds what goes to one endpoint until it is let go.
struct Hanging {
    endpoint: EndpointId,
    let_go: Semaphore,
}

impl Hanging {
    fn at(endpoint: EndpointId) -> Arc<Self> {
        Arc::new(Self {
            endpoint,
            let_go: Semaphore::new(0),
        })
    }
}

impl Courier for Hanging {
    fn send(&self, outgoing: Arc<Outgoing>) -> Answer<'_> {
        Box::pin(async move {
            if outgoing.endpoint.id == self.endpoint {
                let _ = self.let_go.acquire().await;
            }
            SendResult::Sent("taken".to_owned()).into()
        })
    }
}

/// Waits until the deliveries look so; fails when they never do.
async fn wait_for(office: &Office, what: &str, so: impl Fn(&[DeliveryRow]) -> bool) {
    // Asked now and then: whoever asks without a pause takes the readers and both cores from the worker that is waited for.
    let seen = async {
        while !so(&office.deliveries().await) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(HANGS, seen).await.is_ok(), "never: {what}");
}

fn sent_to(rows: &[DeliveryRow], endpoint: EndpointId) -> usize {
    rows.iter()
        .filter(|row| row.endpoint_id == Some(endpoint) && row.state == DeliveryState::Sent)
        .count()
}

#[apply(both_databases)]
fn an_endpoint_that_hangs_leaves_places_to_the_others(#[case] backend: Backend) {
    with_office(backend, async |office| {
        let hanging = office
            .endpoint("340300", Channel::File, OnUncertain::Resend)
            .await
            .id;
        let quick = office
            .endpoint("341800", Channel::File, OnUncertain::Resend)
            .await
            .id;
        office.schedule(Office::campaign(), Approval::Automatic).await;
        let courier = Hanging::at(hanging);
        let mut config = office.config();
        config.concurrency = 5;
        let worker = office
            .worker_with(office.db.clone(), config, compose)
            .with_courier(Channel::File, Arc::clone(&courier) as _);
        let passing = tokio::spawn(async move {
            until_idle(&worker).await;
        });
        wait_for(office, "the quick one has its share", |rows| {
            sent_to(rows, quick) == 4 && count(rows, DeliveryState::Sending) == 4
        })
        .await;
        let rows = office.deliveries().await;
        assert_eq!(
            count(&rows, DeliveryState::Leased),
            0,
            "nothing waits behind what hangs"
        );
        assert_eq!(count(&rows, DeliveryState::Queued), 4);
        courier.let_go.add_permits(1);
        passing.await.unwrap();
        assert_eq!(count(&office.deliveries().await, DeliveryState::Sent), 12);
    });
}

#[apply(both_databases)]
fn a_channel_that_hangs_leaves_the_other_channels_alone(#[case] backend: Backend) {
    with_office(backend, async |office| {
        let hanging = office
            .endpoint("340300", Channel::File, OnUncertain::Resend)
            .await
            .id;
        let inbox = office
            .endpoint("340300", Channel::Inbox, OnUncertain::Resend)
            .await
            .id;
        office.schedule(Office::campaign(), Approval::Automatic).await;
        let courier = Hanging::at(hanging);
        let mut config = office.config();
        config.concurrency = 1;
        let worker = office
            .worker_with(office.db.clone(), config, compose)
            .with_courier(Channel::File, Arc::clone(&courier) as _);
        let passing = tokio::spawn(async move {
            until_idle(&worker).await;
        });
        wait_for(office, "the inbox has its share", |rows| {
            sent_to(rows, inbox) == 4 && count(rows, DeliveryState::Sending) == 1
        })
        .await;
        courier.let_go.add_permits(1);
        passing.await.unwrap();
        assert_eq!(count(&office.deliveries().await, DeliveryState::Sent), 12);
    });
}

#[apply(both_databases)]
fn a_pass_goes_on_claiming_for_a_while_only(#[case] backend: Backend) {
    with_office(backend, async |office| {
        office
            .endpoint("340300", Channel::File, OnUncertain::Resend)
            .await;
        office.schedule(Office::campaign(), Approval::Automatic).await;
        let mut config = office.config();
        config.claim_for = Duration::ZERO;
        let worker = office
            .worker_with(office.db.clone(), config, compose)
            .with_courier(Channel::File, Recorder::answering([]));
        let stop = CancellationToken::new();
        assert!(worker.pass(&stop).await.unwrap(), "there is more to do");
        let rows = office.deliveries().await;
        assert_eq!(
            (
                count(&rows, DeliveryState::Sent),
                count(&rows, DeliveryState::Queued)
            ),
            (4, 2)
        );
        until_idle(&worker).await;
        assert_eq!(count(&office.deliveries().await, DeliveryState::Sent), 6);
    });
}

#[apply(both_databases)]
fn what_has_no_place_while_its_lease_is_young_goes_back_to_the_queue(#[case] backend: Backend) {
    with_office(backend, async |office| {
        office
            .endpoint("340300", Channel::File, OnUncertain::Resend)
            .await;
        office.schedule(Office::campaign(), Approval::Automatic).await;
        let recorder = Recorder::answering([]);
        let mut config = office.config();
        config.claim_for = Duration::ZERO;
        // Half of it is over before anything can begin.
        config.lease = TimeDelta::microseconds(1);
        let late = office
            .worker_with(office.db.clone(), config, compose)
            .with_courier(Channel::File, recorder.clone());
        late.tick().await.unwrap();
        late.compose().await.unwrap();
        let delivered = late.deliver(&CancellationToken::new()).await.unwrap();
        assert_eq!((delivered.released, delivered.sent), (4, 0));
        let rows = office.deliveries().await;
        assert_eq!(count(&rows, DeliveryState::Queued), 6);
        assert!(
            rows.iter()
                .all(|row| row.lease_owner.is_none() && row.attempt == 0)
        );
        assert!(recorder.taken().is_empty());
        until_idle(&office.worker().with_courier(Channel::File, recorder.clone())).await;
        assert_eq!(recorder.taken().len(), 6);
    });
}

#[apply(both_databases)]
fn a_worker_in_a_long_pass_says_that_it_lives(#[case] backend: Backend) {
    with_office(backend, async |office| {
        let hanging = office
            .endpoint("340300", Channel::File, OnUncertain::Resend)
            .await
            .id;
        office.schedule(Office::campaign(), Approval::Automatic).await;
        let courier = Hanging::at(hanging);
        let worker = office
            .worker()
            .with_courier(Channel::File, Arc::clone(&courier) as _);
        let node = worker.node();
        let stop = CancellationToken::new();
        let running = tokio::spawn(run(worker, stop.clone()));
        let alive = async {
            while !office
                .read(worker_nodes::list)
                .await
                .iter()
                .any(|row| row.id == node && !row.draining)
            {}
        };
        assert!(
            timeout(HANGS, alive).await.is_ok(),
            "no heartbeat before the pass is over"
        );
        wait_for(office, "the first pass is still at it", |rows| {
            count(rows, DeliveryState::Sending) == 4
        })
        .await;
        stop.cancel();
        courier.let_go.add_permits(1);
        running.await.unwrap().unwrap();
    });
}

/// How long a pass may take in the next test, and how long a send takes in it.
const SHORT_PASS: Duration = Duration::from_millis(200);
const SLOW_SEND: Duration = Duration::from_millis(800);

/// A host that is slow, and takes everything.
struct Slow;

impl Courier for Slow {
    fn send(&self, _outgoing: Arc<Outgoing>) -> Answer<'_> {
        Box::pin(async move {
            sleep(SLOW_SEND).await;
            SendResult::Sent("taken".to_owned()).into()
        })
    }
}

#[apply(both_databases)]
fn a_pass_that_takes_too_long_finishes_what_it_is_sending(#[case] backend: Backend) {
    with_office(backend, async |office| {
        office
            .endpoint("340300", Channel::File, OnUncertain::Resend)
            .await;
        office.schedule(Office::campaign(), Approval::Automatic).await;
        let composing = office.worker();
        composing.tick().await.unwrap();
        composing.compose().await.unwrap();
        let mut config = office.config();
        config.longest_pass = SHORT_PASS;
        let worker = office
            .worker_with(office.db.clone(), config, compose)
            .with_courier(Channel::File, Arc::new(Slow));
        let stop = CancellationToken::new();
        let running = tokio::spawn(run(worker, stop.clone()));
        wait_for(office, "all is sent", |rows| {
            count(rows, DeliveryState::Sent) == 6
        })
        .await;
        stop.cancel();
        running.await.unwrap().unwrap();
        for row in office.deliveries().await {
            assert_eq!((row.uncertain_count, row.attempt), (0, 1));
        }
    });
}
