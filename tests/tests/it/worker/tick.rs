//! Ticks: one row per period, however many workers look, and a reason for each one not issued.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use qiaojian_domain::Conflict;
use qiaojian_domain::clock::{Clock, OsEntropy, UtcTime};
use qiaojian_domain::delivery::{Channel, DeliveryState, OccurrenceState, OnUncertain};
use qiaojian_domain::schedule::{Approval, CatchUp};
use qiaojian_store::areas::Subtree;
use qiaojian_store::bulletins::ComposedBulletin;
use qiaojian_store::db::AnyConnection;
use qiaojian_store::occurrences::OccurrenceRow;
use qiaojian_store::{StoreResult, schedules};
use qiaojian_tests::Backend;
use qiaojian_worker::{Event, Order, Worker, run};
use rstest_reuse::apply;
use tokio_util::sync::CancellationToken;

use super::office::{CITIES, Office, Recorder, compose, count, until_idle, with_office};
use crate::both_databases;

#[apply(both_databases)]
fn four_workers_at_once_issue_each_month_once(#[case] backend: Backend) {
    with_office(backend, async |office| {
        for city in CITIES {
            office.endpoint(city, Channel::File, OnUncertain::Resend).await;
        }
        office.schedule(Office::campaign(), Approval::Automatic).await;
        office.advance(TimeDelta::days(30));
        let recorder = Recorder::answering([]);
        let mut running = Vec::new();
        for _ in 0..4 {
            let worker = office
                .worker_with(office.other_process(), office.config(), compose)
                .with_courier(Channel::File, recorder.clone());
            running.push(tokio::spawn(async move {
                let stop = CancellationToken::new();
                for _ in 0..40 {
                    worker.pass(&stop).await.unwrap();
                }
            }));
        }
        for worker in running {
            worker.await.unwrap();
        }
        assert_eq!(office.occurrences().await.len(), 7);
        let bulletins = office.bulletins().await;
        assert_eq!(bulletins.len(), 7);
        assert!(
            bulletins.is_sorted_by_key(|row| row.period),
            "serials follow the months"
        );
        let deliveries = office.deliveries().await;
        assert_eq!(
            (deliveries.len(), count(&deliveries, DeliveryState::Sent)),
            (14, 14)
        );
        let taken = recorder.taken();
        assert_eq!(taken.len(), 14);
        assert!(
            taken.values().all(|times| *times == 1),
            "each exactly once: {taken:?}"
        );
    });
}

#[apply(both_databases)]
fn what_is_not_caught_up_is_listed(#[case] backend: Backend) {
    for (policy, open, reason) in [
        (CatchUp::Latest, 1, "later_period_due"),
        (CatchUp::None, 0, "no_catch_up"),
        (CatchUp::All, 6, ""),
    ] {
        with_office(backend, async |office| {
            let mut plan = Office::campaign();
            plan.catch_up = policy;
            office.schedule(plan, Approval::Automatic).await;
            let ticked = office.worker().tick().await.unwrap();
            assert_eq!((ticked.opened, ticked.missed), (open, 6 - open), "{policy}");
            for row in office.occurrences().await {
                let expected = if row.state == OccurrenceState::Missed {
                    Some(reason)
                } else {
                    None
                };
                assert_eq!(row.reason.as_deref(), expected);
            }
        });
    }
}

#[apply(both_databases)]
fn an_idle_tick_and_a_clock_set_back_change_nothing(#[case] backend: Backend) {
    with_office(backend, async |office| {
        let schedule = office.schedule(Office::campaign(), Approval::Automatic).await;
        let worker = office.worker();
        assert_eq!(worker.tick().await.unwrap().opened, 6);
        assert_eq!(worker.tick().await.unwrap(), Default::default());
        office.advance(TimeDelta::days(-100));
        assert_eq!(worker.tick().await.unwrap(), Default::default());
        office.advance(TimeDelta::days(200));
        assert_eq!(worker.tick().await.unwrap().opened, 1);
        let row = office
            .db
            .read(move |conn| schedules::find(conn, &Subtree::everything(), schedule.id))
            .await
            .unwrap();
        assert_eq!(row.next_due_at, None);
    });
}

#[apply(both_databases)]
fn a_paused_schedule_waits_and_says_what_it_left_out(#[case] backend: Backend) {
    for skip in [false, true] {
        with_office(backend, async |office| {
            let schedule = office.schedule(Office::campaign(), Approval::Automatic).await;
            let id = schedule.id;
            office
                .record(move |r| schedules::pause(r, &Subtree::everything(), id))
                .await
                .unwrap();
            assert_eq!(office.worker().tick().await.unwrap(), Default::default());
            let clock = office.as_clock();
            let resumed = office
                .record(move |r| {
                    schedules::resume(r, (clock.as_ref(), &OsEntropy), &Subtree::everything(), id, skip)
                })
                .await
                .unwrap();
            assert_eq!((resumed.paused_at, resumed.version), (None, 3));
            until_idle(&office.worker()).await;
            let rows = office.occurrences().await;
            assert_eq!(rows.len(), 6);
            let (state, reason) = if skip {
                (OccurrenceState::Missed, Some("skipped_on_resume"))
            } else {
                (OccurrenceState::Composed, None)
            };
            assert!(
                rows.iter()
                    .all(|row| row.state == state && row.reason.as_deref() == reason),
                "{rows:?}"
            );
        });
    }
}

#[apply(both_databases)]
fn what_waits_to_be_composed_is_left_out_too_when_what_was_missed_is(#[case] backend: Backend) {
    with_office(backend, async |office| {
        let schedule = office.schedule(Office::campaign(), Approval::Automatic).await;
        let id = schedule.id;
        let never = |_: &mut AnyConnection, _: &Order| -> StoreResult<ComposedBulletin> {
            Err(Conflict::NoDocument.into())
        };
        until_idle(&office.worker_with(office.db.clone(), office.config(), never)).await;
        let open = |rows: &[OccurrenceRow]| {
            let of_state = rows.iter().filter(|row| row.state == OccurrenceState::Open);
            of_state.count()
        };
        assert_eq!(open(&office.occurrences().await), 6);
        office
            .record(move |r| schedules::pause(r, &Subtree::everything(), id))
            .await
            .unwrap();
        let clock = office.as_clock();
        office
            .record(move |r| {
                schedules::resume(r, (clock.as_ref(), &OsEntropy), &Subtree::everything(), id, true)
            })
            .await
            .unwrap();
        office.advance(TimeDelta::hours(1));
        until_idle(&office.worker()).await;
        let rows = office.occurrences().await;
        assert_eq!((rows.len(), open(&rows)), (6, 0));
        assert!(
            rows.iter()
                .all(|row| row.reason.as_deref() == Some("skipped_on_resume")),
            "{rows:?}"
        );
        assert_eq!(office.bulletins().await.len(), 0);
    });
}

#[apply(both_databases)]
fn a_long_past_is_worked_off_in_short_transactions(#[case] backend: Backend) {
    with_office(backend, async |office| {
        let mut plan = Office::campaign();
        plan.period_unit = qiaojian_domain::period::PeriodUnit::Day;
        plan.spec = "0 0 9 * * *".to_owned();
        plan.period_offset = 0;
        plan.starts_period = "2020-06-24".parse().unwrap();
        plan.ends_period = None;
        plan.catch_up = CatchUp::Latest;
        office.schedule(plan, Approval::Automatic).await;
        let ticked = office.worker().tick().await.unwrap();
        assert_eq!((ticked.opened, ticked.missed), (1, 730));
        let open: Vec<_> = office
            .occurrences()
            .await
            .into_iter()
            .filter(|row| row.state == OccurrenceState::Open)
            .collect();
        assert_eq!(open[0].period.to_string(), "2022-06-24");
    });
}

/// A clock that goes on by itself from a moment.
struct Going {
    from: UtcTime,
    since: Instant,
}

impl Clock for Going {
    fn now(&self) -> UtcTime {
        self.from.plus(self.steady())
    }

    fn steady(&self) -> TimeDelta {
        TimeDelta::from_std(self.since.elapsed()).unwrap()
    }
}

#[apply(both_databases)]
fn a_schedule_wakes_the_worker_at_its_moment(#[case] backend: Backend) {
    with_office(backend, async |office| {
        office.schedule(Office::campaign(), Approval::Automatic).await;
        let clock: Arc<dyn Clock> = Arc::new(Going {
            from: "2022-07-01T00:59:58Z".parse().unwrap(),
            since: Instant::now(),
        });
        let mut config = office.config();
        // Nothing but the timer is left to wake it.
        config.poll = Duration::from_secs(3600);
        config.glance = Duration::from_secs(3600);
        let (heard, mut events) = tokio::sync::mpsc::unbounded_channel();
        let worker = Worker::new(
            config,
            office.test_db.open(Arc::clone(&clock)),
            clock,
            Arc::new(OsEntropy),
            Arc::new(compose),
        )
        .unwrap()
        .with_listener(move |event| drop(heard.send(event)));
        let stop = CancellationToken::new();
        let running = tokio::spawn(run(worker, stop.clone()));
        let last_month = async {
            while let Some(event) = events.recv().await {
                if matches!(event, Event::Published { period, .. } if period.to_string() == "2022-06") {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), last_month)
            .await
            .expect("woken when June was due");
        stop.cancel();
        running.await.unwrap().unwrap();
        assert_eq!(office.bulletins().await.len(), 7);
    });
}
