//! Two ledgers that share their beginning, as a failover that lost commits leaves them, or a backup that was restored: the same number
//! means something else in each, and whoever remembered one of them notices.

use std::sync::Arc;

use diesel::prelude::*;
use qiaojian_domain::organization::Verb;
use qiaojian_domain::{Conflict, Noun};
use qiaojian_store::changes::{self, Reader};
use qiaojian_store::db::schema::organization_versions;
use qiaojian_store::db::snapshot;
use qiaojian_store::figures::{self, Answer, Facts, Held, ReadModel};
use qiaojian_store::{StoreError, Subtree, ledger, organizations};
use qiaojian_tests::Backend;
use rstest_reuse::apply;

use super::figures::{basis, built, question};
use super::histories::some_day;
use super::organizations::{id, step};
use super::register::{Register, with_forked_register, with_register};
use crate::both_databases;

const CITY: &str = "340300";
const COUNTY: &str = "340304";
const STREET: &str = "340304001";

async fn establish(register: &Register, number: u128, code: &'static str) {
    super::figures::establish(register, number, code, some_day(100)).await;
}

async fn close(register: &Register, number: u128) {
    let (step, today) = (step(Verb::Close, &some_day(200).to_string()), register.today());
    register
        .write(move |recording| {
            let everything = Subtree::everything();
            organizations::transition(recording, &everything, id(number), None, &step, today).map(drop)
        })
        .await
        .unwrap();
}

/// What the model answers, if it answers, and what the rows say.
async fn answers(register: &Register, model: &Arc<ReadModel>) -> (Option<Answer>, Answer) {
    let (model, asked) = (Arc::clone(model), question(register.today()));
    register
        .read(move |conn| {
            snapshot(conn, |conn| {
                let known = ledger::known(conn)?;
                let basis = basis(conn, asked.as_of, known)?;
                let rows = Facts::load(conn, &Subtree::everything(), asked.as_of, known)?;
                let held = model.with(conn, &Subtree::everything(), asked.as_of, known, |facts| {
                    figures::answer(&asked, &basis, facts)
                })?;
                let held = match held {
                    Held::Answer(answer) => Some(answer),
                    Held::Newer(_) => None,
                };
                Ok((held, figures::answer(&asked, &basis, &rows)))
            })
        })
        .await
        .unwrap()
}

#[apply(both_databases)]
fn the_read_model_notices_that_the_ledger_went_another_way(#[case] backend: Backend) {
    let before = async |register: &Register| establish(register, 1, CITY).await;
    with_forked_register(backend, before, async |lost, kept| {
        let model = built(lost).await;
        establish(lost, 2, COUNTY).await;
        let (held, rows) = answers(lost, &model).await;
        assert_eq!(held.as_ref(), Some(&rows));
        // The same number of ticks, then more of them.
        establish(kept, 4, STREET).await;
        for more in [None, Some(5)] {
            if let Some(which) = more {
                establish(kept, which, COUNTY).await;
            }
            let (held, rows) = answers(kept, &model).await;
            assert_eq!(held, Some(rows), "more: {more:?}");
        }
    });
}

#[apply(both_databases)]
fn a_model_that_is_ahead_of_the_ledger_is_forgotten_and_built_anew(#[case] backend: Backend) {
    let before = async |register: &Register| establish(register, 1, CITY).await;
    with_forked_register(backend, before, async |lost, kept| {
        let model = built(lost).await;
        establish(lost, 2, COUNTY).await;
        answers(lost, &model).await;
        let (held, _) = answers(kept, &model).await;
        assert_eq!(held, None, "the ledger has not come so far");
        model.forget(kept.today());
        let (held, rows) = answers(kept, &model).await;
        assert_eq!(held, Some(rows));
    });
}

#[apply(both_databases)]
fn a_cursor_of_the_change_feed_is_refused_by_a_ledger_that_went_another_way(#[case] backend: Backend) {
    let before = async |register: &Register| establish(register, 1, CITY).await;
    with_forked_register(backend, before, async |lost, kept| {
        let shared = kept.read(|conn| Ok(changes::present(conn)?)).await.unwrap();
        establish(lost, 2, COUNTY).await;
        let gone = lost.read(|conn| Ok(changes::present(conn)?)).await.unwrap();
        let province = kept.area("340000").await;
        let reader = Reader {
            area: province.area_id,
            visible: province.subtree(),
            nouns: [Noun::Organization].into(),
        };
        for (which, place, since_shared) in [(4, STREET, 1), (5, COUNTY, 2)] {
            establish(kept, which, place).await;
            let (reader, shared, gone) = (reader.clone(), shared.clone(), gone.clone());
            let (after_shared, after_gone) = kept
                .read(move |conn| {
                    snapshot(conn, |conn| {
                        let after_shared = changes::since(conn, &reader, &shared, 200)?;
                        Ok((after_shared, changes::since(conn, &reader, &gone, 200)?))
                    })
                })
                .await
                .unwrap();
            let told = after_shared.map(|told| told.items.len());
            assert_eq!(told, Some(since_shared), "what is shared is a cursor of both");
            assert_eq!(after_gone, None, "what was lost is none");
        }
    });
}

/// Two organizations change; the second cannot be read. A reader who knows nothing of either change still sees both as they were.
#[apply(both_databases)]
fn a_change_that_cannot_be_read_whole_is_not_taken_in_by_half(#[case] backend: Backend) {
    with_register(backend, async |register| {
        establish(register, 1, COUNTY).await;
        establish(register, 2, STREET).await;
        let model = built(register).await;
        let before = register.read(|conn| Ok(ledger::known(conn)?)).await.unwrap();
        for number in [1, 2] {
            close(register, number).await;
        }
        register
            .write(|recording| {
                use organization_versions as o;
                let second = o::organization_id.eq(id(2)).and(o::superseded_seq.is_null());
                let set = o::five_have.eq("not JSON");
                Ok(diesel::update(o::table.filter(second))
                    .set(set)
                    .execute(recording.conn())?)
            })
            .await
            .unwrap();

        let asked = question(register.today());
        let (late, asking) = (Arc::clone(&model), asked.clone());
        let failed = register
            .read(move |conn| {
                snapshot(conn, |conn| {
                    let known = ledger::known(conn)?;
                    late.with(conn, &asking.within, asking.as_of, known, |_| ())
                })
            })
            .await;
        assert!(matches!(failed, Err(StoreError::Json(_))), "{failed:?}");

        let (held, rows) = register
            .read(move |conn| {
                let basis = basis(conn, asked.as_of, before)?;
                let rows = Facts::load(conn, &asked.within, asked.as_of, before)?;
                let held = model.with(conn, &asked.within, asked.as_of, before, |facts| {
                    figures::answer(&asked, &basis, facts)
                })?;
                let Held::Answer(held) = held else {
                    return Err(StoreError::Conflict(Conflict::ScheduleChanged));
                };
                Ok((held, figures::answer(&asked, &basis, &rows)))
            })
            .await
            .unwrap();
        assert_eq!(held, rows);
    });
}
