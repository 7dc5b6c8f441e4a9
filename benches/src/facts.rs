//! A register in memory, of any size, for timing the folds alone.

use chrono::{Days, NaiveDate};
use qiaojian_shared::domain::area::{AreaKind, Level};
use qiaojian_shared::domain::organization::{Host, Kind};
use qiaojian_shared::domain::program::Cohort;
use qiaojian_shared::figures::{AreaFact, OrganizationFact, Register};
use qiaojian_shared::ids::{AreaId, OrganizationId};
use uuid::Uuid;

use crate::random::Random;

/// Villages in a township, townships in a county, counties in a city, cities in a province: about as in Anhui.
const VILLAGES: usize = 12;
const TOWNSHIPS: usize = 14;
const COUNTIES: usize = 7;
const CITIES: usize = 16;

/// `count` villages, each with an organization, in as many provinces as that takes; sorted by path.
pub fn register(count: usize) -> Register {
    let mut random = Random::new(20_211_031);
    let begin = NaiveDate::from_ymd_opt(2015, 1, 1).unwrap_or_default();
    let mut register = Register::default();
    for number in 0..count {
        let (code, path) = village(number);
        let cohort = (number % 4 == 0).then_some(Cohort::Pilot);
        let (id, area) = (uuid(&mut random), uuid(&mut random));
        let began = begin.checked_add_days(Days::new(random.next() % 3650));
        register.organizations.push(OrganizationFact {
            id: OrganizationId(id),
            area: AreaId(area),
            path: path.clone(),
            level: Level::Village,
            area_kind: AreaKind::Administrative,
            kind: if number % 3 == 0 {
                Kind::WorkStation
            } else {
                Kind::WorkSubStation
            },
            host: Host::Area,
            cohort,
            counted_from: began.filter(|_| number % 10 != 0),
            counted_to: None,
        });
        register.areas.push(AreaFact {
            id: AreaId(area),
            path,
            name: code.clone(),
            code,
            level: Level::Village,
            kind: AreaKind::Administrative,
            cohort,
        });
    }
    register
}

fn uuid(random: &mut Random) -> Uuid {
    Uuid::from_u64_pair(random.next(), random.next())
}

/// Code and path of the village of this number.
fn village(number: usize) -> (String, String) {
    let (rest, village) = (number / VILLAGES, number % VILLAGES + 1);
    let (rest, township) = (rest / TOWNSHIPS, rest % TOWNSHIPS + 1);
    let (rest, county) = (rest / COUNTIES, rest % COUNTIES + 1);
    let (province, city) = (rest / CITIES + 11, rest % CITIES + 1);
    let county = format!("{province}{city:02}{county:02}");
    let township = format!("{county}{township:03}");
    let code = format!("{township}{village:03}");
    let path = format!("{province}0000/{province}{city:02}00/{county}/{township}/{code}/");
    (code, path)
}
