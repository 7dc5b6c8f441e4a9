//! The 158 organizations before the campaign: 1 province, 15 cities, 61 counties, 27 townships, 54 villages. 阜阳 has a
//! municipal federation and nothing below, 安庆 has nothing in townships, and 宣城 has nothing at all.

use chrono::NaiveDate;
use qiaojian_domain::area::Level;
use qiaojian_domain::dates::Precision;
use qiaojian_domain::organization::{Basis, Kind, PreciseDate};

use super::super::areas::AreaRow;
use super::super::days::{BASELINE, ymd};
use super::super::names;
use super::super::random::Random;
use super::draft::{Draft, month_of};
use super::register::Register;
use super::{ANQING, BENGBU, MAANSHAN, PILOTS, XUANCHENG};

const PROVINCE: &str = "340000";

/// The counties of the pilot cities that had a federation. 阜阳 has none.
const PILOT_COUNTIES: [&str; 9] = [
    "340321", "340323", // 怀远县、固镇县 of 蚌埠
    "340503", "340521", "340523", // 花山区、当涂县、和县 of 马鞍山
    "340822", "340827", "340881", "340882", // 怀宁县、望江县、桐城市、潜山市 of 安庆
];

/// The number of counties of other cities that had one.
const OTHER_COUNTIES: usize = 52;

/// Townships and villages below those counties: (city, townships, villages).
const BELOW_PILOT_COUNTIES: [(&str, usize, usize); 3] = [(BENGBU, 2, 4), (MAANSHAN, 3, 6), (ANQING, 0, 4)];
const BELOW_OTHER_COUNTIES: (usize, usize) = (22, 40);

/// Founds all of them.
///
/// # Errors
/// Returns an error if the table of areas is not that of Anhui.
pub fn establish(register: &mut Register<'_, '_>) -> anyhow::Result<()> {
    let province = register.tree.get(PROVINCE)?;
    let random = &mut Random::of("the federations of the province and of the cities");
    let name = names::federation("", &province.name);
    register.add(congress(province, name, 1981, 1981, random))?;
    for city in register.tree.children(PROVINCE, Level::City) {
        if city.code != XUANCHENG {
            let name = names::federation(&province.name, &city.name);
            register.add(congress(city, name, 1983, 1999, random))?;
        }
    }
    let pilot_counties = PILOT_COUNTIES
        .into_iter()
        .map(|code| register.tree.get(code))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let other_counties = other_counties(register);
    establish_counties(register, pilot_counties.iter().chain(&other_counties))?;
    for (city, townships, villages) in BELOW_PILOT_COUNTIES {
        let of_city: Vec<_> = pilot_counties
            .iter()
            .copied()
            .filter(|county| county.parent.as_deref() == Some(city))
            .collect();
        // In townships, 马鞍山 has work stations (article, §2.3).
        let kind = if city == MAANSHAN {
            Kind::WorkStation
        } else {
            Kind::Federation
        };
        establish_below(register, city, &of_city, (townships, villages), kind)?;
    }
    establish_below(
        register,
        "other cities",
        &other_counties,
        BELOW_OTHER_COUNTIES,
        Kind::Federation,
    )
}

/// Returns the counties outside the pilot that had a federation, drawn from all except those of 宣城.
fn other_counties<'a>(register: &Register<'a, '_>) -> Vec<&'a AreaRow> {
    let mut counties: Vec<_> = register
        .tree
        .children(PROVINCE, Level::City)
        .filter(|city| !PILOTS.contains(&&*city.code) && city.code != XUANCHENG)
        .flat_map(|city| register.tree.children(&city.code, Level::County))
        .collect();
    Random::of("the counties before the campaign").shuffle(&mut counties);
    counties.truncate(OTHER_COUNTIES);
    counties
}

fn establish_counties<'r, 'a: 'r>(
    register: &mut Register<'a, '_>,
    counties: impl Iterator<Item = &'r &'a AreaRow>,
) -> anyhow::Result<()> {
    let random = &mut Random::of("the federations of counties before the campaign");
    for &county in counties {
        let city = register.tree.get(county.parent.as_deref().unwrap_or_default())?;
        let name = names::federation(&city.name, &county.name);
        register.add(congress(county, name, 2000, 2012, random))?;
    }
    Ok(())
}

/// Founds townships and villages, scattered over these counties.
fn establish_below(
    register: &mut Register<'_, '_>,
    label: &str,
    counties: &[&AreaRow],
    (townships, villages): (usize, usize),
    township_kind: Kind,
) -> anyhow::Result<()> {
    let random = &mut Random::of(&format!("townships and villages before the campaign, {label}"));
    let mut places: Vec<_> = counties
        .iter()
        .flat_map(|county| {
            register
                .townships(&county.code)
                .into_iter()
                .map(move |township| (*county, township))
        })
        .collect();
    random.shuffle(&mut places);
    for &(county, township) in places.iter().take(townships) {
        let name = match township_kind {
            Kind::WorkStation => names::work_station(&county.name, &township.name),
            _ => names::township_federation(&county.name, &township.name),
        };
        let on = some_month(2013, 2018, random);
        register.add(Draft::established(township, township_kind, name, on, random).on_basis(Basis::New))?;
    }
    // One village per township, first in townships with their own federation.
    let mut left = villages;
    for (_, township) in places {
        if left == 0 {
            break;
        }
        let free = register.free_villages(&township.code);
        let Some((village, everyday)) = random.pick(&free) else {
            continue;
        };
        let name = names::work_station(&township.name, everyday);
        let on = some_month(2019, 2021, random);
        register.add(Draft::established(village, Kind::WorkStation, name, on, random))?;
        left -= 1;
    }
    anyhow::ensure!(
        left == 0,
        "the areas of {label} have no room for {left} more villages"
    );
    Ok(())
}

/// Returns a federation founded by congress, so long ago that only the month is recorded.
fn congress<'a>(at: &'a AreaRow, name: String, from: i32, to: i32, random: &mut Random) -> Draft<'a> {
    let on = some_month(from, to, random);
    Draft::established(at, Kind::Federation, name, on, random).on_basis(Basis::Congress)
}

/// Returns a month between two years, which has ended before the campaign.
fn some_month(from: i32, to: i32, random: &mut Random) -> PreciseDate {
    let span = u32::try_from(to - from).unwrap_or(0);
    let year = from + i32::try_from(random.between(0, span)).unwrap_or(0);
    let on: NaiveDate = ymd(year, random.between(3, 12), 1).min(ymd(2021, 9, 1));
    let month = month_of(on);
    debug_assert!(month.precision == Precision::Month && month.counts_from() <= BASELINE);
    month
}
