//! From a schedule to notices in the inbox and files on the disk.

use std::fs;

use chrono::TimeDelta;
use qiaojian_domain::bulletin::BulletinState;
use qiaojian_domain::clock::{Clock as _, OsEntropy};
use qiaojian_domain::delivery::{Channel, DeliveryState, OccurrenceState, OnUncertain};
use qiaojian_domain::period::PeriodUnit;
use qiaojian_domain::schedule::Approval;
use qiaojian_domain::{Conflict, Noun};
use qiaojian_store::areas::Subtree;
use qiaojian_store::bulletins::{self, ComposedBulletin, Mint};
use qiaojian_store::db::AnyConnection;
use qiaojian_store::notices::{self, Filter};
use qiaojian_store::{StoreError, StoreResult};
use qiaojian_tests::Backend;
use qiaojian_worker::Order;
use rstest_reuse::apply;

use super::office::{Office, compose, count, until_idle, with_office};
use crate::both_databases;

/// Past the last month of the campaign.
const AFTERWARDS: TimeDelta = TimeDelta::days(30);

#[apply(both_databases)]
fn the_campaign_comes_out_once_and_a_second_start_adds_nothing(#[case] backend: Backend) {
    with_office(backend, async |office| {
        office
            .endpoint("340300", Channel::File, OnUncertain::Resend)
            .await;
        office
            .endpoint("340300", Channel::Inbox, OnUncertain::Resend)
            .await;
        let schedule = office.schedule(Office::campaign(), Approval::Automatic).await;
        office.advance(AFTERWARDS);
        until_idle(&office.worker()).await;
        until_idle(&office.worker()).await;

        let bulletins = office.bulletins().await;
        let periods: Vec<String> = bulletins.iter().map(|row| row.period.to_string()).collect();
        assert_eq!(
            periods,
            [
                "2021-12", "2022-01", "2022-02", "2022-03", "2022-04", "2022-05", "2022-06"
            ]
        );
        assert!(bulletins.iter().all(|row| row.state == BulletinState::Published));
        assert!(
            office
                .occurrences()
                .await
                .iter()
                .all(|row| row.state == OccurrenceState::Composed)
        );
        let deliveries = office.deliveries().await;
        assert_eq!(
            (deliveries.len(), count(&deliveries, DeliveryState::Sent)),
            (14, 14)
        );
        let notices = office.notices().await;
        assert_eq!(notices.len(), 14, "one per city and month");
        let unreached = notices
            .iter()
            .filter(|row| row.undeliverable_reason.as_deref() == Some("no_endpoint"));
        assert_eq!(unreached.count(), 7, "宣城 has no endpoint, and that is said");

        let mut names: Vec<String> = fs::read_dir(office.test_db.directory().join("notices/340300"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names.len(), 14, "a mail and a page per month: {names:?}");
        assert!(
            names[0].starts_with("2021-12-progress-") && names[0].ends_with(".eml"),
            "{}",
            names[0]
        );
        let page =
            fs::read_to_string(office.test_db.directory().join("notices/340300").join(&names[1])).unwrap();
        assert!(page.contains("蚌埠市侨联") && page.contains("第1期"));

        let schedule = office
            .db
            .read(move |conn| qiaojian_store::schedules::find(conn, &Subtree::everything(), schedule.id))
            .await
            .unwrap();
        assert_eq!(schedule.next_due_at, None);
        assert_eq!(schedule.version, 1, "a tick is not an edit");
    });
}

#[apply(both_databases)]
fn the_inbox_shows_a_city_its_own_and_remembers_who_has_read(#[case] backend: Backend) {
    with_office(backend, async |office| {
        office.schedule(Office::campaign(), Approval::Automatic).await;
        office.advance(AFTERWARDS);
        until_idle(&office.worker()).await;
        let city = Subtree::rooted_at("340000/340300/");
        let visible = city.clone();
        let inbox = office
            .read(move |conn| notices::list(conn, &visible, &Filter::default(), None, 50))
            .await;
        assert_eq!(inbox.len(), 7);
        assert_eq!(
            (inbox[0].period.to_string().as_str(), inbox[0].serial),
            ("2022-06", Some(7)),
            "the newest first"
        );
        assert!(inbox.iter().all(|row| row.area_name == "蚌埠市"));
        let (visible, seen) = (city.clone(), (inbox[2].published_at.unwrap(), inbox[2].id));
        let rest = office
            .read(move |conn| notices::list(conn, &visible, &Filter::default(), Some(seen), 50))
            .await;
        let serials: Vec<_> = rest.iter().map(|row| row.serial).collect();
        assert_eq!(serials, [Some(4), Some(3), Some(2), Some(1)]);

        let (id, visible) = (inbox[0].id, city.clone());
        let first = office
            .record(move |recording| notices::acknowledge(recording, &visible, id))
            .await
            .unwrap();
        office.advance(TimeDelta::hours(1));
        let visible = city.clone();
        let again = office
            .record(move |recording| notices::acknowledge(recording, &visible, id))
            .await
            .unwrap();
        assert!(first.0.acknowledged_at.is_some());
        assert_eq!(first.0.acknowledged_at, again.0.acknowledged_at);
        let unread = Filter {
            unacknowledged_since: Some(office.clock.now().plus(TimeDelta::seconds(1))),
            ..Filter::default()
        };
        let visible = city.clone();
        assert_eq!(
            office
                .read(move |conn| notices::list(conn, &visible, &unread, None, 50))
                .await
                .len(),
            6
        );

        let stranger = Subtree::rooted_at("340000/341800/");
        let refused = office
            .record(move |recording| notices::acknowledge(recording, &stranger, id))
            .await;
        assert!(matches!(refused, Err(StoreError::NotFound(Noun::Notice))));
    });
}

#[apply(both_databases)]
fn a_draft_waits_for_a_person_and_can_be_composed_again(#[case] backend: Backend) {
    with_office(backend, async |office| {
        office
            .endpoint("340300", Channel::Inbox, OnUncertain::Resend)
            .await;
        let plan = Office::campaign();
        office.schedule(plan, Approval::Required).await;
        until_idle(&office.worker()).await;
        let drafts = office.bulletins().await;
        assert_eq!(drafts.len(), 6, "June is not over yet");
        assert!(
            drafts
                .iter()
                .all(|row| row.state == BulletinState::Draft && row.serial.is_none())
        );
        assert!(
            office
                .notices()
                .await
                .iter()
                .all(|notice| notice.html.contains("编号待发"))
        );
        assert!(office.deliveries().await.is_empty());
        let everything = Subtree::everything();
        let inbox = office
            .read(move |conn| notices::list(conn, &everything, &Filter::default(), None, 50))
            .await;
        assert!(inbox.is_empty(), "nobody sees a draft");

        let (clock, id) = (office.as_clock(), drafts[0].id);
        let published = office
            .record(move |recording| {
                bulletins::approve(recording, id)?;
                bulletins::publish(
                    recording,
                    Mint {
                        clock: clock.as_ref(),
                        entropy: &OsEntropy,
                    },
                    id,
                )
            })
            .await
            .unwrap();
        assert_eq!(
            (published.state, published.serial),
            (BulletinState::Published, Some(1))
        );
        until_idle(&office.worker()).await;
        let deliveries = office.deliveries().await;
        assert_eq!(
            (deliveries.len(), count(&deliveries, DeliveryState::Sent)),
            (1, 1)
        );

        let clock = office.as_clock();
        let twice = office
            .record(move |recording| {
                bulletins::publish(
                    recording,
                    Mint {
                        clock: clock.as_ref(),
                        entropy: &OsEntropy,
                    },
                    id,
                )
            })
            .await;
        assert!(
            matches!(twice, Err(StoreError::Refused(refused)) if refused.state.code == "published" && refused.allowed.is_empty())
        );
        let id = drafts[1].id;
        let withdrawn = office
            .record(move |recording| bulletins::withdraw(recording, id))
            .await
            .unwrap();
        assert_eq!(withdrawn.state, BulletinState::Withdrawn);
    });
}

#[apply(both_databases)]
fn one_month_that_cannot_be_composed_is_not_overtaken(#[case] backend: Backend) {
    with_office(backend, async |office| {
        office.schedule(Office::campaign(), Approval::Automatic).await;
        office.advance(AFTERWARDS);
        let broken = |conn: &mut AnyConnection, order: &Order| -> StoreResult<ComposedBulletin> {
            match order.key.period.to_string().as_str() {
                "2022-02" => Err(StoreError::Conflict(Conflict::NoDocument)),
                "2022-03" => panic!("a bug in one month"),
                _ => compose(conn, order),
            }
        };
        until_idle(&office.worker_with(office.db.clone(), office.config(), broken)).await;
        let states: Vec<(String, OccurrenceState, i32)> = office
            .occurrences()
            .await
            .into_iter()
            .map(|row| (row.period.to_string(), row.state, row.failures))
            .collect();
        for (period, state, failures) in &states {
            let expected = match period.as_str() {
                "2021-12" | "2022-01" => (OccurrenceState::Composed, 0),
                "2022-02" => (OccurrenceState::Open, 1),
                _ => (OccurrenceState::Open, 0),
            };
            assert_eq!((*state, *failures), expected, "{period}");
        }
        assert_eq!(states.len(), 7);

        office.advance(TimeDelta::hours(1));
        until_idle(&office.worker()).await;
        assert_eq!(
            office.bulletins().await.len(),
            7,
            "mended, they come out after all"
        );
        assert!(
            office.bulletins().await.is_sorted_by_key(|row| row.period),
            "and their serials follow the months"
        );
    });
}

#[apply(both_databases)]
fn a_late_issue_says_so(#[case] backend: Backend) {
    with_office(backend, async |office| {
        office.schedule(Office::campaign(), Approval::Automatic).await;
        until_idle(&office.worker()).await;
        office.clock.set("2022-07-01T02:00:00Z".parse().unwrap());
        until_idle(&office.worker()).await;
        let rows = office.bulletins().await;
        let late: Vec<_> = rows
            .iter()
            .map(|row| row.late_since().map(|day| day.to_string()))
            .collect();
        let day = |day: &str| Some(day.to_owned());
        assert_eq!(
            late,
            [
                day("2022-01-01"),
                day("2022-02-01"),
                day("2022-03-01"),
                day("2022-04-01"),
                day("2022-05-01"),
                day("2022-06-01"),
                None, // on its day
            ]
        );
        for notice in office.notices().await {
            let row = rows.iter().find(|row| row.id == notice.bulletin_id).unwrap();
            let is_late = row.late_since().is_some();
            assert_eq!(notice.html.contains("（补发）"), is_late);
            assert_eq!(notice.text.contains("现予补发"), is_late);
        }
    });
}

#[apply(both_databases)]
fn each_series_has_numbers_of_its_own_and_comes_out_in_order(#[case] backend: Backend) {
    with_office(backend, async |office| {
        office.schedule(Office::campaign(), Approval::Automatic).await;
        let mut weekly = Office::campaign();
        weekly.spec = "0 0 9 * * MON".to_owned();
        weekly.period_unit = PeriodUnit::Week;
        weekly.starts_period = "2022-W22".parse().unwrap();
        weekly.ends_period = Some("2022-W24".parse().unwrap());
        office.schedule(weekly, Approval::Required).await;
        until_idle(&office.worker()).await;
        let rows = office.bulletins().await;
        let months: Vec<_> = rows
            .iter()
            .filter(|row| row.period_unit == PeriodUnit::Month)
            .map(|row| row.serial)
            .collect();
        assert_eq!(months, (1..=6).map(Some).collect::<Vec<_>>());
        let mut weeks: Vec<_> = rows
            .into_iter()
            .filter(|row| row.period_unit == PeriodUnit::Week)
            .collect();
        weeks.sort_by_key(|row| row.period);
        assert_eq!(weeks.len(), 3);
        let publish = async |id| {
            let clock = office.as_clock();
            office
                .record(move |r| {
                    let mint = Mint {
                        clock: clock.as_ref(),
                        entropy: &OsEntropy,
                    };
                    bulletins::approve(r, id)?;
                    bulletins::publish(r, mint, id)
                })
                .await
        };
        let refused = publish(weeks[1].id).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict(Conflict::EarlierPeriodWaits))),
            "{refused:?}"
        );
        assert_eq!(publish(weeks[0].id).await.unwrap().serial, Some(1));
        assert_eq!(publish(weeks[1].id).await.unwrap().serial, Some(2));
        let third = weeks[2].id;
        office
            .record(move |r| bulletins::withdraw(r, third))
            .await
            .unwrap();
    });
}
