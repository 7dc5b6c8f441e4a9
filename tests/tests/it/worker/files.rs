//! The `file` channel: a pair of files for each delivery, for their owner's eyes only.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use qiaojian_domain::delivery::{Channel, DeliveryState, OnUncertain};
use qiaojian_domain::schedule::Approval;
use qiaojian_tests::Backend;
use rstest_reuse::apply;

use super::office::{Office, count, until_idle, with_office};
use crate::both_databases;

#[apply(both_databases)]
fn a_delivery_is_a_pair_of_files_for_their_owner_alone(#[case] backend: Backend) {
    with_office(backend, async |office| {
        office
            .endpoint("340300", Channel::File, OnUncertain::Resend)
            .await;
        let mut plan = Office::campaign();
        plan.starts_period = "2022-05".parse().unwrap();
        office.schedule(plan, Approval::Automatic).await;
        until_idle(&office.worker()).await;
        let deliveries = office.deliveries().await;
        assert_eq!(count(&deliveries, DeliveryState::Sent), 1);
        let directory = office.test_db.directory().join("notices/340300");
        let names: BTreeSet<String> = fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(names.len(), 2, "{names:?}");
        for delivery in &deliveries {
            let id = delivery.id.to_string();
            let mail = names
                .iter()
                .find(|name| name.ends_with(&format!("-{}.eml", &id[id.len() - 8..])))
                .unwrap();
            let text = fs::read_to_string(directory.join(mail)).unwrap();
            assert!(text.contains(&format!("Message-ID: <{id}@")), "each its own mail");
        }
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&directory), 0o700);
        for name in &names {
            assert_eq!(mode(&directory.join(name)), 0o600, "{name}");
        }
    });
}
