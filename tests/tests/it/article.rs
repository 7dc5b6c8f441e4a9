//! The article's numbers (F1 to F9 of the reference), each asked of the API as a reader would ask, with its scope and its basis.
//!
//! F10, the make-up workdays, is no figure of the register.

use qiaojian_domain::access::{Post, Role};
use qiaojian_domain::activity::ActivityKind;
use qiaojian_domain::organization::{FiveHave, StandingRules};
use qiaojian_domain::task::Theme;
use qiaojian_store::activities::{self, ActivityInArea};
use qiaojian_store::{StoreError, Subtree};
use qiaojian_tests::api::{Client, TestApi};
use serde_json::{Value, json};

/// The demo's rows as the article has them. They are asked, then a few counts and rules are recorded to ask more.
pub async fn check(api: &TestApi) {
    let office = api.caller("340000", Role::ProvinceAdmin).await;
    let office = &office;
    f1_by_level(office).await;
    f2_growth(office).await;
    f3_yuhui(office).await;
    f5_what_was_done(api, office).await;
    f6_dates(office).await;
    f7_stages(office).await;
    f8_two_bases(office).await;
    f9_level_is_not_kind(office).await;
    milestones(office).await;
    f4_thresholds(api).await;
}

/// What the article counts: all of Anhui, both cohorts, from the day before the pilot began to the day it came out, counted from 成立.
const SCOPE: &str = "area=340000&cohort=all&from=2021-10-31&to=2022-06-24&basis=default";

async fn figures(office: &Client, question: &str) -> Value {
    let answer = office
        .get(&format!("/v1/figures?{question}"))
        .await
        .expect(200)
        .json();
    for figure in answer["items"]
        .as_array()
        .unwrap()
        .iter()
        .chain(answer["totals"].as_array().unwrap())
    {
        opens(office, figure).await;
    }
    answer
}

/// Every number opens to exactly so many rows.
async fn opens(office: &Client, figure: &Value) {
    let (link, mut cursor, mut rows) = (figure["members"].as_str().unwrap(), String::new(), 0);
    loop {
        let page = office
            .get(&format!("{link}&limit=200{cursor}"))
            .await
            .expect(200)
            .json();
        rows += page["items"].as_array().unwrap().len();
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(figure["numerator"], rows, "{figure}");
}

/// The one total of a metric.
async fn total(office: &Client, metric: &str, scope: &str) -> i64 {
    let answer = figures(office, &format!("metric={metric}&{scope}")).await;
    answer["totals"][0]["numerator"].as_i64().unwrap()
}

/// Groups and numerators, by the words of the groups.
fn groups(answer: &Value, keys: &[&str]) -> Vec<(String, i64)> {
    let items = answer["items"].as_array().unwrap().iter();
    items
        .map(|item| {
            let words: Vec<&str> = keys
                .iter()
                .map(|key| item["group"][key].as_str().unwrap_or("-"))
                .collect();
            (words.join(" "), item["numerator"].as_i64().unwrap())
        })
        .collect()
}

fn named(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
    expected
        .iter()
        .map(|(name, number)| ((*name).to_owned(), *number))
        .collect()
}

/// 325 = 1 + 15 + 31 + 277 + 1. The shares 0.3, 4.6, 9.5, 85.2, 0.3 sum to 99.9, and nobody makes them 100.
async fn f1_by_level(office: &Client) {
    let answer = figures(office, &format!("metric=added&{SCOPE}&group_by=level")).await;
    let by_level = groups(&answer, &["level"]);
    let expected = [
        ("city", 1),
        ("county", 15),
        ("park", 1),
        ("township", 31),
        ("village", 277),
    ];
    assert_eq!(by_level, named(&expected));
    assert_eq!(answer["totals"][0]["value"], 325);
    let tenths = |number: i64| (number * 1000 * 2 + 325) / (325 * 2);
    let shares: Vec<i64> = by_level.iter().map(|(_, number)| tenths(*number)).collect();
    assert_eq!(
        (shares.clone(), shares.iter().sum()),
        (vec![3, 46, 3, 95, 852], 999)
    );
}

/// +205.7 % is what was added ÷ what was there before: 325 ÷ 158, and 483 after.
async fn f2_growth(office: &Client) {
    let answer = figures(office, &format!("metric=growth&{SCOPE}")).await;
    let growth = &answer["totals"][0];
    assert_eq!(
        (&growth["numerator"], &growth["denominator"], &growth["value"]),
        (&json!(325), &json!(158), &json!(205.7))
    );
    assert_eq!(
        total(office, "organizations", "area=340000&cohort=all&as_of=2021-10-31").await,
        158
    );
    assert_eq!(
        total(office, "organizations", "area=340000&cohort=all&as_of=2022-06-24").await,
        483
    );
}

/// 77 in 禹会区 by late March, counted from 成立: the district, 7 townships, 68 villages and the park. All of them are among the 325.
async fn f3_yuhui(office: &Client) {
    let late_march = "area=340304&cohort=all&from=2021-10-31&to=2022-03-31&basis=default";
    let answer = figures(office, &format!("metric=added&{late_march}&group_by=level")).await;
    assert_eq!(
        groups(&answer, &["level"]),
        named(&[("county", 1), ("park", 1), ("township", 7), ("village", 68)])
    );
    assert_eq!(answer["totals"][0]["value"], 77);
    let all = total(office, "added", SCOPE).await;
    let without = total(
        office,
        "added",
        &SCOPE.replace("from=2021-10-31", "from=2022-03-31"),
    )
    .await;
    assert!(all - without >= 77);
}

/// (9 persons, 2 households) a liaison post; (10, 0), (0, 3), (9, 3) and (10, 2) a sub-station; unknown is not zero. By 马鞍山's rule, which
/// binds 马鞍山 alone.
async fn f4_thresholds(api: &TestApi) {
    let county = api.caller("340521", Role::CountyReporter).await;
    let gaps = "/v1/gaps?level=village&limit=200&required=";
    let missing = async |what: &str| {
        let page = county.get(&format!("{gaps}{what}")).await.expect(200).json();
        let items = page["items"].as_array().unwrap().clone();
        items
            .iter()
            .map(|gap| gap["area"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let unknown = missing("undetermined").await;
    let boundary = [
        (9, Some(2)),
        (10, Some(0)),
        (0, Some(3)),
        (9, Some(3)),
        (10, Some(2)),
        (9, None),
        (10, None),
    ];
    for (village, (persons, households)) in unknown.iter().zip(boundary) {
        let body = json!({"persons": persons, "households": households, "counted_on": "2022-06-01", "source": "侨情普查"});
        county
            .post(&format!("/v1/areas/{village}/counts"), &body)
            .await
            .expect(201);
    }
    assert_eq!(missing("liaison_post").await, unknown[..1]);
    let organizations: Vec<&String> = [1, 2, 3, 4, 6].iter().map(|place| &unknown[*place]).collect();
    assert_eq!(
        missing("organization").await.iter().collect::<Vec<_>>(),
        organizations
    );
    assert_eq!(
        missing("undetermined").await[0],
        unknown[5],
        "9 persons, and nobody counted the households"
    );
    let elsewhere = api.caller("340304", Role::CountyReporter).await;
    let none = elsewhere.get("/v1/gaps").await.expect(200).json();
    assert_eq!(none["items"], json!([]));
}

/// 4 pilot cities, 5 member units, 3 consultations, 3 county units researched, 3 + 4 visited, 3 districts in preparation, 6 themes, 5 “haves”,
/// 4 standing rules.
async fn f5_what_was_done(api: &TestApi, office: &Client) {
    let programs = office.get("/v1/programs").await.expect(200).json();
    let program = programs["items"][0]["id"].as_str().unwrap();
    let cohort = office
        .get(&format!("/v1/programs/{program}/cohort?as_of=2022-06-24"))
        .await
        .expect(200)
        .json();
    let pilots = cohort["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|city| city["cohort"] == "pilot");
    assert_eq!(pilots.count(), 4);

    let done: Vec<(ActivityInArea, usize)> = api
        .db
        .read(|conn| {
            let all = activities::list(conn, &Subtree::everything(), None, None, 1000)?;
            all.into_iter()
                .map(|one| Ok((activities::areas_of(conn, &one.activity)?.len(), one)))
                .map(|one: Result<_, StoreError>| one.map(|(areas, one)| (one, areas)))
                .collect::<Result<_, StoreError>>()
        })
        .await
        .unwrap();
    let of = |kind: ActivityKind, city: &str| -> Vec<&(ActivityInArea, usize)> {
        let is_it = |one: &&(ActivityInArea, usize)| one.0.activity.kind == kind && one.0.area_code == city;
        done.iter().filter(is_it).collect()
    };
    let consultations = of(ActivityKind::JointConsultation, "341200");
    assert_eq!(
        consultations
            .iter()
            .map(|one| one.0.activity.quantity)
            .collect::<Vec<_>>(),
        [Some(3)]
    );
    let units: Vec<Post> = serde_json::from_str(&consultations[0].0.activity.posts).unwrap();
    assert_eq!(units.len(), 5);
    let mut researched: Vec<usize> = of(ActivityKind::Research, "340300")
        .iter()
        .map(|one| one.1)
        .collect();
    researched.sort_unstable();
    assert_eq!(researched, [3, 3 + 4]);
    let seven = SCOPE.replace("area=340000", "area=340300");
    assert_eq!(
        total(office, "visited", &seven).await,
        3 + 4,
        "三县四区, each once"
    );

    let preparing = office
        .get("/v1/organizations?status=preparing")
        .await
        .expect(200)
        .json();
    assert_eq!(preparing["items"].as_array().unwrap().len(), 3);
    assert_eq!(Theme::ALL.len(), 6);
    assert_eq!(FiveHave::default().items().len(), 5);
    let StandingRules {
        learning,
        management,
        contact,
        service,
    } = StandingRules::default();
    assert_eq!([learning, management, contact, service], [None; 4]);
}

/// 3月下旬 counts from its last day, and the pilot began in a month: its baseline is set to the day before.
async fn f6_dates(office: &Client) {
    let on = async |day: &str| {
        let scope = format!("area=340304&cohort=all&from=2022-03-20&to={day}&basis=default");
        total(office, "added", &scope).await
    };
    assert_eq!((on("2022-03-25").await, on("2022-03-30").await), (0, 0));
    assert!(on("2022-03-31").await > 0);
    let programs = office.get("/v1/programs").await.expect(200).json();
    let program = &programs["items"][0];
    assert_eq!(
        (&program["baseline_on"], &program["starts_on"]),
        (&json!("2021-10-31"), &json!("2021-11-01"))
    );
    let taici = "area=340827107&cohort=all&basis=default&from=2022-05-23&to=2022-05-24";
    let founded = figures(office, &format!("metric=added&{taici}&group_by=level")).await;
    let of_the_town = &groups(&founded, &["level"])[0];
    assert_eq!(of_the_town, &("township".to_owned(), 1), "太慈镇 by its congress");
}

/// 筹备 never counts; 批复 and 挂牌 do by rules that say so.
async fn f7_stages(office: &Client) {
    let anqing = "area=340802&cohort=all&from=2021-10-31&to=2022-06-24";
    assert_eq!(
        total(office, "added", anqing).await,
        0,
        "迎江区 is in preparation"
    );
    for (name, from) in [("from_approved", "approved"), ("from_unveiled", "unveiled")] {
        let rule = json!({"kind": "counting", "name": name, "scope_area": "340000", "effective_from": "2021-10-01",
            "params": {"counted_from": from}, "source": "对照口径"});
        office.post("/v1/rules", &rule).await.expect(201);
    }
    let of = async |basis: &str, to: &str| {
        let scope = format!("area=340304&cohort=all&from=2021-10-31&to={to}&basis={basis}");
        total(office, "added", &scope).await
    };
    assert_eq!(of("from_unveiled", "2022-03-31").await, 77, "挂牌成立77个");
    assert_eq!(of("from_unveiled", "2022-03-30").await, 0);
    assert!(of("from_approved", "2022-06-24").await >= of("default", "2022-06-24").await);
    let preparing = of("from_approved", "2022-06-24").await;
    assert_eq!(preparing, 77);
}

/// 325 counts 宣城's municipal office, which was agreed to; the pilots' own are 324. Both are told, neither is adjusted.
async fn f8_two_bases(office: &Client) {
    assert_eq!(total(office, "added", SCOPE).await, 325);
    let strict = SCOPE.replace("basis=default", "basis=established_only_pilots");
    assert_eq!(total(office, "added", &strict).await, 324);
    // Side by side in one call, each opened by its own rule.
    let both = SCOPE.replace("basis=default", "basis=default,established_only_pilots");
    let answer = figures(office, &format!("metric=added,growth&{both}&group_by=level")).await;
    let totals = answer["totals"].as_array().unwrap();
    let told: Vec<_> = totals
        .iter()
        .map(|total| (&total["basis"], &total["metric"], &total["value"]))
        .collect();
    assert_eq!(
        told,
        [
            (&json!("default"), &json!("added"), &json!(325)),
            (&json!("default"), &json!("growth"), &json!(205.7)),
            (&json!("established_only_pilots"), &json!("added"), &json!(324)),
            (
                &json!("established_only_pilots"),
                &json!("growth"),
                &json!(1012.5)
            ),
        ]
    );
    assert!(
        totals[2]["members"]
            .as_str()
            .unwrap()
            .contains("basis=established_only_pilots")
    );
    let of_cities = |basis: &str| {
        let items = answer["items"].as_array().unwrap().iter();
        let cities = items.filter(|item| item["basis"] == basis && item["group"]["level"] == "city");
        cities.filter(|item| item["metric"] == "added").count()
    };
    assert_eq!(
        (of_cities("default"), of_cities("established_only_pilots")),
        (1, 0),
        "宣城's office"
    );
    let answer = figures(office, &format!("metric=added&{}&group_by=cohort", SCOPE)).await;
    assert_eq!(
        groups(&answer, &["cohort"]),
        named(&[("non_pilot", 1), ("pilot", 324)])
    );
}

/// Villages have work stations, townships federations: level is not kind.
async fn f9_level_is_not_kind(office: &Client) {
    let answer = figures(office, &format!("metric=added&{SCOPE}&group_by=level,kind")).await;
    assert_eq!(
        groups(&answer, &["level", "kind"]),
        named(&[
            ("city federation", 1),
            ("county federation", 15),
            ("park federation", 1),
            ("township federation", 31),
            ("village work_station", 277)
        ])
    );
}

/// 禹会区's three tiers, 阜阳's first county and 安庆's first township.
async fn milestones(office: &Client) {
    let list = async |query: &str| {
        let page = office
            .get(&format!("/v1/milestones?from=2021-10-31&{query}"))
            .await
            .expect(200)
            .json();
        page["items"].as_array().unwrap().clone()
    };
    let whole = list("kind=three_tier_full_coverage").await;
    let told: Vec<_> = whole
        .iter()
        .map(|one| (&one["area"], &one["reached_on"]))
        .collect();
    assert_eq!(told, [(&json!("340304"), &json!("2022-03-31"))]);
    let named = async |area: &str, level: &str| {
        let found = list(&format!("kind=first_at_level&area={area}&level={level}")).await;
        let own = found.iter().find(|one| one["area"] == area).unwrap().clone();
        own["evidence"]["organizations"].as_array().unwrap().len()
    };
    assert_eq!(
        (named("341200", "county").await, named("340800", "township").await),
        (1, 1)
    );
}
