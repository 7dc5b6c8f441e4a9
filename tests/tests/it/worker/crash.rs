//! A worker may die anywhere. What it leaves behind is finished by the next one: nothing is lost, and what may have arrived
//! twice says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::TimeDelta;
use qiaojian_domain::delivery::{Channel, DeliveryState, OnUncertain};
use qiaojian_domain::schedule::Approval;
use qiaojian_tests::Backend;
use qiaojian_worker::{FaultPoint, Faults, PassError};
use rstest_reuse::apply;
use tokio_util::sync::CancellationToken;

use super::office::{CITIES, Office, Recorder, compose, count, until_idle, with_office};
use crate::both_databases;

/// Dies the `nth` time the point is reached.
fn dies_at(point: FaultPoint, nth: u32) -> Faults {
    let reached = AtomicU32::new(0);
    Faults::when(move |here| here == point && reached.fetch_add(1, Ordering::SeqCst) + 1 == nth)
}

async fn survives(office: &Office, point: FaultPoint, nth: u32) {
    let recorder = Recorder::answering([]);
    let start = |faults| {
        let mut config = office.config();
        config.faults = faults;
        // One send at a time, so that the point decides which delivery is hit.
        config.concurrency = 1;
        office
            .worker_with(office.other_process(), config, compose)
            .with_courier(Channel::File, recorder.clone())
    };
    let doomed = start(dies_at(point, nth));
    let stop = CancellationToken::new();
    let died = loop {
        match doomed.pass(&stop).await {
            Ok(true) => {}
            other => break other,
        }
    };
    assert!(
        matches!(died, Err(PassError::Fault(at)) if at == point),
        "{point}: {died:?}"
    );
    drop(doomed);
    let survivor = start(Faults::none());
    until_idle(&survivor).await;
    office.advance(TimeDelta::minutes(4)); // every lease is over, and its grace
    until_idle(&survivor).await;
    office.advance(TimeDelta::minutes(2)); // and every wait before a second try
    until_idle(&survivor).await;

    assert_eq!(office.bulletins().await.len(), 7, "{point}: one bulletin a month");
    assert_eq!(
        office.notices().await.len(),
        14,
        "{point}: one notice per city and month"
    );
    let deliveries = office.deliveries().await;
    assert_eq!(
        (deliveries.len(), count(&deliveries, DeliveryState::Sent)),
        (14, 14),
        "{point}"
    );
    let taken = recorder.taken();
    for delivery in &deliveries {
        let times = taken.get(&delivery.id).copied().unwrap_or(0);
        assert!(times >= 1, "{point}: lost");
        let most = 1 + u32::try_from(delivery.uncertain_count).unwrap();
        assert!(
            times <= most,
            "{point}: sent {times} times, and only {most} can be explained"
        );
    }
    let uncertain: i32 = deliveries.iter().map(|delivery| delivery.uncertain_count).sum();
    let explained = i32::from(matches!(point, FaultPoint::AfterMark | FaultPoint::AfterSend));
    assert_eq!(
        uncertain, explained,
        "{point}: uncertain only where a byte may have been out"
    );
}

#[apply(both_databases)]
fn dying_at_any_point_loses_nothing(#[case] backend: Backend) {
    for point in FaultPoint::ALL {
        for nth in [1, 3] {
            // There is one tick only.
            let nth = if matches!(
                point,
                FaultPoint::BeforeTick | FaultPoint::AfterTick | FaultPoint::AfterClaim
            ) {
                1
            } else {
                nth
            };
            with_office(backend, async |office| {
                for city in CITIES {
                    office.endpoint(city, Channel::File, OnUncertain::Resend).await;
                }
                office.schedule(Office::campaign(), Approval::Automatic).await;
                office.advance(TimeDelta::days(30));
                survives(office, point, nth).await;
            });
        }
    }
}

#[apply(both_databases)]
fn what_may_have_arrived_is_parked_where_the_endpoint_wants_a_person_to_look(#[case] backend: Backend) {
    with_office(backend, async |office| {
        office
            .endpoint("340300", Channel::File, OnUncertain::Review)
            .await;
        office.schedule(Office::campaign(), Approval::Automatic).await;
        let recorder = Recorder::answering([]);
        let mut config = office.config();
        config.faults = dies_at(FaultPoint::AfterSend, 1);
        config.concurrency = 1;
        let doomed = office
            .worker_with(office.other_process(), config, compose)
            .with_courier(Channel::File, recorder.clone());
        assert!(doomed.pass(&CancellationToken::new()).await.is_err());
        office.advance(TimeDelta::minutes(4));
        let survivor = office
            .worker()
            .with_courier(Channel::File, Arc::clone(&recorder) as _);
        until_idle(&survivor).await;
        let deliveries = office.deliveries().await;
        assert_eq!(count(&deliveries, DeliveryState::NeedsReview), 1);
        assert_eq!(count(&deliveries, DeliveryState::Sent), 5);
        assert!(
            recorder.taken().values().all(|times| *times == 1),
            "nothing was sent twice"
        );
    });
}
