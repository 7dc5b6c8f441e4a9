//! A stranger's first and second start.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use super::{Running, base_of, qiaojian, sign_in};

/// The pilot cities, each of which gets every bulletin.
const CITIES: [&str; 4] = ["340300", "340500", "340800", "341200"];

fn notices(data_dir: &Path) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for city in fs::read_dir(data_dir.join("notices")).unwrap() {
        let city = city.unwrap();
        for file in fs::read_dir(city.path()).unwrap() {
            let extension = file
                .unwrap()
                .path()
                .extension()
                .unwrap()
                .to_string_lossy()
                .into_owned();
            *counts
                .entry(format!("{} {extension}", city.file_name().to_string_lossy()))
                .or_default() += 1;
        }
    }
    counts
}

#[test]
fn seven_bulletins_reach_each_pilot_city_once_and_a_second_start_adds_none() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path();
    let mut first = Running::start(qiaojian(data_dir));
    let base = base_of(&first.line_with("Qiaojian listens on"));
    let credentials = data_dir.join("admin-credentials.json");
    assert_eq!(
        fs::metadata(&credentials).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(
        fs::metadata(data_dir.join("secret.key"))
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o600
    );
    let published = first.line_with("Published bulletins");
    assert!(
        published.contains("2021-12 (第1期)") && published.contains("2022-06 (第7期)"),
        "{published}"
    );
    // They may be told in any order; each city has its line.
    let told = CITIES.map(|_| first.line_with("Notices for"));
    for city in CITIES {
        let of_city = format!(" {city}: 7 written");
        assert_eq!(
            told.iter().filter(|line| line.contains(&of_city)).count(),
            1,
            "{city}: {told:?}"
        );
    }
    let expected: BTreeMap<String, usize> = CITIES
        .iter()
        .flat_map(|city| [(format!("{city} eml"), 7), (format!("{city} html"), 7)])
        .collect();
    assert_eq!(notices(data_dir), expected);

    let credentials: Value = serde_json::from_str(&fs::read_to_string(&credentials).unwrap()).unwrap();
    let http = reqwest::blocking::Client::new();
    let token = sign_in(&base, &credentials);
    let get = |base: &str, path: &str| {
        http.get(format!("{base}{path}"))
            .bearer_auth(&token)
            .send()
            .unwrap()
    };
    let bulletins: Value = get(&base, "/v1/bulletins").json().unwrap();
    let bulletins = bulletins["items"].as_array().unwrap().clone();
    assert_eq!(bulletins.len(), 7);
    let page = get(
        &base,
        &format!("/v1/bulletins/{}.html", bulletins[0]["id"].as_str().unwrap()),
    )
    .text()
    .unwrap();
    for name in ["蚌埠市", "阜阳市", "马鞍山市", "安庆市", "演示数据"] {
        assert!(page.contains(name), "{name}");
    }
    let figures: Value = get(
        &base,
        "/v1/figures?metric=added,growth,organizations&cohort=all&to=2022-06-24",
    )
    .json()
    .unwrap();
    let values: Vec<_> = figures["totals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|total| total["value"].to_string())
        .collect();
    assert_eq!(values, ["325", "205.7", "483"]);
    let strict: Value = get(
        &base,
        "/v1/figures?metric=added&cohort=all&to=2022-06-24&basis=established_only_pilots",
    )
    .json()
    .unwrap();
    assert_eq!(strict["totals"][0]["value"], 324);

    first.signal("TERM");
    assert_eq!(first.code(), Some(0));

    let mut second = Running::start(qiaojian(data_dir));
    let base = base_of(&second.line_with("Qiaojian listens on"));
    let again: Value = get(&base, "/v1/bulletins").json().unwrap();
    assert_eq!(again["items"].as_array().unwrap(), &bulletins);
    second.signal("INT");
    assert_eq!(second.code(), Some(0));
    let said: Vec<String> = second.lines.iter().collect();
    assert!(
        !said
            .iter()
            .any(|line| line.contains("Published") || line.contains("loading")),
        "{said:?}"
    );
    assert_eq!(notices(data_dir), expected);
}
