//! A database that fails in the middle: nothing is sent twice for it, nothing is held up by it, and no lease is taken from a
//! worker that still believes in it.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use qiaojian_domain::clock::{Clock as _, OsEntropy, SystemClock};
use qiaojian_domain::delivery::{Channel, DeliveryState, FailureClass, OnUncertain, SendResult};
use qiaojian_domain::ids::{DeliveryId, NodeId};
use qiaojian_domain::schedule::Approval;
use qiaojian_store::db::schema::delivery_attempts;
use qiaojian_store::db::{DatabaseUrl, Db, DbError};
use qiaojian_store::deliveries::{self, AttemptRow, InFlight, LEASE_GRACE, Outgoing};
use qiaojian_tests::Backend;
use qiaojian_worker::{Answer, Courier, PassError};
use rstest_reuse::apply;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::deliver::{claim, mark};
use super::office::{Office, Recorder, compose, count, until_idle, with_office};
use crate::both_databases;

/// Six notices to one city, queued.
async fn queue_six(office: &Office) {
    office
        .endpoint("340300", Channel::File, OnUncertain::Resend)
        .await;
    office.schedule(Office::campaign(), Approval::Automatic).await;
    let composing = office.worker();
    composing.tick().await.unwrap();
    composing.compose().await.unwrap();
    assert_eq!(office.deliveries().await.len(), 6);
}

/// An attempt is there already where the first mark of this delivery will want to write one.
async fn obstruct(office: &Office, id: DeliveryId) {
    let row = AttemptRow {
        delivery_id: id,
        lease_gen: 1,
        attempt: 1,
        node_id: NodeId::generate(office.clock.as_ref(), &OsEntropy),
        started_at: office.clock.now(),
        ended_at: None,
        outcome: None,
        detail: None,
    };
    office
        .record(move |recording| {
            diesel::insert_into(delivery_attempts::table)
                .values(&row)
                .execute(recording.conn())?;
            Ok(())
        })
        .await
        .unwrap();
}

#[apply(both_databases)]
fn an_error_on_one_delivery_stops_no_other(#[case] backend: Backend) {
    with_office(backend, async |office| {
        queue_six(office).await;
        let victim = office.deliveries().await[0].id;
        obstruct(office, victim).await;
        let recorder = Recorder::answering([]);
        let mut config = office.config();
        config.concurrency = 1;
        let worker = office
            .worker_with(office.db.clone(), config, compose)
            .with_courier(Channel::File, recorder.clone());
        let ended = worker.deliver(&CancellationToken::new()).await;
        assert!(matches!(ended, Err(PassError::Store(_))), "{ended:?}");
        let rows = office.deliveries().await;
        assert_eq!(
            count(&rows, DeliveryState::Sent),
            3,
            "the others of the same claim"
        );
        assert!(rows.iter().all(|row| row.state != DeliveryState::Sending));
        until_idle(&worker).await;
        let rows = office.deliveries().await;
        assert_eq!(count(&rows, DeliveryState::Sent), 5);
        assert_eq!(rows[0].state, DeliveryState::Leased, "until its lease is over");
        office.advance(TimeDelta::minutes(4));
        until_idle(&worker).await;
        assert_eq!(count(&office.deliveries().await, DeliveryState::Sent), 6);
        assert!(recorder.taken().values().all(|times| *times == 1));
    });
}

async fn rename(db: &Db, from: &str, to: &str) {
    let statement = format!("ALTER TABLE {from} RENAME TO {to}");
    db.write(move |tx| tx.conn.batch_execute(&statement).map_err(DbError::from))
        .await
        .unwrap();
}

/// Takes the message; when it has, the database cannot keep that.
struct Saboteur {
    db: Db,
    taken: Notify,
}

impl Courier for Saboteur {
    fn send(&self, _outgoing: Arc<Outgoing>) -> Answer<'_> {
        Box::pin(async move {
            rename(&self.db, "delivery_attempts", "attempts_away").await;
            self.taken.notify_one();
            SendResult::Sent("taken".to_owned()).into()
        })
    }
}

#[apply(both_databases)]
fn a_result_is_kept_whatever_the_database_said_at_first(#[case] backend: Backend) {
    with_office(backend, async |office| {
        office
            .endpoint("340300", Channel::File, OnUncertain::Resend)
            .await;
        let mut plan = Office::campaign();
        plan.starts_period = "2022-05".parse().unwrap();
        office.schedule(plan, Approval::Automatic).await;
        let saboteur = Arc::new(Saboteur {
            db: office.db.clone(),
            taken: Notify::new(),
        });
        let worker = office
            .worker()
            .with_courier(Channel::File, Arc::clone(&saboteur) as _);
        worker.tick().await.unwrap();
        worker.compose().await.unwrap();
        let delivering = tokio::spawn(async move { worker.deliver(&CancellationToken::new()).await });
        saboteur.taken.notified().await;
        // The worker's first try comes before the last of these answers.
        for _ in 0..20 {
            assert_eq!(office.the_delivery().await.state, DeliveryState::Sending);
        }
        rename(&office.db, "attempts_away", "delivery_attempts").await;
        let delivered = delivering.await.unwrap().unwrap();
        assert_eq!((delivered.sent, delivered.lost), (1, 0));
        assert_eq!(office.the_delivery().await.state, DeliveryState::Sent);
    });
}

async fn record(office: &Office, flight: InFlight, result: SendResult) -> bool {
    office
        .db
        .write(move |tx| deliveries::record_result(tx.conn, &flight, &result, 0, tx.now))
        .await
        .unwrap()
}

#[apply(both_databases)]
fn whoever_asks_again_because_the_answer_was_lost_gets_the_same_answer(#[case] backend: Backend) {
    with_office(backend, async |office| {
        queue_six(office).await;
        let node = NodeId::generate(office.clock.as_ref(), &OsEntropy);
        let other = NodeId::generate(office.clock.as_ref(), &OsEntropy);
        let claimed = claim(office, office.db.clone(), node).await;
        let (one, two) = (claimed[0], claimed[1]);
        let version = async |id: DeliveryId| {
            let rows = office.deliveries().await;
            rows.iter().find(|row| row.id == id).unwrap().version
        };
        assert_eq!(version(one.id).await, 2, "queued, claimed");
        assert!(mark(office, one, node).await);
        assert!(mark(office, one, node).await, "it is marked, and not twice");
        assert!(!mark(office, one, other).await, "it is another's");
        assert_eq!(version(one.id).await, 3);

        let outgoing = office
            .db
            .read(move |conn| deliveries::outgoing(conn, &[one, two]))
            .await
            .unwrap();
        let flight =
            |id: DeliveryId| InFlight::from(outgoing.iter().find(|out| out.delivery.id == id).unwrap());
        let refused = SendResult::failed(FailureClass::Transient, "later");
        for _ in 0..2 {
            assert!(record(office, flight(one.id), refused.clone()).await);
            assert_eq!(version(one.id).await, 4);
        }
        let taken = SendResult::Sent("taken".to_owned());
        assert!(
            !record(office, flight(one.id), taken).await,
            "that is not what was kept"
        );
        assert!(
            !mark(office, one, node).await,
            "nor can it be sent by the old claim"
        );
        let rows = office.deliveries().await;
        let row = rows.iter().find(|row| row.id == one.id).unwrap();
        assert_eq!((row.state, row.attempt), (DeliveryState::Queued, 1));
        assert_eq!(office.endpoint_row(row.endpoint_id).await.fail_streak, 1);
        let id = one.id;
        let attempts = office.read(move |conn| deliveries::attempts(conn, id)).await;
        assert_eq!(attempts.len(), 1);

        // What others ended as uncertain was not kept as ours, even if we do not know either.
        assert!(mark(office, two, node).await);
        office.advance(TimeDelta::minutes(4));
        office.worker().reclaim().await.unwrap();
        let doubt = SendResult::Uncertain("no answer within 70 s".to_owned());
        assert!(!record(office, flight(two.id), doubt).await);
    });
}

#[apply(both_databases)]
fn a_lease_is_left_to_its_worker_for_a_grace_because_clocks_differ(#[case] backend: Backend) {
    with_office(backend, async |office| {
        queue_six(office).await;
        let node = NodeId::generate(office.clock.as_ref(), &OsEntropy);
        let claimed = claim(office, office.db.clone(), node).await;
        assert!(mark(office, claimed[0], node).await);
        let worker = office.worker();
        assert!(LEASE_GRACE > TimeDelta::seconds(30));
        office.advance(TimeDelta::seconds(90) + LEASE_GRACE);
        assert_eq!(worker.reclaim().await.unwrap(), Default::default());
        office.advance(TimeDelta::seconds(1));
        let reclaimed = worker.reclaim().await.unwrap();
        assert_eq!((reclaimed.uncertain, reclaimed.released), (1, claimed.len() - 1));
    });
}

#[apply(both_databases)]
fn a_worker_knows_how_far_the_database_is_from_its_clock(#[case] backend: Backend) {
    with_office(backend, async |office| {
        let skew = office.worker().clock_skew().await.unwrap();
        if matches!(office.db.url(), DatabaseUrl::Sqlite(_)) {
            assert_eq!(skew, None);
            return;
        }
        let real = SystemClock.now().as_chrono() - office.clock.now().as_chrono();
        let off = (skew.unwrap() - real).abs();
        assert!(
            off < TimeDelta::from_std(Duration::from_secs(60)).unwrap(),
            "{off}"
        );
    });
}
