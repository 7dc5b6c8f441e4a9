//! Facts in memory, of any size, for timing the folds alone.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use qiaojian_domain::area::{AreaKind, Level};
use qiaojian_domain::ids::{AreaId, OrganizationId};
use qiaojian_domain::organization::{FiveHave, Host, Kind, PreciseDate, Status, Verification};
use qiaojian_domain::program::Cohort;
use qiaojian_store::Subtree;
use qiaojian_store::figures::{Basis, Counts, Facts, Lineage, Organizations, Tree, TreeRow, VersionFacts};
use uuid::Uuid;

use crate::random::Random;

/// Villages in a township, townships in a county, counties in a city, cities in a province: about as in Anhui.
const VILLAGES: usize = 12;
const TOWNSHIPS: usize = 14;
const COUNTIES: usize = 7;
const CITIES: usize = 16;

/// `count` villages, each with an organization, in as many provinces as that takes.
pub fn facts(count: usize) -> Facts {
    let mut random = Random::new(20_211_031);
    let begin = NaiveDate::from_ymd_opt(2015, 1, 1).unwrap_or_default();
    let mut rows: BTreeMap<String, TreeRow> = BTreeMap::new();
    let mut founded = Vec::new();
    for number in 0..count {
        let path = village(number);
        for end in path.match_indices('/').map(|(at, _)| at + 1) {
            let above = path.get(..end).unwrap_or_default();
            if !rows.contains_key(above) {
                rows.insert(above.to_owned(), row(above, &mut random));
            }
        }
        let id = OrganizationId(uuid(&mut random));
        let began = begin.checked_add_days(Days::new(random.next() % 3650));
        founded.push((path, id, version(number, began.filter(|_| number % 10 != 0))));
    }
    let tree = Tree::build(rows.into_values());
    let mut organizations = Organizations::default();
    for (path, id, version) in founded {
        let place = tree.range(&Subtree::rooted_at(&path)).start;
        organizations.add(id, &[(place, version)]);
    }
    organizations.pack();
    Facts {
        tree,
        organizations,
        counts: Counts::default(),
        lineage: Lineage::default(),
    }
}

/// A quarter of the cities takes part in a pilot.
pub fn basis(facts: &Facts) -> Basis {
    let tree = &facts.tree;
    let cities = tree.all().filter(|place| tree.level(*place) == Some(Level::City));
    Basis {
        cohorts: cities
            .step_by(4)
            .map(|place| (Subtree::rooted_at(&tree.path(place)), Cohort::Pilot))
            .collect(),
        ..Basis::default()
    }
}

fn row(path: &str, random: &mut Random) -> TreeRow {
    let code = path.split('/').rfind(|code| !code.is_empty()).unwrap_or_default();
    TreeRow {
        id: AreaId(uuid(random)),
        path: path.to_owned(),
        level: Level::of_code(code).unwrap_or(Level::Village),
        kind: AreaKind::Administrative,
    }
}

fn version(number: usize, established: Option<NaiveDate>) -> VersionFacts {
    VersionFacts {
        valid_from: established.unwrap_or_default(),
        valid_to: None,
        status: if established.is_some() {
            Status::Established
        } else {
            Status::Preparing
        },
        kind: if number.is_multiple_of(3) {
            Kind::WorkStation
        } else {
            Kind::WorkSubStation
        },
        host: Host::Area,
        verification: Verification::Verified,
        approved: None,
        established: established.map(PreciseDate::day),
        unveiled: None,
        closed: None,
        five_have: FiveHave::default(),
        reopenings: Vec::new(),
    }
}

fn uuid(random: &mut Random) -> Uuid {
    Uuid::from_u64_pair(random.next(), random.next())
}

/// The path of the village of this number.
fn village(number: usize) -> String {
    let (rest, village) = (number / VILLAGES, number % VILLAGES + 1);
    let (rest, township) = (rest / TOWNSHIPS, rest % TOWNSHIPS + 1);
    let (rest, county) = (rest / COUNTIES, rest % COUNTIES + 1);
    let (province, city) = (rest / CITIES + 11, rest % CITIES + 1);
    let county = format!("{province}{city:02}{county:02}");
    let township = format!("{county}{township:03}");
    format!("{province}0000/{province}{city:02}00/{county}/{township}/{township}{village:03}/")
}
