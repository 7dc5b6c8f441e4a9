//! What failures and successes leave in an endpoint's row.

use chrono::TimeDelta;
use qiaojian_domain::clock::Clock as _;
use qiaojian_domain::delivery::{Channel, EndpointStatus, NextStep, OnUncertain};
use qiaojian_domain::ids::EndpointId;
use qiaojian_store::areas::Subtree;
use qiaojian_store::db::DbError;
use qiaojian_store::endpoints;
use qiaojian_tests::Backend;
use rstest_reuse::apply;

use super::office::{Office, with_office};
use crate::both_databases;

async fn fail(office: &Office, id: EndpointId) {
    let next = NextStep::Retry(TimeDelta::seconds(5));
    office
        .db
        .write(move |tx| {
            endpoints::note_failure(tx.conn, id, tx.now, next, "no such host").map_err(DbError::from)
        })
        .await
        .unwrap();
}

async fn succeed(office: &Office, id: EndpointId) {
    office
        .db
        .write(move |tx| endpoints::note_success(tx.conn, id, tx.now).map_err(DbError::from))
        .await
        .unwrap();
}

#[apply(both_databases)]
fn an_endpoint_is_given_up_after_a_day_of_several_failures(#[case] backend: Backend) {
    use EndpointStatus::{Active, Disabled};
    with_office(backend, async |office| {
        for (fails_after_hours, status) in [
            ([0, 25].as_slice(), Active),
            ([0, 25, 26, 27].as_slice(), Active),
            ([0, 25, 26, 27, 28].as_slice(), Disabled),
            ([0, 1, 2, 3, 4, 5, 23].as_slice(), Active),
            ([0, 1, 2, 3, 24].as_slice(), Disabled),
        ] {
            let endpoint = office
                .endpoint("340300", Channel::File, OnUncertain::Resend)
                .await;
            let began = office.clock.now();
            for hours in fails_after_hours {
                office.clock.set(began.plus(TimeDelta::hours(*hours)));
                fail(office, endpoint.id).await;
            }
            let row = office.endpoint_row(endpoint.id).await;
            assert_eq!(row.status, status, "{fails_after_hours:?}");
            assert_eq!(row.first_failed_at, Some(began));
            // The next one takes its place.
            office
                .record(move |r| {
                    let everywhere = Subtree::everything();
                    endpoints::set_status(r, &everywhere, endpoint.id, Disabled, Some("replaced"))
                })
                .await
                .unwrap();
        }
    });
}

#[apply(both_databases)]
fn a_success_forgets_failures_and_is_otherwise_noted_to_the_minute(#[case] backend: Backend) {
    with_office(backend, async |office| {
        let id = office
            .endpoint("340300", Channel::File, OnUncertain::Resend)
            .await
            .id;
        let first = office.clock.now();
        for (after_seconds, failed_before, noted_after_seconds) in
            [(0, false, 0), (59, false, 0), (60, false, 60), (70, true, 70)]
        {
            office.clock.set(first.plus(TimeDelta::seconds(after_seconds)));
            if failed_before {
                fail(office, id).await;
            }
            succeed(office, id).await;
            let row = office.endpoint_row(id).await;
            let noted = first.plus(TimeDelta::seconds(noted_after_seconds));
            assert_eq!(row.last_sent_at, Some(noted), "after {after_seconds} s");
            assert_eq!((row.fail_streak, row.first_failed_at), (0, None));
        }
    });
}
