//! Fills a database through the store: the areas of Anhui, and organizations in them.

use std::io::Read as _;

use anyhow::Context as _;
use chrono::{Days, NaiveDate};
use qiaojian_domain::area::{AreaKind, Level};
use qiaojian_domain::clock::{Clock as _, ManualClock, SeededEntropy, UtcTime};
use qiaojian_domain::dates::Precision;
use qiaojian_domain::digest::sha256_hex;
use qiaojian_domain::ids::{AreaId, OrganizationId};
use qiaojian_domain::organization::{Basis, Facts, Host, Kind, Life, PreciseDate, Status, Verification};
use qiaojian_store::areas::{self, AreaVersion, NewArea};
use qiaojian_store::db::Db;
use qiaojian_store::organizations::{self, NewOrganization};
use qiaojian_store::{Actor, Recording, StoreError, Subtree};
use serde::Deserialize;

use crate::random::Random;

const ANHUI: &[u8] = include_bytes!("../../demo/areas-anhui.csv.zst");
/// Rows in one write.
const CHUNK: usize = 100;
/// An area serves as the root of a list when it has at least this many organizations below it.
const LIST_ROWS: usize = 60;

/// What requests are drawn from.
#[derive(Debug, Clone, Default)]
pub struct Filled {
    /// Ids of organizations.
    pub ids: Vec<OrganizationId>,
    /// Codes of cities and counties with more than a page of organizations.
    pub roots: Vec<String>,
    /// Codes of areas in which an organization may be recorded.
    pub codes: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct AreaRow {
    code: String,
    level: Level,
    parent: Option<String>,
    name: String,
    kind: AreaKind,
}

/// Adds the areas, then `count` organizations: one per administrative area first, then second ones where a kind is free.
///
/// # Errors
/// When the table cannot be read or a row is refused.
pub async fn fill(db: &Db, count: usize) -> anyhow::Result<Filled> {
    let clock = ManualClock::at("2022-06-24T08:36:00Z".parse::<UtcTime>()?);
    let entropy = SeededEntropy::new(20_220_624);
    let areas = add_areas(db, &clock, &entropy).await?;
    let mut random = Random::new(325);
    let mut administrative: Vec<&AreaVersion> = areas
        .iter()
        .filter(|area| area.kind == AreaKind::Administrative)
        .collect();
    random.shuffle(&mut administrative);
    let places = places(&administrative).take(count);
    let news: Vec<NewOrganization> = places
        .enumerate()
        .map(|(number, (area, kind))| NewOrganization {
            id: OrganizationId::generate(&clock, &entropy),
            digest: sha256_hex(number.to_string()),
            area: area.clone(),
            parent: None,
            facts: facts(&mut random, area, kind),
            verification: Verification::Verified,
        })
        .collect();
    anyhow::ensure!(
        news.len() == count,
        "Anhui has room for {} organizations only",
        news.len()
    );
    let filled = Filled {
        ids: news.iter().map(|new| new.id).collect(),
        roots: roots(&administrative, &news),
        codes: administrative.iter().map(|area| area.code.clone()).collect(),
    };
    add_organizations(db, news, clock.today()).await?;
    Ok(filled)
}

fn places<'a>(areas: &'a [&'a AreaVersion]) -> impl Iterator<Item = (&'a AreaVersion, Kind)> {
    let first = areas.iter().map(|area| {
        let kind = if area.level == Level::Village {
            Kind::WorkSubStation
        } else {
            Kind::Federation
        };
        (*area, kind)
    });
    let second = areas
        .iter()
        .filter(|area| Kind::WorkStation.may_stand_at(area.level));
    first.chain(second.map(|area| (*area, Kind::WorkStation)))
}

fn roots(areas: &[&AreaVersion], news: &[NewOrganization]) -> Vec<String> {
    let has_page = |area: &AreaVersion| {
        let subtree = area.subtree();
        let below = news.iter().filter(|new| subtree.contains(&new.area.path));
        below.take(LIST_ROWS).count() == LIST_ROWS
    };
    let candidates = areas
        .iter()
        .filter(|area| matches!(area.level, Level::City | Level::County));
    candidates
        .filter(|area| has_page(area))
        .map(|area| area.code.clone())
        .collect()
}

/// 85 of 100 are established, between 2016 and 2022; the others are being prepared.
fn facts(random: &mut Random, area: &AreaVersion, kind: Kind) -> Facts {
    let begin = NaiveDate::from_ymd_opt(2016, 1, 1).unwrap_or_default();
    let on = begin + Days::new(random.next() % 2300);
    let established = random.below(100) < 85;
    let day = established.then_some(PreciseDate {
        on,
        precision: Precision::Day,
    });
    let quota = i32::try_from(random.below(5)).unwrap_or(0);
    Facts {
        host: Host::Area,
        kind,
        name: format!("{}侨联组织", area.name.chars().take(60).collect::<String>()),
        life: Life {
            status: if established {
                Status::Established
            } else {
                Status::Preparing
            },
            approved: None,
            established: day,
            unveiled: day,
            closed: None,
            reopenings: Vec::new(),
        },
        approval_post: None,
        approval_doc_no: established.then(|| format!("示例侨〔2022〕{}号", random.below(300))),
        basis: Basis::New,
        replaces: None,
        has_office: random.below(2) == 0,
        affiliation: None,
        quota_posts: Some(quota),
        posts_filled: Some(quota.min(1)),
        five_have: Default::default(),
        standing_rules: Default::default(),
        term_ends_on: None,
        note: Some("压力测试数据".to_owned()),
    }
}

async fn add_areas(
    db: &Db,
    clock: &ManualClock,
    entropy: &SeededEntropy,
) -> anyhow::Result<Vec<AreaVersion>> {
    let mut text = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(ANHUI)
        .context("the area table cannot be unpacked")?
        .read_to_end(&mut text)?;
    let rows: Vec<AreaRow> = csv::Reader::from_reader(text.as_slice())
        .into_deserialize()
        .collect::<Result<_, _>>()
        .context("the area table cannot be read")?;
    let mut known: std::collections::BTreeMap<String, AreaVersion> = Default::default();
    for level in Level::ALL {
        let news: Vec<NewArea> = rows
            .iter()
            .filter(|row| row.level == *level)
            .map(|row| NewArea {
                id: AreaId::generate(clock, entropy),
                code: row.code.clone(),
                name: row.name.clone(),
                level: row.level,
                kind: row.kind,
                parent: row.parent.as_ref().and_then(|parent| known.get(parent).cloned()),
                valid_from: NaiveDate::from_ymd_opt(1949, 10, 1).unwrap_or_default(),
            })
            .collect();
        for chunk in news.chunks(CHUNK).map(<[NewArea]>::to_vec) {
            let added = db
                .write(move |tx| {
                    let actor = Actor::system("benchmark");
                    let mut recording = Recording::begin(tx, &actor)?;
                    chunk
                        .iter()
                        .map(|new| areas::create(&mut recording, new))
                        .collect::<Result<Vec<_>, StoreError>>()
                })
                .await?;
            known.extend(added.into_iter().map(|area| (area.code.clone(), area)));
        }
    }
    Ok(known.into_values().collect())
}

async fn add_organizations(db: &Db, news: Vec<NewOrganization>, today: NaiveDate) -> anyhow::Result<()> {
    for chunk in news.chunks(CHUNK).map(<[NewOrganization]>::to_vec) {
        db.write(move |tx| {
            let actor = Actor::system("benchmark");
            let mut recording = Recording::begin(tx, &actor)?;
            for new in &chunk {
                organizations::create(&mut recording, &Subtree::everything(), new, today)?;
            }
            Ok::<_, StoreError>(())
        })
        .await?;
    }
    Ok(())
}
