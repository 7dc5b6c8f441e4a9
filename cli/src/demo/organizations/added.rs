//! The 325 organizations of the campaign, and the three in preparation.

use anyhow::Context as _;
use chrono::NaiveDate;
use qiaojian_domain::access::Post;
use qiaojian_domain::dates::Precision;
use qiaojian_domain::organization::{Basis, Kind, PreciseDate};

use super::super::areas::AreaRow;
use super::super::days::{MONTHS, workdays_of, ymd};
use super::super::names;
use super::super::random::Random;
use super::draft::{Draft, reported_on};
use super::register::Register;
use super::{ANQING, BENGBU, FUYANG, MAANSHAN, TAICI, XUANCHENG, YUHUI, YUHUI_PARK};

/// 3月下旬: the precision of the article for the day on which 禹会区's 77 were unveiled.
const LATE_MARCH: PreciseDate = PreciseDate {
    on: ymd(2022, 3, 21),
    precision: Precision::TenDay,
};

/// The county federations of the campaign except that of 禹会区, with their founding days. That of 颍州区 is the first in 阜阳.
const COUNTIES: [(&str, NaiveDate); 14] = [
    // 蚌埠: 蚌山区、五河县、龙子湖区
    ("340303", ymd(2022, 2, 25)),
    ("340322", ymd(2022, 4, 20)),
    ("340302", ymd(2022, 6, 15)),
    // 阜阳: 颍州区、界首市、太和县、颍上县、临泉县
    (YINGZHOU, ymd(2022, 1, 20)),
    ("341282", ymd(2022, 3, 24)),
    ("341222", ymd(2022, 4, 28)),
    ("341226", ymd(2022, 5, 31)),
    ("341221", ymd(2022, 6, 21)),
    // 马鞍山: 含山县、雨山区、博望区
    ("340522", ymd(2021, 12, 28)),
    ("340504", ymd(2022, 3, 17)),
    ("340506", ymd(2022, 5, 12)),
    // 安庆: 岳西县、太湖县、宿松县
    ("340828", ymd(2022, 1, 13)),
    ("340825", ymd(2022, 4, 14)),
    ("340826", ymd(2022, 6, 9)),
];
const YINGZHOU: &str = "341202";

/// 迎江区、大观区、宜秀区 of 安庆 (article, §2.3).
const PREPARING: [&str; 3] = ["340802", "340803", "340811"];
/// When 安庆 received that task (illustrative).
const PREPARING_SINCE: NaiveDate = ymd(2022, 3, 28);

/// The organizations that a city adds in each of the seven months, in addition to those named above.
struct Wave {
    city: &'static str,
    townships: [usize; 7],
    villages: [usize; 7],
}

/// 23 townships (31 with 禹会区's 7 and 太慈镇) and 209 villages (277 with 禹会区's 68). Months as in [`MONTHS`]. 阜阳 starts when
/// it has a county federation, the townships of 安庆 after 太慈镇, which was the first.
const WAVES: [Wave; 4] = [
    Wave {
        city: BENGBU,
        townships: [0, 1, 0, 1, 1, 1, 1],
        villages: [2, 3, 4, 5, 8, 10, 10],
    },
    Wave {
        city: FUYANG,
        townships: [0, 0, 1, 1, 1, 2, 2],
        villages: [0, 0, 5, 5, 8, 12, 16],
    },
    Wave {
        city: MAANSHAN,
        townships: [1, 1, 1, 1, 1, 2, 1],
        villages: [4, 5, 6, 11, 12, 14, 12],
    },
    Wave {
        city: ANQING,
        townships: [0, 0, 0, 0, 0, 0, 3],
        villages: [3, 4, 5, 8, 11, 14, 12],
    },
];

/// Adds 宣城, the counties, 禹会区's 77, 太慈镇, and the three in preparation.
///
/// # Errors
/// Returns an error if the table of areas is not that of Anhui.
pub fn name_what_the_article_names(register: &mut Register<'_, '_>) -> anyhow::Result<()> {
    add_xuancheng(register)?;
    for (code, day) in COUNTIES {
        add_county(register, code, day)?;
    }
    add_yuhui(register)?;
    add_taici(register)?;
    let random = &mut Random::of("in preparation");
    let anqing = register.tree.get(ANQING)?;
    for code in PREPARING {
        let district = register.tree.get(code)?;
        let name = names::federation(&anqing.name, &district.name);
        let draft = Draft::preparing(district, name, PREPARING_SINCE, random)
            .noted("正在争取市委编办同意增加人员编制，成立筹备工作正在推进；筹备中的不计入组织总数。");
        register.add(draft)?;
    }
    Ok(())
}

/// Adds the article's one municipal office.
fn add_xuancheng(register: &mut Register<'_, '_>) -> anyhow::Result<()> {
    let random = &mut Random::of("宣城");
    let city = register.tree.get(XUANCHENG)?;
    let province = register.tree.get("340000")?;
    let name = names::federation(&province.name, &city.name);
    let on = PreciseDate::day(ymd(2022, 5, 26));
    let draft = Draft::established(city, Kind::Federation, name, on, random)
        .approved_by(Post::StaffingOffice, format!("{}委编委", city.name), 20)
        .affiliated("中共宣城市委领导的人民团体（示例）")
        .noted(
            "文章对宣城市（非试点市）的表述为“同意设立市级侨联机关”。演示按默认口径（default）计为已成立，\
             即新增325个中的市级1个；更严口径（established_only_pilots）只计试点市，不含本机关，新增324个。",
        );
    register.add(draft)
}

fn add_county(register: &mut Register<'_, '_>, code: &str, day: NaiveDate) -> anyhow::Result<()> {
    let random = &mut Random::of(code);
    let county = register.tree.get(code)?;
    let city = register.tree.get(county.parent.as_deref().unwrap_or_default())?;
    let name = names::federation(&city.name, &county.name);
    let mut draft = Draft::established(county, Kind::Federation, name, PreciseDate::day(day), random)
        .approved_by(
            Post::StaffingOffice,
            format!("{}委编委", county.name),
            random.between(5, 15),
        )
        .unveiled_after(random.between(0, 8));
    if code == YINGZHOU {
        draft = draft
            .replacing("颍州区海外联络服务中心（示例，已撤销）")
            .noted("按照“撤一建一”原则，经区委编委会研究批复成立，实现阜阳市县（市、区）侨联组织“零突破”。");
    } else if random.chance(50) {
        draft = draft.on_basis(Basis::Congress);
    }
    register.add(draft)
}

/// Adds the 77: the district, 7 townships, 68 villages and the park, founded and unveiled on the same day.
fn add_yuhui(register: &mut Register<'_, '_>) -> anyhow::Result<()> {
    let random = &mut Random::of("禹会区");
    let district = register.tree.get(YUHUI)?;
    let city = register.tree.get(BENGBU)?;
    let name = names::federation(&city.name, &district.name);
    register.add(
        Draft::established(district, Kind::Federation, name, LATE_MARCH, random)
            .approved_by(Post::StaffingOffice, format!("{}委编委", district.name), 12)
            .unveiled_at_once()
            .noted("禹会区实现区、乡镇（街道）、村（社区）“三级全覆盖”。"),
    )?;
    let united_front = format!("{}委统战部", district.name);
    let park = register.tree.get(YUHUI_PARK)?;
    let name = names::township_federation("", &park.name);
    register.add(
        Draft::established(park, Kind::Federation, name, LATE_MARCH, random)
            .approved_by(Post::UnitedFrontDept, united_front.clone(), 6)
            .unveiled_at_once()
            .noted("文章所列唯一的园区侨联；园区为演示而设，计入禹会区77个。"),
    )?;
    for township in register.townships(YUHUI) {
        let name = names::township_federation(&district.name, &township.name);
        register.add(
            Draft::established(township, Kind::Federation, name, LATE_MARCH, random)
                .approved_by(Post::UnitedFrontDept, united_front.clone(), 8)
                .unveiled_at_once(),
        )?;
        let days_before = random.between(2, 5);
        for (village, everyday) in register.free_villages(&township.code) {
            let name = names::work_station(&township.name, &everyday);
            register.add(
                Draft::established(village, Kind::WorkStation, name, LATE_MARCH, random)
                    .approved_by(
                        Post::PartyCommittee,
                        names::township_committee(&district.name, &township.name),
                        days_before,
                    )
                    .unveiled_at_once(),
            )?;
        }
    }
    Ok(())
}

/// Adds 太慈镇, founded by congress on 2022-05-24.
fn add_taici(register: &mut Register<'_, '_>) -> anyhow::Result<()> {
    let township = register.tree.get(TAICI)?;
    let county = register
        .tree
        .get(township.parent.as_deref().unwrap_or_default())?;
    let random = &mut Random::of("太慈镇");
    let name = names::township_federation(&county.name, &township.name);
    let on = PreciseDate::day(ymd(2022, 5, 24));
    register.add(
        Draft::established(township, Kind::Federation, name, on, random)
            .approved_by(Post::UnitedFrontDept, format!("{}委统战部", county.name), 15)
            .on_basis(Basis::Congress)
            .unveiled_at_once()
            .noted("太慈镇第一次归侨侨眷代表大会选举成立，为安庆市第一个乡镇侨联。"),
    )
}

/// Adds the townships and villages that the article counts without naming them.
///
/// # Errors
/// Returns an error if there are not enough areas, because the table is not that of Anhui.
pub fn fill_up_to_the_totals(register: &mut Register<'_, '_>) -> anyhow::Result<()> {
    for wave in WAVES {
        let counts = wave.townships.into_iter().zip(wave.villages);
        for ((year, month), (townships, villages)) in MONTHS.into_iter().zip(counts) {
            let random = &mut Random::of(&format!("{} in {year}-{month}", wave.city));
            let days = workdays_of(year, month);
            for _ in 0..townships {
                add_township(register, wave.city, &days, random)?;
            }
            add_villages(register, wave.city, &days, villages, random)?;
        }
    }
    Ok(())
}

fn add_township(
    register: &mut Register<'_, '_>,
    city: &str,
    days: &[NaiveDate],
    random: &mut Random,
) -> anyhow::Result<()> {
    let (day, county) = some_county(register, city, days, random)?;
    let free = register.free_townships(&county.code);
    let township = random
        .pick(&free)
        .with_context(|| format!("{} has no township left", county.name))?;
    let name = names::township_federation(&county.name, &township.name);
    let basis = if random.chance(60) {
        Basis::Congress
    } else {
        Basis::New
    };
    let days_later = random.between(0, 10);
    register.add(
        Draft::established(township, Kind::Federation, name, reported_on(day, random), random)
            .approved_by(
                Post::UnitedFrontDept,
                format!("{}委统战部", county.name),
                random.between(3, 12),
            )
            .on_basis(basis)
            .unveiled_after(days_later),
    )
}

/// Adds villages in small groups: one township founds one to three on a day.
fn add_villages(
    register: &mut Register<'_, '_>,
    city: &str,
    days: &[NaiveDate],
    mut left: usize,
    random: &mut Random,
) -> anyhow::Result<()> {
    while left > 0 {
        let (day, county) = some_county(register, city, days, random)?;
        let township = some_township(register, county, day, random)?;
        let mut villages = register.free_villages(&township.code);
        random.shuffle(&mut villages);
        villages.truncate((random.between(1, 3) as usize).min(left));
        left -= villages.len();
        let on = reported_on(day, random);
        let days_before = random.between(2, 8);
        let days_later = random.between(0, 15);
        for (village, everyday) in villages {
            let name = names::work_station(&township.name, &everyday);
            let draft = Draft::established(village, Kind::WorkStation, name, on, random).approved_by(
                Post::PartyCommittee,
                names::township_committee(&county.name, &township.name),
                days_before,
            );
            let unveiled = random.chance(80);
            register.add(if unveiled {
                draft.unveiled_after(days_later)
            } else {
                draft
            })?;
        }
    }
    Ok(())
}

/// Returns a day, and a county of the city whose federation existed by then. 禹会区 is complete and gets no more.
fn some_county<'a>(
    register: &Register<'a, '_>,
    city: &str,
    days: &[NaiveDate],
    random: &mut Random,
) -> anyhow::Result<(NaiveDate, &'a AreaRow)> {
    let day = random
        .pick(days)
        .copied()
        .context("a month without working days")?;
    let mut counties = register.counties_with_federation(city, day);
    counties.retain(|county| county.code != YUHUI);
    let county = random
        .pick(&counties)
        .with_context(|| format!("{city} has no county federation on {day}"))?;
    Ok((day, county))
}

/// Returns a township of the county with free villages, more often than not one with its own federation if there is
/// one.
fn some_township<'a>(
    register: &Register<'a, '_>,
    county: &AreaRow,
    day: NaiveDate,
    random: &mut Random,
) -> anyhow::Result<&'a AreaRow> {
    let mut townships = register.townships(&county.code);
    townships.retain(|township| !register.free_villages(&township.code).is_empty());
    let leading: Vec<_> = townships
        .iter()
        .copied()
        .filter(|township| register.has_federation(&township.code, day))
        .collect();
    let from = if leading.is_empty() || random.chance(40) {
        &townships
    } else {
        &leading
    };
    random
        .pick(from)
        .copied()
        .with_context(|| format!("{} has no village left", county.name))
}

#[cfg(test)]
mod tests {
    use qiaojian_domain::area::Level;

    use super::*;

    #[test]
    fn the_waves_and_the_named_make_the_articles_totals() {
        let sum = |of: fn(&Wave) -> [usize; 7]| WAVES.iter().flat_map(of).sum::<usize>();
        assert_eq!(COUNTIES.len() + 1, 15);
        assert_eq!(sum(|wave| wave.townships) + 7 + 1, 31);
        assert_eq!(sum(|wave| wave.villages) + 68, 277);
        assert!(
            COUNTIES
                .iter()
                .all(|(code, _)| Level::of_code(code) == Some(Level::County))
        );
    }
}
