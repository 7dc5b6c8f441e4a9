//! Since when areas lack an organization, as it is told, and as the gaps of every single day show it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;
use qiaojian_domain::area::Level;
use qiaojian_domain::establishment::{Asking, EstablishmentParams};
use qiaojian_store::db::snapshot;
use qiaojian_store::figures::{self, Basis, Facts, Gap, Question, WantedGaps};
use qiaojian_store::{StoreError, Subtree, ledger};

use super::figures::{basis, question};
use super::histories::some_day;
use super::register::Register;

/// The day since when each area lacks what it should have.
pub type Since = BTreeMap<String, NaiveDate>;

/// Every county, township and village should have an organization, since before anything happened.
fn asking(basis: Basis) -> Basis {
    let params = EstablishmentParams {
        levels: vec![Level::County, Level::Township, Level::Village],
        village: None,
    };
    let asking = Asking::default().with(&params, some_day(0));
    Basis {
        establishment: vec![(Subtree::rooted_at("340000/"), asking)],
        ..basis
    }
}

fn gaps(asked: &Question, basis: &Basis, facts: &Facts) -> Vec<Gap> {
    let (all, none) = (WantedGaps::default(), HashMap::new());
    figures::gaps(asked, basis, facts, &all, &none, (None, usize::MAX)).found
}

/// What is told of today, and what the days up to today show.
pub async fn told_and_by_days(register: &Register) -> (Since, Since) {
    let today = register.today();
    register
        .read(move |conn| {
            snapshot(conn, |conn| {
                let known = ledger::known(conn)?;
                let asked = question(today);
                let facts = Facts::load(conn, &asked.within, today, known)?;
                let basis = asking(basis(conn, today, known)?);
                let told = gaps(&asked, &basis, &facts);
                let mut by_days: Since = BTreeMap::new();
                for day in some_day(0).iter_days().take_while(|day| *day <= today) {
                    let lacking: BTreeSet<String> = gaps(&question(day), &basis, &facts)
                        .into_iter()
                        .map(|gap| gap.area)
                        .collect();
                    by_days.retain(|area, _| lacking.contains(area));
                    for area in lacking {
                        by_days.entry(area).or_insert(day);
                    }
                }
                let told = told.into_iter().map(|gap| (gap.area, gap.since)).collect();
                Ok::<_, StoreError>((told, by_days))
            })
        })
        .await
        .unwrap()
}
