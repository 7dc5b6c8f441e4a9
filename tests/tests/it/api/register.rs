//! The register that remembers: two times on reads, history, verification, and what changes on a date.

use insta::assert_json_snapshot;
use qiaojian_domain::access::Role;
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, with_api};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const ESTABLISHED: &str = "2022-03-01";

async fn founded(caller: &Client, area: &str, kind: &str) -> String {
    let body = json!({"area": area, "kind": kind, "name": format!("{area}侨联"), "status": "established", "established_on": ESTABLISHED});
    let made = caller.post("/v1/organizations", &body).await.expect(201);
    made.header("location").unwrap().to_owned()
}

async fn known_now(caller: &Client) -> String {
    let figures = caller
        .get("/v1/figures?metric=organizations&cohort=all")
        .await
        .expect(200);
    figures.json()["known_at"].as_str().unwrap().to_owned()
}

async fn count(caller: &Client, query: &str) -> i64 {
    let figures = caller
        .get(&format!("/v1/figures?metric=organizations&cohort=all&{query}"))
        .await
        .expect(200);
    figures.json()["totals"][0]["numerator"].as_i64().unwrap()
}

#[apply(both_databases)]
fn a_read_goes_back_to_a_day_and_to_what_was_known(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let phone = api.caller("340304", Role::CountyReporter).await;
        let location = founded(&phone, "340304001", "federation").await;
        let before = known_now(&phone).await;
        let change = json!({"name": "大庆街道侨联", "established_on": "2022-05-01", "reason": "日期误填"});
        phone.patch(&location, Some("\"1\""), &change).await.expect(200);

        let now = phone
            .get(&format!("{location}?as_of=2022-06-01"))
            .await
            .expect(200)
            .json();
        assert_eq!(now["established_on"], "2022-05-01");
        assert_eq!(now["as_of"], "2022-06-01");
        let then = phone
            .get(&format!("{location}?as_of=2022-06-01&known_at={before}"))
            .await
            .expect(200);
        assert_eq!(then.json()["established_on"], ESTABLISHED);
        assert_eq!(then.json()["name"], "340304001侨联");
        assert_eq!(then.json()["known_at"], before);
        assert_eq!(then.header("etag"), None, "what was has no version to change");

        // By what is known now it was not there in April; by what was known then it was.
        phone
            .get(&format!("{location}?as_of=2022-04-01"))
            .await
            .expect(404);
        let april = format!("/v1/organizations?as_of=2022-04-01&known_at={before}");
        assert_eq!(
            phone.get(&april).await.expect(200).json()["items"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
        let april = phone.get("/v1/organizations?as_of=2022-04-01").await.expect(200);
        assert_eq!(april.json()["items"], json!([]));

        phone
            .get(&format!("{location}?as_of=2022-06-25"))
            .await
            .expect(400);
        let clamped = phone
            .get(&format!("{location}?known_at=2030-01-01T00:00:00Z"))
            .await
            .expect(200);
        assert!(
            clamped.json()["known_at"]
                .as_str()
                .unwrap()
                .starts_with("2022-06-24")
        );
    });
}

#[apply(both_databases)]
fn the_history_tells_who_when_and_what_changed(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let phone = api.caller("340304001", Role::TownshipReporter).await;
        let county = api.caller("340304", Role::CountyReporter).await;
        let location = founded(&phone, "340304001", "federation").await;
        phone
            .patch(&location, Some("\"1\""), &json!({"note": "已建档"}))
            .await
            .expect(200);
        county
            .post(&format!("{location}/verify"), &json!({}))
            .await
            .expect(200);
        let history = phone.get(&format!("{location}/history")).await.expect(200).json();
        let told: Vec<Value> = history["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| {
                json!([
                    event["verb"],
                    event["by"]["area"],
                    event["version"],
                    event["changes"]
                ])
            })
            .collect();
        assert_eq!(told[0][0], "create");
        assert_eq!(told[0][1], "340304001");
        assert_json_snapshot!(told[1..], @r#"
        [
          [
            "update",
            "340304001",
            2,
            [
              {
                "after": "已建档",
                "before": null,
                "field": "note"
              }
            ]
          ],
          [
            "verify",
            "340304",
            3,
            [
              {
                "after": "verified",
                "before": "unverified",
                "field": "verification"
              }
            ]
          ]
        ]
        "#);
        let first = phone
            .get(&format!("{location}/history?limit=1"))
            .await
            .expect(200);
        let next = first.json()["next_cursor"].as_str().unwrap().to_owned();
        let rest = phone
            .get(&format!("{location}/history?cursor={next}"))
            .await
            .expect(200);
        assert_eq!(rest.json()["items"].as_array().unwrap().len(), 2);
    });
}

#[apply(both_databases)]
fn what_an_area_reports_waits_for_the_area_above(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let phone = api.caller("340304001", Role::TownshipReporter).await;
        let county = api.caller("340304", Role::CountyReporter).await;
        let location = founded(&phone, "340304001", "federation").await;
        let waiting = "/v1/organizations?verification=unverified";
        assert_eq!(
            county.get(waiting).await.expect(200).json()["items"]
                .as_array()
                .unwrap()
                .len(),
            1
        );

        phone
            .post(&format!("{location}/verify"), &json!({}))
            .await
            .expect(403);
        let own = founded(&county, "340304", "federation").await;
        let refused = county
            .post(&format!("{own}/verify"), &json!({}))
            .await
            .expect(403);
        assert_eq!(
            refused.json()["type"],
            "/problems/not_yours",
            "nobody verifies its own report"
        );
        county
            .post(&format!("{location}/reject"), &json!({}))
            .await
            .expect(422);
        let rejected = county
            .post(&format!("{location}/reject"), &json!({"reason": "缺批复文号"}))
            .await
            .expect(200)
            .json();
        assert_eq!(rejected["verification"], "rejected");
        assert_eq!(rejected["verification_reason"], "缺批复文号");
        assert_eq!(
            count(&county, "area=340304001").await,
            0,
            "what was rejected does not count"
        );

        // The township mends it, which is a new report; the county agrees, once.
        let mended = json!({"approval": {"doc_no": "禹侨〔2022〕3号"}});
        let mended = phone.patch(&location, Some("\"2\""), &mended).await.expect(200);
        assert_eq!(mended.json()["verification"], "unverified");
        assert_eq!(count(&county, "area=340304001").await, 1);
        county
            .post(&format!("{location}/verify"), &json!({}))
            .await
            .expect(200);
        let again = county
            .post(&format!("{location}/verify"), &json!({}))
            .await
            .expect(409);
        assert_eq!(again.json()["type"], "/problems/transition_refused");

        // What somebody above records is verified at once.
        let office = api.caller("340300", Role::CityReporter).await;
        let village = founded(&office, "340304001001", "work_station").await;
        assert_eq!(
            office.get(&village).await.expect(200).json()["verification"],
            "verified"
        );
    });
}

#[apply(both_databases)]
fn a_stricter_basis_counts_only_what_was_verified(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let phone = api.caller("340304001", Role::TownshipReporter).await;
        founded(&phone, "340304001", "federation").await;
        founded(&office, "340304", "federation").await;
        let mut rule = json!({"kind": "counting", "name": "verified_only", "scope_area": "340000", "effective_from": "2021-10-31",
            "params": {"counted_from": "established", "verified_only": true}, "source": "皖侨〔2022〕9号"});
        let recorded = office.post("/v1/rules", &rule).await.expect(201).json();
        assert_eq!(
            (&recorded["name"], &recorded["version"]),
            (&json!("verified_only"), &json!(1))
        );
        assert_eq!(count(&office, "").await, 2);
        assert_eq!(count(&office, "basis=verified_only").await, 1);

        // The next version binds from its day on; before it the first stays in force.
        rule["effective_from"] = json!("2022-06-01");
        rule["params"] = json!({"counted_from": "established"});
        assert_eq!(
            office.post("/v1/rules", &rule).await.expect(201).json()["version"],
            2
        );
        assert_eq!(count(&office, "basis=verified_only&as_of=2022-05-31").await, 1);
        assert_eq!(count(&office, "basis=verified_only&as_of=2022-06-01").await, 2);

        let mut comma = rule.clone();
        comma["name"] = json!("a,b");
        let refused = office.post("/v1/rules", &comma).await.expect(422).json();
        assert_eq!(refused["errors"][0]["code"], "name_not_listable");

        // One establishment rule stands; another name would be recorded and never asked.
        let other = json!({"kind": "establishment", "name": "马鞍山", "scope_area": "340500", "effective_from": "2022-01-01",
            "params": {"levels": ["county"]}, "source": "皖侨〔2022〕9号"});
        let refused = office.post("/v1/rules", &other).await.expect(422).json();
        assert_eq!(
            (&refused["errors"][0]["pointer"], &refused["errors"][0]["code"]),
            (&json!("/name"), &json!("name_not_supported"))
        );

        rule["params"] = json!({"counted_from": "wished"});
        office.post("/v1/rules", &rule).await.expect(400);
        rule["params"] = json!({"counted_from": "established"});
        rule["kind"] = json!("light");
        office.post("/v1/rules", &rule).await.expect(422);
        rule["kind"] = json!("counting");
        let city = api
            .caller_with(
                "340300",
                qiaojian_domain::access::Post::Federation,
                Role::ProvinceAdmin,
                Role::ProvinceAdmin.scopes(),
            )
            .await;
        city.post("/v1/rules", &rule).await.expect(422);
    });
}

#[apply(both_databases)]
fn a_move_and_a_change_of_kind_leave_earlier_figures_alone(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let location = founded(&county, "340304001", "work_station").await;
        let to = json!({"area": "340304002", "on": "2022-05-10", "reason": "区划调整"});
        let moved = county
            .post(&format!("{location}/move"), &to)
            .await
            .expect(200)
            .json();
        assert_eq!(
            (&moved["area"], &moved["valid_from"]),
            (&json!("340304002"), &json!("2022-05-10"))
        );
        for (area, before, after) in [("340304001", 1, 0), ("340304002", 0, 1)] {
            assert_eq!(
                count(&county, &format!("area={area}&as_of=2022-05-09")).await,
                before,
                "{area}"
            );
            assert_eq!(
                count(&county, &format!("area={area}&as_of=2022-05-10")).await,
                after,
                "{area}"
            );
        }
        let back = json!({"area": "340304001", "on": "2022-04-01"});
        let refused = county.post(&format!("{location}/move"), &back).await.expect(422);
        assert_eq!(refused.json()["errors"][0]["code"], "dates_out_of_order");
        let away = json!({"area": "340322", "on": "2022-06-01"});
        county.post(&format!("{location}/move"), &away).await.expect(422);

        let becomes = json!({"kind": "federation", "name": "张公山街道侨联", "on": "2022-06-01"});
        let now = county
            .post(&format!("{location}/rekind"), &becomes)
            .await
            .expect(200)
            .json();
        assert_eq!(
            (&now["kind"], &now["name"]),
            (&json!("federation"), &json!("张公山街道侨联"))
        );
        let by_kind = async |as_of: &str| {
            let path = format!("/v1/figures?metric=organizations&cohort=all&group_by=kind&as_of={as_of}");
            county.get(&path).await.expect(200).json()["items"][0]["group"]["kind"].clone()
        };
        assert_eq!(by_kind("2022-05-31").await, "work_station");
        assert_eq!(by_kind("2022-06-01").await, "federation");

        let close = json!({"on": "2022-06-10", "reason": "撤销"});
        county
            .post(&format!("{location}/close"), &close)
            .await
            .expect(200);
        let late = json!({"area": "340304001", "on": "2022-06-11"});
        county.post(&format!("{location}/move"), &late).await.expect(409);
    });
}

#[apply(both_databases)]
fn what_is_said_later_of_something_else_leaves_a_move_and_a_change_of_kind_where_they_were(
    #[case] backend: Backend,
) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let location = founded(&county, "340304001", "work_station").await;
        let to = json!({"area": "340304002", "on": "2022-05-10"});
        county.post(&format!("{location}/move"), &to).await.expect(200);
        let becomes = json!({"kind": "federation", "name": "张公山街道侨联", "on": "2022-06-01"});
        county
            .post(&format!("{location}/rekind"), &becomes)
            .await
            .expect(200);
        let stood = async |expected: [(&str, &str, &str); 3]| {
            for (day, expected) in ["2022-05-09", "2022-05-31", "2022-06-01"]
                .into_iter()
                .zip(expected)
            {
                let then = county
                    .get(&format!("{location}?as_of={day}"))
                    .await
                    .expect(200)
                    .json();
                let told = ["area", "kind", "name"].map(|field| then[field].as_str().unwrap());
                assert_eq!((told[0], told[1], told[2]), expected, "{day}");
            }
        };
        let as_it_was = [
            ("340304001", "work_station", "340304001侨联"),
            ("340304002", "work_station", "340304001侨联"),
            ("340304002", "federation", "张公山街道侨联"),
        ];
        stood(as_it_was).await;

        let note = json!({"note": "已建档"});
        county.patch(&location, Some("\"3\""), &note).await.expect(200);
        stood(as_it_was).await;
        assert_eq!(count(&county, "area=340304001&as_of=2022-05-09").await, 1);

        // A step reported late happened where the organization stood then.
        let unveiled = json!({"on": "2022-04-20"});
        let now = county
            .post(&format!("{location}/unveil"), &unveiled)
            .await
            .expect(200)
            .json();
        assert_eq!(
            (&now["area"], &now["unveiled_on"], &now["valid_from"]),
            (&json!("340304002"), &json!("2022-04-20"), &json!("2022-06-01"))
        );
        stood(as_it_was).await;
        let before = county
            .get(&format!("{location}?as_of=2022-04-19"))
            .await
            .expect(200);
        assert_eq!(before.json()["unveiled_on"], Value::Null);

        // Another date is another life in the same places.
        let earlier = json!({"established_on": "2022-02-01", "reason": "日期误填"});
        county.patch(&location, Some("\"5\""), &earlier).await.expect(200);
        stood(as_it_was).await;
        assert_eq!(count(&county, "area=340304001&as_of=2022-02-01").await, 1);

        // What is corrected itself was never otherwise.
        let name = json!({"name": "张公山侨联"});
        county.patch(&location, Some("\"6\""), &name).await.expect(200);
        stood([
            ("340304001", "work_station", "张公山侨联"),
            ("340304002", "work_station", "张公山侨联"),
            ("340304002", "federation", "张公山侨联"),
        ])
        .await;
    });
}

#[apply(both_databases)]
fn a_correction_cannot_change_an_id_and_null_is_no_reason(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let location = founded(&county, "340304001", "federation").await;
        let other = json!({"id": uuid::Uuid::from_u128(1)});
        let refused = county.patch(&location, Some("\"1\""), &other).await.expect(400);
        assert_eq!(refused.json()["errors"][0]["pointer"], "/id");
        let note = json!({"note": "已建档", "reason": null});
        county.patch(&location, Some("\"1\""), &note).await.expect(200);
        let dated = json!({"established_on": "2022-02-01", "reason": null});
        let refused = county.patch(&location, Some("\"2\""), &dated).await.expect(422);
        assert_eq!(refused.json()["errors"][0]["code"], "reason_required");
    });
}

#[apply(both_databases)]
fn nobody_verifies_its_own_report_by_moving_an_organization_to_itself(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let city = api.caller("340300", Role::CityReporter).await;
        let moved = founded(&city, "340304", "federation").await;
        assert_eq!(
            city.get(&moved).await.expect(200).json()["verification"],
            "verified"
        );
        let to = json!({"area": "340300", "on": "2022-05-10"});
        let now = city.post(&format!("{moved}/move"), &to).await.expect(200).json();
        assert_eq!(now["verification"], "unverified");

        let close = json!({"on": "2022-06-01", "reason": "撤销"});
        city.post(&format!("{moved}/close"), &close).await.expect(200);
        let corrected = founded(&city, "340322", "federation").await;
        let to = json!({"area": "340300", "reason": "误填"});
        let now = city.patch(&corrected, Some("\"1\""), &to).await.expect(200);
        assert_eq!(now.json()["verification"], "unverified");
    });
}
