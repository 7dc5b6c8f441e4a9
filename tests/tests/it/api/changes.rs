//! `/v1/changes`: a phone that was offline is told what changed where it looks, and nothing else.

use insta::assert_json_snapshot;
use qiaojian_domain::access::{Post, Role, Scope};
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, with_api};
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::bulletins::{campaign, of_month};
use super::tasks::{issue, province};
use crate::both_databases;

/// Where the ledger is: what a phone asks for before it loads its lists.
async fn present(caller: &Client) -> String {
    let answer = caller.get("/v1/changes").await.expect(200).json();
    assert_eq!(
        (&answer["items"], &answer["more"]),
        (&json!([]), &json!(false)),
        "nothing is told but the place"
    );
    answer["next_since"].as_str().unwrap().to_owned()
}

/// All changes since a place.
async fn since(caller: &Client, place: &str) -> Vec<Value> {
    let answer = caller
        .get(&format!("/v1/changes?since={place}&limit=200"))
        .await
        .expect(200)
        .json();
    assert_eq!(answer["more"], false);
    answer["items"].as_array().unwrap().clone()
}

/// Resource, verb, area and whether it is gone, of each change.
fn told(items: &[Value]) -> Vec<String> {
    let line = |item: &Value| {
        let word = |name: &str| item[name].as_str().unwrap_or("—").to_owned();
        let gone = if item["gone"] == true { " gone" } else { "" };
        format!("{} {} {}{gone}", word("resource"), word("verb"), word("area"))
    };
    items.iter().map(line).collect()
}

async fn founded(caller: &Client, area: &str) -> String {
    let body = json!({"area": area, "kind": "federation", "name": format!("{area}侨联"), "status": "established",
        "established_on": "2022-03-01"});
    let made = caller.post("/v1/organizations", &body).await.expect(201);
    made.header("location").unwrap().to_owned()
}

#[apply(both_databases)]
fn a_phone_that_was_offline_goes_on_where_it_stopped(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let phone = api.caller("340304", Role::CountyReporter).await;
        let place = present(&phone).await;

        let township = api.caller("340304001", Role::TownshipReporter).await;
        let location = founded(&township, "340304001").await;
        township
            .patch(&location, Some("\"1\""), &json!({"note": "已建档"}))
            .await
            .expect(200);
        let counted = json!({"persons": 12, "counted_on": "2022-06-01", "source": "侨情普查"});
        township
            .post("/v1/areas/340304001001/counts", &counted)
            .await
            .expect(201);
        let elsewhere = api.caller("340322", Role::CountyReporter).await;
        founded(&elsewhere, "340322100").await;

        let answer = phone
            .get(&format!("/v1/changes?since={place}"))
            .await
            .expect(200)
            .json();
        assert_json_snapshot!(answer, {
            ".items[].id" => "[id]", ".items[].seq" => "[seq]", ".items[].at" => "[at]", ".next_since" => "[place]",
            ".items[].href" => insta::dynamic_redaction(|href, _| {
                let href = href.as_str().unwrap().to_owned();
                if href.contains("-7") { "/v1/organizations/[id]".to_owned() } else { href }
            })
        }, @r#"
        {
          "items": [
            {
              "area": "340304001",
              "at": "[at]",
              "gone": false,
              "href": "/v1/organizations/[id]",
              "id": "[id]",
              "resource": "organization",
              "seq": "[seq]",
              "verb": "create"
            },
            {
              "area": "340304001",
              "at": "[at]",
              "gone": false,
              "href": "/v1/organizations/[id]",
              "id": "[id]",
              "resource": "organization",
              "seq": "[seq]",
              "verb": "update"
            },
            {
              "area": "340304001001",
              "at": "[at]",
              "gone": false,
              "href": "/v1/areas/340304001001/counts",
              "id": "[id]",
              "resource": "counts",
              "seq": "[seq]",
              "verb": "record"
            }
          ],
          "more": false,
          "next_since": "[place]"
        }
        "#);
        for item in answer["items"].as_array().unwrap() {
            phone.get(item["href"].as_str().unwrap()).await.expect(200);
        }
        let next = answer["next_since"].as_str().unwrap();
        assert_eq!(
            next,
            present(&phone).await,
            "the place moves on past what others wrote"
        );
        assert_eq!(since(&phone, next).await, Vec::<Value>::new());
    });
}

#[apply(both_databases)]
fn what_leaves_a_county_is_gone_there_and_nobody_learns_where_it_went(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let city = api.caller("340300", Role::CityReporter).await;
        let left = api.caller("340304", Role::CountyReporter).await;
        let joined = api.caller("340322", Role::CountyReporter).await;
        let stranger = api.caller("341802", Role::CountyReporter).await;
        let before = present(&city).await;
        let location = founded(&city, "340304001").await;
        let place = present(&city).await;
        let to = json!({"area": "340322100", "on": "2022-06-01", "reason": "区划调整"});
        city.post(&format!("{location}/move"), &to).await.expect(200);

        let gone = since(&left, &place).await;
        assert_eq!(told(&gone), ["organization move 340304001 gone"]);
        assert_eq!(gone[0]["href"], Value::Null);
        assert_eq!(gone[0]["id"], location.rsplit('/').next().unwrap());
        assert!(!json!(gone).to_string().contains("340322"), "{gone:?}");
        left.get(&location).await.expect(404);
        let here = since(&joined, &place).await;
        assert_eq!(told(&here), ["organization move 340322100"]);
        joined.get(here[0]["href"].as_str().unwrap()).await.expect(200);
        assert_eq!(told(&since(&city, &place).await), ["organization move 340322100"]);
        assert_eq!(since(&stranger, &place).await, Vec::<Value>::new());

        // A correction of the area is the same to those who see it come and go; and then it is made void.
        let place = present(&city).await;
        let back = json!({"area": "340304002", "reason": "地区误填"});
        city.patch(&location, Some("\"2\""), &back).await.expect(200);
        let void = format!("{location}?reason=%E9%87%8D%E5%A4%8D");
        city.delete(&void, Some("\"3\"")).await.expect(204);
        assert_eq!(
            told(&since(&joined, &place).await),
            ["organization update 340322100 gone"]
        );
        assert_eq!(
            told(&since(&left, &place).await),
            [
                "organization update 340304002",
                "organization delete 340304002 gone"
            ]
        );
        // The whole story, told again: what was told once is told the same.
        assert_eq!(
            told(&since(&left, &before).await),
            [
                "organization create 340304001",
                "organization move 340304001 gone",
                "organization update 340304002",
                "organization delete 340304002 gone"
            ]
        );
    });
}

#[apply(both_databases)]
fn what_comes_from_above_is_told_to_whom_it_is_given(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let province = province(api).await;
        let city = api.caller("340300", Role::CityReporter).await;
        let other = api.caller("341802", Role::CountyReporter).await;
        let (location, given) = issue(api, &json!([{"area": "340300"}])).await;
        let place = present(&city).await;
        city.post(&format!("{}/acknowledge", given[0]), &json!({}))
            .await
            .expect(200);
        assert_eq!(
            told(&since(&city, &place).await),
            ["assignment acknowledge 340300"]
        );
        let all = since(&city, "0").await;
        let task = all.iter().find(|item| item["resource"] == "task").unwrap();
        assert_eq!(task["area"], Value::Null, "the issuer is none of the city's");
        assert_eq!(task["href"], location);
        city.get(&location).await.expect(200);

        let program = campaign(api).await;
        let place = present(&city).await;
        let made = province
            .post("/v1/bulletins", &of_month(program, "2022-05"))
            .await
            .expect(201);
        let bulletin = made.header("location").unwrap().to_owned();
        assert_eq!(
            since(&city, &place).await,
            Vec::<Value>::new(),
            "a draft is the issuer's"
        );
        province
            .post(&format!("{bulletin}/approve"), &json!({}))
            .await
            .expect(200);
        super::bulletins::publish(&province, &bulletin).await;
        let out = since(&city, &place).await;
        assert_eq!(told(&out), ["bulletin publish —"]);
        city.get(out[0]["href"].as_str().unwrap()).await.expect(200);
        assert_eq!(
            told(&since(&province, &place).await),
            [
                "bulletin compose 340000",
                "bulletin approve 340000",
                "bulletin publish 340000"
            ]
        );
        assert_eq!(since(&other, &place).await, Vec::<Value>::new());
        let notices = city.get("/v1/notices").await.expect(200).json();
        let notice = format!("/v1/notices/{}", notices["items"][0]["id"].as_str().unwrap());
        city.post(&format!("{notice}/acknowledge"), &json!({}))
            .await
            .expect(200);
        let read = since(&city, &place).await;
        assert_eq!(told(&read).last().unwrap(), "notice acknowledge 340300");
        // Programmes and rules are everybody's, also those of the province.
        assert!(told(&since(&other, "0").await).contains(&"program create —".to_owned()));
    });
}

#[apply(both_databases)]
fn each_noun_is_told_to_those_who_may_read_it(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = province(api).await;
        let (_, given) = issue(api, &json!([{"area": "340304"}])).await;
        let county = api.caller("340304", Role::CountyReporter).await;
        county
            .post(&format!("{}/acknowledge", given[0]), &json!({}))
            .await
            .expect(200);
        founded(&county, "340304").await;
        let counted = json!({"persons": 12, "counted_on": "2022-06-01", "source": "侨情普查"});
        county.post("/v1/areas/340304/counts", &counted).await.expect(201);
        let rule = json!({"kind": "counting", "name": "unveiled", "scope_area": "340000", "effective_from": "2022-01-01",
            "params": {"counted_from": "unveiled"}, "source": "x"});
        office.post("/v1/rules", &rule).await.expect(201);

        let nouns = async |area: &str, scopes: &[Scope]| {
            let scopes = scopes.iter().copied().chain([Scope::AreaRead]).collect();
            let caller = api
                .caller_with(area, Post::Federation, Role::ProvinceAdmin, scopes)
                .await;
            let items = since(&caller, "0").await;
            let mut nouns: Vec<String> = items
                .iter()
                .map(|item| item["resource"].as_str().unwrap().to_owned())
                .filter(|noun| noun != "area" && noun != "program")
                .collect();
            nouns.dedup();
            nouns
        };
        assert_eq!(nouns("340304", &[]).await, [""; 0]);
        assert_eq!(nouns("340304", &[Scope::OrgRead]).await, ["organization"]);
        assert_eq!(nouns("340304", &[Scope::TaskRead]).await, ["task", "assignment"]);
        assert_eq!(nouns("340304", &[Scope::RuleRead]).await, ["rule"]);
        assert_eq!(nouns("340304", &[Scope::CountsRead]).await, ["counts"]);
        assert_eq!(
            nouns("340300", &[Scope::CountsRead]).await,
            [""; 0],
            "raw counts stay below"
        );
        // Tokens are no news, and neither is what has no reader yet.
        let everything = nouns("340000", Scope::ALL).await;
        assert_eq!(everything, ["task", "assignment", "organization", "rule"]);

        let without = api
            .caller_with("340304", Post::Federation, Role::Reader, [Scope::OrgRead].into())
            .await;
        without.get("/v1/changes").await.expect(403);
    });
}

#[apply(both_databases)]
fn pages_of_any_length_make_the_same_whole(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = province(api).await;
        founded(&office, "340304001").await;
        founded(&office, "341802001").await;
        for caller in [office, api.caller("340300", Role::CityReporter).await] {
            let whole = since(&caller, "0").await;
            assert!(whole.iter().filter(|item| item["resource"] == "area").count() > 5);
            for limit in [1, 2, 3, 7] {
                let mut read = Vec::new();
                let mut place = "0".to_owned();
                loop {
                    let page = caller
                        .get(&format!("/v1/changes?since={place}&limit={limit}"))
                        .await
                        .expect(200)
                        .json();
                    let items = page["items"].as_array().unwrap();
                    assert!(items.len() <= limit);
                    read.extend(items.iter().cloned());
                    place = page["next_since"].as_str().unwrap().to_owned();
                    if page["more"] == false {
                        break;
                    }
                }
                assert_eq!(read, whole, "limit {limit}");
                assert_eq!(place, present(&caller).await);
            }
        }
    });
}

#[apply(both_databases)]
fn a_place_that_is_none_is_refused(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let phone = api.caller("340304", Role::CountyReporter).await;
        for query in [
            "since=x",
            "since=",
            "since=-1",
            "since=1.2.3",
            "since=1",
            "since=1-0123456789ABCDEF",
            "limit=0",
            "limit=201",
            "limit=x",
        ] {
            phone.get(&format!("/v1/changes?{query}")).await.expect(400);
        }
        let place = present(&phone).await;
        let (seq, hash) = place.split_once('-').unwrap();
        let next = seq.parse::<i64>().unwrap() + 1;
        // Beyond the end, and of a ledger that went another way.
        for stale in [format!("{next}-{hash}"), format!("{seq}-{}", "0".repeat(16))] {
            let refused = phone.get(&format!("/v1/changes?since={stale}")).await.expect(400);
            assert_eq!(refused.json()["errors"][0]["pointer"], "since");
            assert!(refused.text.contains("备份"), "{}", refused.text);
        }
    });
}
