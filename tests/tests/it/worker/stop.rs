//! Stopping: what is being sent is finished, what is only claimed is given back, nothing new is taken.

use std::sync::Arc;

use qiaojian_domain::delivery::{Channel, DeliveryState, OnUncertain, SendResult};
use qiaojian_domain::schedule::Approval;
use qiaojian_store::deliveries::Outgoing;
use qiaojian_store::worker_nodes;
use qiaojian_tests::Backend;
use qiaojian_worker::{Answer, Courier, run};
use rstest_reuse::apply;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::office::{Office, compose, count, with_office};
use crate::both_databases;

/// Says when a send has begun, and ends it when it is let.
struct Gate {
    begun: Semaphore,
    let_go: Semaphore,
}

impl Courier for Gate {
    fn send(&self, _outgoing: Arc<Outgoing>) -> Answer<'_> {
        Box::pin(async move {
            self.begun.add_permits(1);
            let _ = self.let_go.acquire().await;
            SendResult::Sent("taken".to_owned()).into()
        })
    }
}

#[apply(both_databases)]
fn a_stopping_worker_finishes_what_it_sends_and_gives_back_the_rest(#[case] backend: Backend) {
    with_office(backend, async |office| {
        office
            .endpoint("340300", Channel::File, OnUncertain::Resend)
            .await;
        office.schedule(Office::campaign(), Approval::Automatic).await;
        let gate = Arc::new(Gate {
            begun: Semaphore::new(0),
            let_go: Semaphore::new(0),
        });
        let mut config = office.config();
        config.concurrency = 2;
        let worker = office
            .worker_with(office.db.clone(), config, compose)
            .with_courier(Channel::File, Arc::clone(&gate) as _);
        let node = worker.node();
        let stop = CancellationToken::new();
        let running = tokio::spawn(run(worker, stop.clone()));
        gate.begun.acquire_many(2).await.unwrap().forget();
        stop.cancel();
        gate.let_go.add_permits(2);
        running.await.unwrap().unwrap();

        let deliveries = office.deliveries().await;
        assert_eq!(
            count(&deliveries, DeliveryState::Sent),
            2,
            "what was being sent is finished"
        );
        assert_eq!(
            count(&deliveries, DeliveryState::Queued),
            4,
            "the rest is given back, or was never claimed"
        );
        assert!(deliveries.iter().all(|row| row.lease_owner.is_none()));
        assert_eq!(
            deliveries.iter().map(|row| row.attempt).sum::<i32>(),
            2,
            "and costs no try"
        );
        let nodes = office.read(worker_nodes::list).await;
        let own = nodes.iter().find(|row| row.id == node).unwrap();
        assert!(own.draining);
        let status: serde_json::Value = serde_json::from_str(&own.status).unwrap();
        assert_eq!(status["composed"]["published"], 6);
        assert_eq!(status["delivered"]["sent"], 2);
        assert_eq!(status["delivered"]["released"], 2);
    });
}

#[apply(both_databases)]
fn a_send_that_does_not_end_does_not_keep_the_worker(#[case] backend: Backend) {
    with_office(backend, async |office| {
        office
            .endpoint("340300", Channel::File, OnUncertain::Resend)
            .await;
        office.schedule(Office::campaign(), Approval::Automatic).await;
        let gate = Arc::new(Gate {
            begun: Semaphore::new(0),
            let_go: Semaphore::new(0),
        });
        let mut config = office.config();
        config.drain = std::time::Duration::ZERO;
        let worker = office
            .worker_with(office.db.clone(), config, compose)
            .with_courier(Channel::File, Arc::clone(&gate) as _);
        let stop = CancellationToken::new();
        let running = tokio::spawn(run(worker, stop.clone()));
        gate.begun.acquire().await.unwrap().forget();
        stop.cancel();
        running.await.unwrap().unwrap();
        let deliveries = office.deliveries().await;
        assert_eq!(count(&deliveries, DeliveryState::Sent), 0);
        assert!(
            count(&deliveries, DeliveryState::Sending) >= 1,
            "the lease settles it"
        );
    });
}
