//! Two workers and fifty `kill -9`: still one bulletin per month, one notice per city, and everything delivered.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use diesel::prelude::*;
use qiaojian_shared::clock::{OsEntropy, SeededEntropy, UtcTime};
use qiaojian_shared::db::schema::{deliveries, occurrences};
use qiaojian_shared::domain::delivery::{Channel, DeliveryState, OnUncertain};
use qiaojian_shared::domain::program::Cohort;
use qiaojian_shared::domain::schedule::Approval;
use qiaojian_shared::ids::CohortId;
use qiaojian_shared::store::{Subtree, areas, programs};
use qiaojian_tests::fixtures::date;

use super::qiaojian;
use crate::worker::office::{CITIES, Office, count, with_office};

const ROUNDS: usize = 25;

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

    /// `kill -9` after it has logged so many lines, or has had nothing to say for a while.
    fn kill_after(mut self, lines: u64) {
        for _ in 0..lines {
            if self.log.recv_timeout(Duration::from_millis(150)).is_err() {
                break;
            }
        }
        self.child.kill().expect("kill -9");
        self.child.wait().expect("it is gone");
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
    office.schedule(Office::campaign(), Approval::Automatic).await;
}

/// What a killed worker held is taken up again when its time is over. The test does not wait for that: it says the time is over.
async fn let_leases_run_out(office: &Office) {
    office
        .record(|recording| {
            diesel::update(deliveries::table.filter(deliveries::lease_until.is_not_null()))
                .set(deliveries::lease_until.eq(UtcTime::EPOCH))
                .execute(recording.conn())?;
            diesel::update(occurrences::table)
                .set(occurrences::not_before.eq(UtcTime::EPOCH))
                .execute(recording.conn())?;
            diesel::update(deliveries::table.filter(deliveries::state.eq(DeliveryState::Queued)))
                .set(deliveries::not_before.eq(UtcTime::EPOCH))
                .execute(recording.conn())?;
            Ok(())
        })
        .await
        .unwrap();
}

#[test]
fn fifty_kills_later_there_is_one_bulletin_per_city_and_month() {
    with_office(async |office| {
        prepare(office).await;
        let random = SeededEntropy::new(20_220_624);
        for _ in 0..ROUNDS {
            let (one, other) = (Worker::start(office), Worker::start(office));
            one.kill_after(random.next_u64() % 24);
            other.kill_after(random.next_u64() % 24);
            let_leases_run_out(office).await;
        }
        let mut last = Worker::start(office);
        let done = async || {
            let rows = office.deliveries().await;
            rows.len() == 28 && count(&rows, DeliveryState::Sent) == 28
        };
        while !done().await {
            last.log
                .recv()
                .expect("the worker goes on until all is delivered");
        }
        last.child.kill().expect("kill -9");
        last.child.wait().expect("it is gone");

        assert_eq!(office.bulletins().await.len(), 7);
        assert_eq!(office.notices().await.len(), 14);
        for city in CITIES {
            let files = std::fs::read_dir(office.test_db.directory().join("notices").join(city)).unwrap();
            let names: Vec<String> = files
                .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
                .collect();
            for extension in [".html", ".eml"] {
                assert_eq!(
                    names.iter().filter(|name| name.ends_with(extension)).count(),
                    7,
                    "{names:?}"
                );
            }
        }
    });
}
