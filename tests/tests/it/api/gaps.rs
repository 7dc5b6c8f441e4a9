//! From counts by a rule to what is missing: `/v1/areas/{code}/counts`, `/v1/rules`, `/v1/gaps`, and the figure `fulfilment`.

use chrono::TimeDelta;
use qiaojian_domain::access::{Post, Role};
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, TestApi, with_api};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

/// Every township should have an organization; a village from 10 persons or 3 households on, and a liaison post below.
async fn maanshans_rule(office: &Client, scope: &str) {
    let rule = json!({"kind": "establishment", "name": "default", "scope_area": scope, "effective_from": "2021-11-01",
        "params": {"levels": ["township"], "village": {"persons": 10, "households": 3}}, "source": "马鞍山市试点工作实施方案"});
    office.post("/v1/rules", &rule).await.expect(201);
}

async fn found(caller: &Client, area: &str, kind: &str) {
    let body = json!({"area": area, "kind": kind, "name": area, "status": "established", "established_on": "2022-03-01"});
    caller.post("/v1/organizations", &body).await.expect(201);
}

async fn counted(caller: &Client, area: &str, persons: Value, households: Value, on: &str) {
    let body = json!({"persons": persons, "households": households, "counted_on": on, "source": "侨情普查"});
    caller
        .post(&format!("/v1/areas/{area}/counts"), &body)
        .await
        .expect(201);
}

/// Area and what it lacks, of each gap.
async fn missing(caller: &Client, query: &str) -> Vec<(String, String)> {
    let page = caller.get(&format!("/v1/gaps{query}")).await.expect(200).json();
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gap| (word(&gap["area"]), word(&gap["required"])))
        .collect()
}

fn named(gaps: &[(&str, &str)]) -> Vec<(String, String)> {
    gaps.iter()
        .map(|(area, required)| ((*area).to_owned(), (*required).to_owned()))
        .collect()
}

async fn fulfilment(caller: &Client, query: &str) -> Value {
    let path = format!("/v1/figures?metric=fulfilment&cohort=all{query}");
    caller.get(&path).await.expect(200).json()
}

fn numbers(answer: &Value) -> (i64, i64, i64) {
    let total = &answer["totals"][0];
    let number = |name: &str| total[name].as_i64().unwrap();
    (number("numerator"), number("denominator"), number("undetermined"))
}

async fn county(api: &TestApi) -> Client {
    api.caller("340304", Role::CountyReporter).await
}

#[apply(both_databases)]
fn the_rule_asks_counts_decide_and_unknown_is_not_zero(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let county = county(api).await;
        assert!(
            missing(&county, "").await.is_empty(),
            "without a rule nothing is asked"
        );
        maanshans_rule(&office, "340000").await;
        let all = [
            ("340304001", "organization"),
            ("340304001001", "undetermined"),
            ("340304001002", "undetermined"),
            ("340304002", "organization"),
        ];
        assert_eq!(missing(&county, "").await, named(&all));
        assert_eq!(numbers(&fulfilment(&county, "").await), (0, 2, 2));

        // 9 persons and 2 households: a liaison post. 3 households: an organization.
        counted(&county, "340304001001", json!(9), json!(2), "2022-01-01").await;
        counted(&county, "340304001002", Value::Null, json!(3), "2022-01-01").await;
        found(&county, "340304001", "federation").await;
        let now = [
            ("340304001001", "liaison_post"),
            ("340304001002", "organization"),
            ("340304002", "organization"),
        ];
        assert_eq!(missing(&county, "").await, named(&now));
        assert_eq!(numbers(&fulfilment(&county, "").await), (1, 4, 0));
        found(&county, "340304001001", "liaison_post").await;
        found(&county, "340304001002", "work_sub_station").await;
        assert_eq!(
            missing(&county, "").await,
            named(&[("340304002", "organization")])
        );
        assert_eq!(missing(&county, "?level=village").await, named(&[]));
        let answer = fulfilment(&county, "&group_by=level").await;
        assert_eq!(numbers(&answer), (3, 4, 0));
        assert_eq!(answer["totals"][0]["value"], 75);

        // A later count raises what is asked from its day on; earlier days stay as they were.
        counted(&county, "340304001001", json!(10), json!(2), "2022-05-01").await;
        assert_eq!(
            missing(&county, "?as_of=2022-04-30").await,
            named(&[("340304002", "organization")])
        );
        let raised = [("340304001001", "organization"), ("340304002", "organization")];
        assert_eq!(missing(&county, "?as_of=2022-05-01").await, named(&raised));
    });
}

#[apply(both_databases)]
fn a_gap_says_why_and_every_number_opens(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        maanshans_rule(&office, "340300").await;
        let gaps = office
            .get("/v1/gaps?limit=1&area=340304")
            .await
            .expect(200)
            .json();
        assert_eq!(
            gaps["items"][0]["reason"],
            "乡镇（街道）应建立侨联组织，尚未建立。"
        );
        assert_eq!(gaps["items"][0]["name"], "大庆街道");
        let next = gaps["next_cursor"].as_str().unwrap();
        let rest = office
            .get(&format!("/v1/gaps?limit=200&area=340304&cursor={next}"))
            .await
            .expect(200);
        assert_eq!(rest.json()["items"].as_array().unwrap().len(), 3);
        let request = office
            .request(
                reqwest::Method::GET,
                "/v1/gaps?required=undetermined&area=340304001",
            )
            .header("Accept-Language", "en");
        let english = office.send(request).await.expect(200).json();
        assert!(
            english["items"][0]["reason"]
                .as_str()
                .unwrap()
                .contains("cannot be determined")
        );

        // 宣城 is bound by no rule of 蚌埠's.
        assert!(missing(&office, "?area=341800").await.is_empty());
        let answer = fulfilment(&office, "").await;
        let rules = answer["rules"].as_array().unwrap();
        assert_eq!(
            rules.len(),
            2,
            "the counting rule and the establishment rule: {rules:?}"
        );
        assert_eq!(
            (&rules[0]["scope"], &rules[1]["scope"]),
            (&Value::Null, &json!("340300"))
        );
        // 13 areas can be covered; it speaks of 3 townships and 2 villages of 蚌埠's.
        assert_eq!(answer["totals"][0]["unruled"], 8);
        let gaps = office.get("/v1/gaps?area=341800").await.expect(200).json();
        assert_eq!(
            (&gaps["items"], &gaps["unruled"]),
            (&json!([]), &json!(4)),
            "empty because no rule speaks of them"
        );
        let gaps = office.get("/v1/gaps?level=county").await.expect(200).json();
        assert_eq!((&gaps["items"], &gaps["unruled"]), (&json!([]), &json!(3)));
        assert_eq!(gaps["rules"], answer["rules"]);
        let total = &answer["totals"][0];
        for (link, number) in [
            ("members", "numerator"),
            ("denominator_members", "denominator"),
            ("undetermined_members", "undetermined"),
            ("unruled_members", "unruled"),
        ] {
            let page = office
                .get(&format!("{}&limit=200", total[link].as_str().unwrap()))
                .await
                .expect(200);
            let rows = page.json()["items"].as_array().unwrap().len();
            assert_eq!(
                i64::try_from(rows).unwrap(),
                total[number].as_i64().unwrap(),
                "{link}"
            );
        }
    });
}

#[apply(both_databases)]
fn rules_of_several_scopes_add_up_and_a_later_version_replaces_the_earlier(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let county = county(api).await;
        maanshans_rule(&office, "340000").await;
        let own = json!({"kind": "establishment", "name": "default", "scope_area": "340304", "effective_from": "2022-06-01",
            "params": {"levels": ["county"]}, "source": "区方案"});
        office.post("/v1/rules", &own).await.expect(201);
        let all = [
            ("340304", "organization"),
            ("340304001", "organization"),
            ("340304001001", "undetermined"),
            ("340304001002", "undetermined"),
            ("340304002", "organization"),
        ];
        assert_eq!(
            missing(&county, "").await,
            named(&all),
            "the county's speaks of counties alone"
        );
        assert_eq!(missing(&county, "?as_of=2022-05-31").await, named(&all[1..]));
        let mut next = own.clone();
        next["params"] = json!({"village": {"persons": 1, "households": 1}});
        let refused = office.post("/v1/rules", &next).await.expect(409).json();
        assert_eq!(refused["type"], "/problems/rule_changed_today", "{refused}");
        api.clock.advance(TimeDelta::days(1));
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let county = self::county(api).await;
        let mut before = next.clone();
        before["effective_from"] = json!("2022-05-31");
        let refused = office.post("/v1/rules", &before).await.expect(422).json();
        assert_eq!(refused["errors"][0]["code"], "before_last_version", "{refused}");
        office.post("/v1/rules", &next).await.expect(201);
        assert_eq!(
            missing(&county, "").await,
            named(&all[1..]),
            "the newest version of a scope is all of it"
        );
        next["params"] = json!({"levels": ["hamlet"]});
        office.post("/v1/rules", &next).await.expect(400);
    });
}

#[apply(both_databases)]
fn an_organization_is_all_that_any_count_could_ask(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let county = county(api).await;
        maanshans_rule(&office, "340000").await;
        found(&county, "340304001001", "work_sub_station").await;
        found(&county, "340304001002", "liaison_post").await;
        assert_eq!(
            missing(&county, "?level=village").await,
            named(&[("340304001002", "undetermined")]),
            "a liaison post may not be enough"
        );
        assert_eq!(numbers(&fulfilment(&county, "").await), (1, 3, 1));
    });
}

#[apply(both_databases)]
fn nobodys_people_vanish_in_a_merger_or_a_split(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let county = county(api).await;
        maanshans_rule(&office, "340000").await;
        counted(&county, "340304001001", json!(12), json!(2), "2022-01-01").await;
        counted(&county, "340304001002", json!(2), json!(0), "2022-03-01").await;
        found(&county, "340304001002", "liaison_post").await;
        let villages = async |day: &str| missing(&county, &format!("?level=village&as_of={day}")).await;
        let before = named(&[("340304001001", "organization")]);
        assert_eq!(villages("2022-05-31").await, before);
        let merge = json!({"into": "340304001002", "on": "2022-06-01", "reason": "并村"});
        office
            .post("/v1/areas/340304001001/merge", &merge)
            .await
            .expect(200);
        let merged = named(&[("340304001002", "organization")]);
        assert_eq!(villages("2022-06-01").await, merged, "14 persons live there");
        assert_eq!(villages("2022-05-31").await, before);

        // What is found out later of a part is known of the whole.
        counted(&county, "340304001002", json!(2), json!(0), "2022-06-20").await;
        assert_eq!(
            villages("2022-06-20").await,
            named(&[]),
            "counted anew, a liaison post will do"
        );
        assert_eq!(villages("2022-06-19").await, merged);

        let split =
            json!({"into": [{"code": "340304001003", "name": "新村"}], "on": "2022-06-22", "reason": "析出"});
        office
            .post("/v1/areas/340304001002/split", &split)
            .await
            .expect(200);
        assert_eq!(
            villages("2022-06-22").await,
            named(&[("340304001002", "undetermined"), ("340304001003", "undetermined")])
        );
        counted(&county, "340304001003", json!(10), json!(0), "2022-06-22").await;
        assert_eq!(
            villages("2022-06-22").await,
            named(&[("340304001002", "undetermined"), ("340304001003", "organization")])
        );
    });
}

#[apply(both_databases)]
fn what_lacks_one_opens_in_one_call(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        found(&office, "340304", "federation").await;
        let query = "/v1/figures?metric=organization_coverage&group_by=level&cohort=all";
        let answer = office.get(query).await.expect(200).json();
        let items = answer["items"].as_array().unwrap();
        let counties = items
            .iter()
            .find(|item| item["group"]["level"] == "county")
            .unwrap();
        assert_eq!(
            (&counties["numerator"], &counties["denominator"]),
            (&json!(1), &json!(3))
        );
        let link = counties["missing_members"].as_str().unwrap();
        assert!(link.contains("part=missing"), "{link}");
        let page = office.get(link).await.expect(200).json();
        let areas: Vec<&str> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["area"].as_str().unwrap())
            .collect();
        assert_eq!(areas, ["340322", "341802"]);
    });
}

/// Area and since when, of each gap.
async fn since(caller: &Client, query: &str) -> Vec<(String, String)> {
    let page = caller.get(&format!("/v1/gaps{query}")).await.expect(200).json();
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let gaps = page["items"].as_array().unwrap().iter();
    gaps.map(|gap| (word(&gap["area"]), word(&gap["since"])))
        .collect()
}

/// Establishes something on 2022-03-01 and gives its address.
async fn established(caller: &Client, area: &str, kind: &str) -> String {
    let body = json!({"area": area, "kind": kind, "name": area, "status": "established", "established_on": "2022-03-01"});
    let made = caller.post("/v1/organizations", &body).await.expect(201);
    made.header("location").unwrap().to_owned()
}

#[apply(both_databases)]
fn a_gap_is_as_old_as_its_rule_its_area_and_what_it_had(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let county = county(api).await;
        maanshans_rule(&office, "340000").await;
        for village in ["340304001001", "340304001002"] {
            counted(&county, village, json!(1), json!(1), "2021-10-01").await;
        }
        let street = established(&county, "340304001", "federation").await;
        let post = established(&county, "340304001001", "liaison_post").await;
        let station = established(&county, "340304001002", "work_station").await;
        let new =
            json!({"code": "340304003", "name": "新街道", "parent": "340304", "valid_from": "2022-04-01"});
        office.post("/v1/areas", &new).await.expect(201);
        assert_eq!(
            since(&county, "").await,
            named(&[("340304002", "2021-11-01"), ("340304003", "2022-04-01")])
        );

        // One is closed, established again and closed again; one goes elsewhere; one ends as what it was not asked to be.
        let act = async |path: &str, verb: &str, body: Value| {
            county.post(&format!("{path}/{verb}"), &body).await.expect(200);
        };
        let closed = |on: &str| json!({"on": on, "reason": "撤销"});
        act(&street, "close", closed("2022-04-10")).await;
        act(&street, "reopen", json!({"on": "2022-05-01", "reason": "恢复"})).await;
        act(
            &post,
            "move",
            json!({"area": "340304001002", "on": "2022-05-20", "reason": "调整"}),
        )
        .await;
        act(&station, "close", closed("2022-06-01")).await;
        let now = [
            ("340304001001", "2022-05-20"),
            ("340304002", "2021-11-01"),
            ("340304003", "2022-04-01"),
        ];
        assert_eq!(
            since(&county, "").await,
            named(&now),
            "the post covers the village that lost its station"
        );
        act(&street, "close", closed("2022-06-10")).await;
        let street_again = ("340304001", "2022-06-10");
        assert_eq!(
            since(&county, "?level=township").await[0],
            named(&[street_again])[0]
        );
        assert_eq!(
            since(&county, "?as_of=2022-04-30&level=township").await[0],
            named(&[("340304001", "2022-04-10")])[0]
        );

        // Today is 2022-06-24: 340304003 is 84 days old.
        assert_eq!(since(&county, "?min_age_days=84").await, named(&now[1..]));
        assert_eq!(since(&county, "?min_age_days=85").await, named(&now[1..2]));
        assert_eq!(since(&county, "?min_age_days=14&level=township").await.len(), 3);
        assert_eq!(since(&county, "?min_age_days=15&level=township").await.len(), 2);
        county.get("/v1/gaps?min_age_days=-1").await.expect(400);
    });
}

#[apply(both_databases)]
fn raw_counts_stay_at_county_level_and_below(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = county(api).await;
        counted(&county, "340304001001", json!(12), Value::Null, "2022-01-01").await;
        counted(&county, "340304001001", json!(13), json!(4), "2022-05-01").await;
        // The same day again: the earlier one was wrong.
        counted(&county, "340304001001", json!(14), json!(4), "2022-05-01").await;
        let counts = county
            .get("/v1/areas/340304001001/counts")
            .await
            .expect(200)
            .json();
        let told: Vec<_> = counts["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|count| (count["persons"].clone(), count["households"].clone()))
            .collect();
        assert_eq!(told, [(json!(14), json!(4)), (json!(12), Value::Null)]);
        let bad = [
            json!({"counted_on": "2022-05-01", "source": "x"}),
            json!({"persons": -1, "counted_on": "2022-05-01", "source": "x"}),
            json!({"persons": 1, "counted_on": "2022-06-25", "source": "x"}),
            json!({"persons": 1, "counted_on": "2022-05-01", "source": " "}),
        ];
        for body in bad {
            county
                .post("/v1/areas/340304001001/counts", &body)
                .await
                .expect(422);
        }
        county.get("/v1/areas/341802001001/counts").await.expect(404);
        let scopes = Role::ProvinceAdmin.scopes();
        let city = api
            .caller_with("340300", Post::Federation, Role::ProvinceAdmin, scopes)
            .await;
        let refused = city.get("/v1/areas/340304001001/counts").await.expect(403);
        assert_eq!(refused.json()["type"], "/problems/not_yours");
        let body = json!({"persons": 1, "counted_on": "2022-05-01", "source": "x"});
        city.post("/v1/areas/340304001001/counts", &body)
            .await
            .expect(403);
    });
}

async fn programme(office: &Client) -> String {
    let body = json!({"code": "pilot", "title": "试点", "baseline_on": "2021-10-31", "starts_on": "2021-11-01", "target_on": "2022-12-31"});
    let made = office.post("/v1/programs", &body).await.expect(201).json();
    made["id"].as_str().unwrap().to_owned()
}

#[apply(both_databases)]
fn gaps_become_assignments_in_one_call_and_what_is_none_is_refused(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        maanshans_rule(&office, "340000").await;
        let program = programme(&office).await;
        let county = county(api).await;
        let task = |no: i32, gaps: Value| {
            json!({"program": program, "no": no, "theme": "lead_organization", "content": "建立侨联组织",
                "lead_post": "federation", "due_on": "2022-12-31", "gaps": gaps})
        };
        let assigned = async |reply: &Value| {
            let path = format!("/v1/tasks/{}/assignments", reply["id"].as_str().unwrap());
            let page = county.get(&path).await.expect(200).json();
            let items = page["items"].as_array().unwrap().clone();
            items
                .iter()
                .map(|item| item["area"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let all = county
            .post("/v1/gaps/tasks", &task(1, json!({"level": ["township"]})))
            .await
            .expect(201)
            .json();
        assert_eq!(assigned(&all).await, ["340304001", "340304002"]);

        // An unknown count is a gap only for whoever asks to have it counted.
        let counting = json!({"required": ["undetermined"], "areas": ["340304001001"]});
        let one = county
            .post("/v1/gaps/tasks", &task(2, counting))
            .await
            .expect(201)
            .json();
        assert_eq!(assigned(&one).await, ["340304001001"]);

        let named = task(
            3,
            json!({"areas": ["340304002", "340304001", "341802001", "340304001001"]}),
        );
        found(&county, "340304001", "federation").await;
        let refused = county.post("/v1/gaps/tasks", &named).await.expect(422).json();
        let pointers: Vec<&str> = refused["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["pointer"].as_str().unwrap())
            .collect();
        assert_eq!(pointers, ["/gaps/areas/1", "/gaps/areas/2", "/gaps/areas/3"]);

        // The same request is the same task, whatever has become of the gap since.
        let mut again = task(3, json!({"areas": ["340304002"]}));
        again["id"] = json!("01890a5d-ac96-774b-bcce-b302099a8057");
        let first = county.post("/v1/gaps/tasks", &again).await.expect(201).json();
        found(&county, "340304002", "federation").await;
        assert_eq!(
            county.post("/v1/gaps/tasks", &again).await.expect(200).json()["id"],
            first["id"]
        );
        let closed = task(4, json!({"level": ["township"]}));
        let refused = county.post("/v1/gaps/tasks", &closed).await.expect(422).json();
        assert_eq!(refused["errors"][0]["code"], "no_gap");

        let outside = task(5, json!({"area": "341800"}));
        county.post("/v1/gaps/tasks", &outside).await.expect(404);
        let street = api.caller("340304001", Role::TownshipReporter).await;
        street
            .post("/v1/gaps/tasks", &task(6, json!({})))
            .await
            .expect(403);
    });
}
