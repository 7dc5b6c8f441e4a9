//! Two workers and fifty `kill -9` in the middle of their work: still one bulletin per day, one delivery per notice and
//! endpoint, everything delivered, and no second copy that the ledger does not explain.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use diesel::dsl::count_star;
use diesel::prelude::*;
use qiaojian_domain::clock::{Clock as _, OsEntropy, SeededEntropy, SystemClock, UtcTime};
use qiaojian_domain::delivery::{Channel, DeliveryState, OccurrenceState, OnUncertain};
use qiaojian_domain::ids::{CohortId, DeliveryId, NodeId, OccurrenceId};
use qiaojian_domain::period::{Period, PeriodUnit};
use qiaojian_domain::program::Cohort;
use qiaojian_domain::schedule::{Approval, PlanFields};
use qiaojian_store::db::DbError;
use qiaojian_store::db::schema::{bulletins, deliveries, delivery_attempts, occurrences, schedules};
use qiaojian_store::{Subtree, areas, deliveries as store, programs};
use qiaojian_tests::Backend;
use qiaojian_tests::fixtures::date;
use rstest_reuse::apply;
use uuid::Uuid;

use super::qiaojian;
use crate::both_databases;
use crate::worker::office::{CITIES, Office, count, with_office};

/// Each kills two workers.
const ROUNDS: usize = 25;
/// Days that become due when there is nothing else to do. Each is a bulletin to two cities with two endpoints each.
const DAYS: i32 = 4;
/// Looks at two workers before the test gives up finding them at work.
const LOOKS: usize = 2000;
/// How long a worker may say nothing before the next look; how long before its first word.
const LULL: Duration = Duration::from_millis(10);
const STARTING: Duration = Duration::from_secs(5);
/// In a round one of the two, or both, are hit with something in hand, unless the database ends a commit that was under way.
const LEAST_HITS: usize = ROUNDS * 4 / 5;

/// A worker process and what it logs.
struct Worker {
    child: Child,
    log: Receiver<String>,
}

impl Worker {
    fn start(office: &Office) -> Self {
        let mut command = qiaojian(&office.test_db.directory());
        command
            .env("DATABASE_URL", office.test_db.url_text())
            .env("QIAOJIAN_LOG", "info,qiaojian_worker=debug")
            .arg("worker");
        let mut child = command
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the worker starts");
        let stderr = child.stderr.take().expect("its log");
        let (sender, log) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, log }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
    }
}

impl Drop for Worker {
    /// `kill -9`.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn first_day() -> Period {
    "2022-01-01".parse().unwrap()
}

/// A bulletin a day, for the first days; [`extend`] adds more.
fn plan() -> PlanFields {
    PlanFields {
        spec: "0 0 9 * * *".to_owned(),
        period_unit: PeriodUnit::Day,
        period_offset: 0,
        starts_period: first_day(),
        ends_period: first_day().plus(DAYS - 1),
        ..Office::campaign()
    }
}

async fn prepare(office: &Office) {
    for city in CITIES {
        office.endpoint(city, Channel::File, OnUncertain::Resend).await;
        office.endpoint(city, Channel::Inbox, OnUncertain::Resend).await;
        let (program, id) = (
            office.program,
            CohortId::generate(office.clock.as_ref(), &OsEntropy),
        );
        office
            .record(move |recording| {
                let area = areas::find(recording.conn(), &Subtree::everything(), city)?;
                programs::set_cohort(
                    recording,
                    id,
                    program,
                    area.area_id,
                    Cohort::Pilot,
                    date("2021-10-31"),
                )
            })
            .await
            .unwrap();
    }
    office.schedule(plan(), Approval::Automatic).await;
}

/// More days become due: `days` in all.
async fn extend(office: &Office, days: i32) {
    let last = first_day().plus(days - 1);
    office
        .record(move |recording| {
            diesel::update(schedules::table)
                .set((
                    schedules::ends_period.eq(last),
                    schedules::next_due_at.eq(UtcTime::EPOCH),
                    schedules::version.eq(schedules::version + 1),
                ))
                .execute(recording.conn())?;
            Ok(())
        })
        .await
        .unwrap();
}

/// What a killed worker held is taken up again when its time is over. The test does not wait for that: it says the time is
/// over. Only for when no worker runs.
async fn let_leases_run_out(office: &Office) {
    office
        .record(|recording| {
            diesel::update(deliveries::table.filter(deliveries::lease_until.is_not_null()))
                .set(deliveries::lease_until.eq(UtcTime::EPOCH))
                .execute(recording.conn())?;
            diesel::update(occurrences::table)
                .set(occurrences::not_before.eq(UtcTime::EPOCH))
                .execute(recording.conn())?;
            Ok(())
        })
        .await
        .unwrap();
    let_waits_end(office).await;
}

/// Nor does it wait for the pause before a second try.
async fn let_waits_end(office: &Office) {
    office
        .record(|recording| {
            diesel::update(deliveries::table.filter(deliveries::state.eq(DeliveryState::Queued)))
                .set(deliveries::not_before.eq(UtcTime::EPOCH))
                .execute(recording.conn())?;
            Ok(())
        })
        .await
        .unwrap();
}

/// What is in hand: the workers that hold deliveries, and the days that one is composing. One worker does not do both at once. Nothing
/// is seen where a worker was frozen with the lock that a reader needs.
async fn in_hand(office: &Office) -> Option<BTreeSet<Uuid>> {
    let now = SystemClock.now();
    let seen = office
        .db
        .read(move |conn| {
            let holders: Vec<Option<NodeId>> = deliveries::table
                .filter(deliveries::state.eq_any([DeliveryState::Leased, DeliveryState::Sending]))
                .select(deliveries::lease_owner)
                .load(conn)?;
            let composing: Vec<OccurrenceId> = occurrences::table
                .filter(occurrences::state.eq(OccurrenceState::Open))
                .filter(occurrences::not_before.gt(now))
                .select(occurrences::id)
                .load(conn)?;
            let holders = holders.into_iter().flatten().map(|node| node.0);
            Ok::<_, DbError>(holders.chain(composing.into_iter().map(|id| id.0)).collect())
        })
        .await;
    match seen {
        Err(DbError::Locked) => None,
        seen => Some(seen.unwrap()),
    }
}

/// Whether all of `days` is issued and nothing is on its way.
async fn at_rest(office: &Office, days: i32) -> bool {
    let (issued, under_way): (i64, i64) = office
        .read(|conn| {
            let under_way = deliveries::table.filter(deliveries::state.eq_any([
                DeliveryState::Queued,
                DeliveryState::Leased,
                DeliveryState::Sending,
            ]));
            Ok((
                bulletins::table.select(count_star()).first(conn)?,
                under_way.select(count_star()).first(conn)?,
            ))
        })
        .await;
    issued == i64::from(days) && under_way == 0
}

/// Looks at two workers, frozen for each look, until at least one has something in hand that nobody `known` holds; goes on for
/// `skipped` such looks more, so that they are not always met at the first thing they do. They stay frozen. Gives them more
/// to do when they have nothing.
async fn freeze_at_work(
    office: &Office,
    pair: &[Worker; 2],
    known: &BTreeSet<Uuid>,
    mut skipped: u64,
    days: &mut i32,
) {
    for worker in pair {
        let _ = worker.log.recv_timeout(STARTING);
    }
    for look in 0..LOOKS {
        let _ = pair[look % 2].log.recv_timeout(LULL);
        pair.iter().for_each(|worker| worker.signal("STOP"));
        let seen = in_hand(office).await;
        if seen.as_ref().is_some_and(|seen| !seen.is_subset(known)) {
            if skipped == 0 {
                return;
            }
            skipped -= 1;
        }
        let rest = seen.is_some() && at_rest(office, *days).await;
        pair.iter().for_each(|worker| worker.signal("CONT"));
        // Not before they go on: a frozen one may hold the lock that a write needs.
        if rest {
            *days += DAYS;
            extend(office, *days).await;
        }
    }
    panic!("the workers were never met at work");
}

/// A person has what is in doubt for the third time sent again.
async fn decide_doubts(office: &Office) {
    let rows = office.deliveries().await;
    let parked = rows.iter().filter(|row| row.state == DeliveryState::NeedsReview);
    for id in parked.map(|row| row.id) {
        office
            .record(move |r| store::redeliver(r, &Subtree::everything(), id, None, "再发一次"))
            .await
            .unwrap();
    }
}

/// One worker that nobody kills finishes what is left.
async fn finish(office: &Office, days: i32) {
    let last = Worker::start(office);
    loop {
        decide_doubts(office).await;
        let_waits_end(office).await;
        let rows = office.deliveries().await;
        if at_rest(office, days).await && count(&rows, DeliveryState::Sent) == rows.len() {
            return;
        }
        last.log
            .recv()
            .expect("the worker goes on until all is delivered");
    }
}

async fn check(office: &Office, days: i32) {
    let days = usize::try_from(days).unwrap();
    let bulletins = office.bulletins().await;
    let periods: BTreeSet<Period> = bulletins.iter().map(|row| row.period).collect();
    assert_eq!(
        (bulletins.len(), periods.len()),
        (days, days),
        "one bulletin per day"
    );
    let notices = office.notices().await;
    assert_eq!(notices.len(), days * CITIES.len());
    let rows = office.deliveries().await;
    let ways: BTreeSet<_> = rows.iter().map(|row| (row.notice_id, row.endpoint_id)).collect();
    assert_eq!(
        (rows.len(), ways.len()),
        (notices.len() * 2, notices.len() * 2),
        "one delivery per notice and endpoint"
    );
    let attempts: Vec<DeliveryId> = office
        .read(|conn| {
            delivery_attempts::table
                .select(delivery_attempts::delivery_id)
                .load(conn)
        })
        .await;
    for row in &rows {
        assert_eq!(row.state, DeliveryState::Sent);
        let tried = attempts.iter().filter(|id| **id == row.id).count();
        let explained = 1 + usize::try_from(row.uncertain_count).unwrap();
        assert!(
            (1..=explained).contains(&tried),
            "tried {tried} times, and only {explained} can be explained"
        );
    }
    for city in CITIES {
        let files = std::fs::read_dir(office.test_db.directory().join("notices").join(city)).unwrap();
        let names: Vec<String> = files
            .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        for extension in [".html", ".eml"] {
            let written = names.iter().filter(|name| name.ends_with(extension)).count();
            assert_eq!(written, days, "{names:?}");
        }
    }
}

#[apply(both_databases)]
fn fifty_kills_later_there_is_one_bulletin_per_city_and_day(#[case] backend: Backend) {
    with_office(backend, async |office| {
        prepare(office).await;
        let random = SeededEntropy::new(20_220_624);
        let (mut days, mut hits) = (DAYS, 0);
        let mut known = BTreeSet::new();
        for round in 0..ROUNDS {
            if round > 0 {
                days += DAYS;
                extend(office, days).await;
            }
            let pair = [Worker::start(office), Worker::start(office)];
            let skipped = random.next_u64() % 3;
            freeze_at_work(office, &pair, &known, skipped, &mut days).await;
            drop(pair);
            // They are gone, and hold no lock any more.
            let held = in_hand(office).await.expect("what is in hand can be read");
            hits += held.difference(&known).count();
            known.extend(held);
            let_leases_run_out(office).await;
        }
        assert!(
            hits >= LEAST_HITS,
            "only {hits} of {} kills hit a worker at work",
            2 * ROUNDS
        );
        finish(office, days).await;
        check(office, days).await;
    });
}
