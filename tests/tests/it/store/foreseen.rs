//! What was found before it is written holds only while nobody wrote in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use qiaojian_domain::Noun;
use qiaojian_domain::area::Wanted;
use qiaojian_store::areas::{self, Turn};
use qiaojian_store::{Foreseen, StoreError, Subtree};
use qiaojian_tests::Backend;
use qiaojian_tests::fixtures::date;
use rstest_reuse::apply;

use super::register::{Register, with_register};
use crate::both_databases;

async fn rename(register: &Register, name: &'static str) {
    let turn = Turn {
        on: date("2022-06-01"),
        reason: "更名".to_owned(),
        expected: None,
        today: register.today(),
    };
    let wanted = Wanted {
        name: Some(name),
        code: None,
    };
    register
        .write(move |recording| {
            areas::rename(recording, &Subtree::everything(), "340304", wanted, &turn).map(drop)
        })
        .await
        .unwrap();
}

/// The name that is found before and stands when it is written, and how often it was looked for.
async fn name_when_written(register: &Register, between: impl AsyncFn()) -> (String, usize) {
    let looks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&looks);
    let mut foreseen = Foreseen::read(&register.db, move |conn| {
        counted.fetch_add(1, Ordering::Relaxed);
        let area = areas::find_anywhere(conn, "340304")?;
        area.map(|area| area.name).ok_or(StoreError::NotFound(Noun::Area))
    })
    .await
    .unwrap();
    between().await;
    let name = register
        .write(move |recording| foreseen.at(recording).cloned())
        .await
        .unwrap();
    (name, looks.load(Ordering::Relaxed))
}

#[apply(both_databases)]
fn what_was_found_holds_unless_somebody_wrote_in_between(#[case] backend: Backend) {
    with_register(backend, async |register| {
        let undisturbed = name_when_written(register, async || {}).await;
        assert_eq!(undisturbed, ("禹会区".to_owned(), 1));
        let disturbed = name_when_written(register, async || rename(register, "新禹会区").await).await;
        assert_eq!(disturbed, ("新禹会区".to_owned(), 2));
        // Whoever wrote before it was found does not matter.
        let after = name_when_written(register, async || {}).await;
        assert_eq!(after, ("新禹会区".to_owned(), 1));
    });
}
