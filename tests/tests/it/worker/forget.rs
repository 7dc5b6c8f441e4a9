//! Remembered answers are forgotten when their time is over, by a running worker.

use chrono::TimeDelta;
use diesel::prelude::*;
use qiaojian_domain::access::{Post, Role, write_scopes};
use qiaojian_domain::clock::{Clock as _, OsEntropy};
use qiaojian_domain::ids::TokenId;
use qiaojian_domain::token::TokenStatus;
use qiaojian_store::db::schema::idempotency_keys;
use qiaojian_store::idempotency::{self, RememberedReply};
use qiaojian_store::tokens::{self, TokenRow};
use qiaojian_tests::Backend;
use qiaojian_worker::run;
use rstest_reuse::apply;
use tokio_util::sync::CancellationToken;

use super::office::{Office, with_office};
use crate::both_databases;

/// Two more than are forgotten in one transaction, and one that is still good.
const EXPIRED: usize = 502;

async fn remember_answers(office: &Office) {
    let (now, province) = (office.clock.now(), office.province);
    let token = TokenId::generate(office.clock.as_ref(), &OsEntropy);
    office
        .record(move |recording| {
            let row = TokenRow {
                id: token,
                version: 1,
                created_at: now,
                updated_at: now,
                created_by: None,
                label: "test".to_owned(),
                area_id: province,
                post: Post::Federation,
                role: Role::Reader,
                scopes: write_scopes(&Role::Reader.scopes()),
                secret_hash: String::new(),
                secret_seq: 0,
                status: TokenStatus::Active,
                expires_at: now.plus(TimeDelta::days(90)),
                revoked_at: None,
                revoked_seq: None,
                last_used_at: None,
            };
            tokens::create(recording, &row)?;
            for number in 0..=EXPIRED {
                let hours = if number == 0 { 48 } else { 24 };
                let reply = RememberedReply {
                    token_id: token,
                    key_hash: number.to_string(),
                    fingerprint: String::new(),
                    status: 201,
                    headers: "{}".to_owned(),
                    body: String::new(),
                    sealed: false,
                    created_at: now,
                    expires_at: now.plus(TimeDelta::hours(hours)),
                };
                idempotency::remember(recording.conn(), &reply)?;
            }
            Ok(())
        })
        .await
        .unwrap();
}

async fn remembered(office: &Office) -> Vec<String> {
    office
        .read(|conn| {
            idempotency_keys::table
                .select(idempotency_keys::key_hash)
                .load(conn)
        })
        .await
}

#[apply(both_databases)]
fn a_bounded_number_is_forgotten_at_a_time(#[case] backend: Backend) {
    with_office(backend, async |office| {
        remember_answers(office).await;
        let worker = office.worker();
        assert!(!worker.forget().await.unwrap());
        assert_eq!(remembered(office).await.len(), EXPIRED + 1, "none is over yet");
        office.advance(TimeDelta::hours(25));
        assert!(worker.forget().await.unwrap(), "there may be more");
        assert_eq!(remembered(office).await.len(), 3);
        assert!(!worker.forget().await.unwrap());
        assert_eq!(remembered(office).await, ["0"]);
    });
}

#[apply(both_databases)]
fn a_running_worker_forgets_by_itself(#[case] backend: Backend) {
    with_office(backend, async |office| {
        remember_answers(office).await;
        office.advance(TimeDelta::hours(25));
        let stop = CancellationToken::new();
        let running = tokio::spawn(run(office.worker(), stop.clone()));
        while remembered(office).await.len() > 1 {
            tokio::task::yield_now().await;
        }
        stop.cancel();
        running.await.unwrap().unwrap();
        assert_eq!(remembered(office).await, ["0"]);
    });
}
