//! What may still become of an organization: it is established again, merged into another, or others come out of it.

use insta::assert_json_snapshot;
use qiaojian_domain::access::Role;
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, Reply, with_api};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

async fn founded(caller: &Client, area: &str, kind: &str, on: &str) -> String {
    let body = json!({"area": area, "kind": kind, "name": format!("{area}侨联"), "status": "established", "established_on": on});
    let made = caller.post("/v1/organizations", &body).await.expect(201);
    made.header("location").unwrap().to_owned()
}

fn id_of(location: &str) -> &str {
    location.rsplit('/').next().unwrap()
}

async fn figure(caller: &Client, query: &str) -> i64 {
    let figures = caller
        .get(&format!("/v1/figures?cohort=all&{query}"))
        .await
        .expect(200)
        .json();
    let counted = figures["totals"][0]["numerator"].as_i64().unwrap();
    let members = figures["totals"][0]["members"].as_str().unwrap();
    let members = caller.get(members).await.expect(200).json();
    assert_eq!(
        i64::try_from(members["items"].as_array().unwrap().len()).unwrap(),
        counted,
        "members of {query}"
    );
    counted
}

fn fault(reply: &Reply) -> (String, String) {
    let error = &reply.json()["errors"][0];
    let text = |field: &str| error[field].as_str().unwrap().to_owned();
    (text("pointer"), text("code"))
}

async fn changed(caller: &Client, location: &str) -> Vec<Value> {
    let history = caller
        .get(&format!("{location}/history"))
        .await
        .expect(200)
        .json();
    history["items"].as_array().unwrap().clone()
}

#[apply(both_databases)]
fn a_closed_one_is_established_again_and_does_not_count_in_between(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let location = founded(&county, "340304001", "federation", "2022-02-01").await;
        let close = json!({"on": "2022-04-01", "reason": "机构改革"});
        let close = county.post(&format!("{location}/close"), &close).await;
        close.expect(200);
        let reopen = format!("{location}/reopen");
        let silent = county
            .post(&reopen, &json!({"on": "2022-05-01"}))
            .await
            .expect(422);
        assert_eq!(
            fault(&silent),
            ("/reason".to_owned(), "reason_required".to_owned())
        );
        for early in ["2022-04-01", "2022-03-01"] {
            let refused = county
                .post(&reopen, &json!({"on": early, "reason": "恢复设置"}))
                .await
                .expect(422);
            assert_eq!(
                fault(&refused),
                ("/on".to_owned(), "dates_out_of_order".to_owned())
            );
        }
        let back = json!({"on": "2022-05-01", "reason": "恢复设置"});
        let now = county.post(&reopen, &back).await.expect(200).json();
        assert_eq!(
            (&now["status"], &now["established_on"], &now["closed_on"]),
            (&json!("established"), &json!("2022-02-01"), &Value::Null)
        );
        assert_json_snapshot!(now["reopenings"], @r#"
        [
          {
            "closed_on": "2022-04-01",
            "closed_precision": "day",
            "reopened_on": "2022-05-01",
            "reopened_precision": "day"
          }
        ]
        "#);
        county.post(&reopen, &back).await.expect(409);
        for (day, stands) in [
            ("2022-03-31", 1),
            ("2022-04-01", 0),
            ("2022-04-30", 0),
            ("2022-05-01", 1),
        ] {
            assert_eq!(
                figure(&county, &format!("metric=organizations&as_of={day}")).await,
                stands,
                "{day}"
            );
        }
        let then = county
            .get(&format!("{location}?as_of=2022-04-15"))
            .await
            .expect(200)
            .json();
        assert_eq!(then["status"], "closed");
        // It was founded once, and it was closed, though it is back.
        let since = "from=2021-10-31&to=2022-06-24";
        assert_eq!(figure(&county, &format!("metric=added&{since}")).await, 1);
        assert_eq!(figure(&county, &format!("metric=closed&{since}")).await, 1);
        assert_eq!(
            figure(&county, "metric=added&from=2022-04-15&to=2022-06-24").await,
            0
        );
        let months = county
            .get(&format!(
                "/v1/figures?cohort=all&group_by=month&metric=organizations,closed&{since}"
            ))
            .await
            .expect(200)
            .json();
        let told: Vec<String> = months["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| {
                format!(
                    "{} {} {}",
                    item["metric"], item["group"]["month"], item["numerator"]
                )
                .replace('"', "")
            })
            .collect();
        assert_eq!(
            told,
            [
                "organizations 2022-02 1",
                "organizations 2022-03 1",
                "organizations 2022-05 1",
                "organizations 2022-06 1",
                "closed 2022-04 1",
            ]
        );

        // A step told late leaves the time between as it was; a correction may say that it never was closed.
        county
            .post(&format!("{location}/unveil"), &json!({"on": "2022-03-01"}))
            .await
            .expect(200);
        assert_eq!(figure(&county, "metric=organizations&as_of=2022-04-15").await, 0);
        let version = county.get(&location).await.expect(200);
        let never = json!({"reopenings": [], "reason": "误报撤销"});
        county
            .patch(&location, version.header("etag"), &never)
            .await
            .expect(200);
        assert_eq!(figure(&county, "metric=organizations&as_of=2022-04-15").await, 1);
        assert_eq!(figure(&county, &format!("metric=closed&{since}")).await, 0);
    });
}

#[apply(both_databases)]
fn the_place_of_a_closed_one_may_be_taken(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let location = founded(&county, "340304001", "federation", "2022-02-01").await;
        let close = json!({"on": "2022-04-01", "reason": "机构改革"});
        county
            .post(&format!("{location}/close"), &close)
            .await
            .expect(200);
        founded(&county, "340304001", "federation", "2022-04-10").await;
        let back = json!({"on": "2022-05-01", "reason": "恢复设置"});
        let refused = county
            .post(&format!("{location}/reopen"), &back)
            .await
            .expect(409);
        assert_eq!(refused.json()["type"], "/problems/organization_exists");
        assert!(refused.json()["existing"]["id"].is_string(), "{}", refused.text);
    });
}

#[apply(both_databases)]
fn one_goes_on_within_another(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let ends = founded(&county, "340304001", "federation", "2022-02-01").await;
        let goes_on = founded(&county, "340304002", "federation", "2022-02-01").await;
        let merge = format!("{ends}/merge");
        let into = |id: &str| json!({"into": id, "on": "2022-05-01", "reason": "区划调整", "doc_no": "禹侨〔2022〕5号"});
        let station = founded(&county, "340304002", "work_station", "2022-02-01").await;
        let away = founded(
            &api.caller("341800", Role::CityReporter).await,
            "341802",
            "federation",
            "2022-02-01",
        )
        .await;
        for (into_what, code) in [
            (id_of(&ends), "into_itself"),
            (id_of(&station), "kind_differs"),
            (id_of(&away), "unknown_reference"),
        ] {
            let refused = county.post(&merge, &into(into_what)).await.expect(422);
            assert_eq!(fault(&refused), ("/into".to_owned(), code.to_owned()));
        }
        let silent = json!({"into": id_of(&goes_on), "on": "2022-05-01"});
        let refused = county.post(&merge, &silent).await.expect(422);
        assert_eq!(fault(&refused).1, "reason_required");
        let early = json!({"into": id_of(&goes_on), "on": "2022-01-01", "reason": "区划调整"});
        let refused = county.post(&merge, &early).await.expect(422);
        assert_eq!(
            fault(&refused),
            ("/on".to_owned(), "dates_out_of_order".to_owned())
        );
        assert_eq!(figure(&county, "metric=organizations&as_of=2022-05-01").await, 3);

        let merged = county
            .post(&merge, &into(id_of(&goes_on)))
            .await
            .expect(200)
            .json();
        assert_eq!(
            (&merged["status"], &merged["closed_on"], &merged["merged_into"]),
            (&json!("merged"), &json!("2022-05-01"), &json!(id_of(&goes_on)))
        );
        let shown = county.get(&ends).await.expect(200).json();
        assert_eq!(shown, merged);
        let listed = county
            .get("/v1/organizations?status=merged")
            .await
            .expect(200)
            .json();
        assert_eq!(listed["items"], json!([merged]));
        assert_eq!(figure(&county, "metric=organizations&as_of=2022-04-30").await, 3);
        assert_eq!(figure(&county, "metric=organizations&as_of=2022-05-01").await, 2);
        assert_eq!(
            figure(&county, "metric=closed&from=2022-04-01&to=2022-06-24").await,
            1
        );
        county.post(&merge, &into(id_of(&goes_on))).await.expect(409);
        county
            .post(
                &format!("{ends}/reopen"),
                &json!({"on": "2022-06-01", "reason": "恢复"}),
            )
            .await
            .expect(409);
        let back = json!({"into": id_of(&ends), "on": "2022-06-01", "reason": "并回"});
        let refused = county.post(&format!("{goes_on}/merge"), &back).await.expect(422);
        assert_eq!(fault(&refused).1, "not_active");

        // Both histories tell it; each caller sees what it may.
        let told = changed(&county, &goes_on).await;
        let told = told.last().unwrap();
        assert_eq!(
            (&told["verb"], &told["reason"], &told["changes"]),
            (&json!("merge"), &json!("区划调整"), &json!([]))
        );
        let mut event = told["change_event"].clone();
        assert_eq!(
            event,
            changed(&county, &ends).await.last().unwrap()["change_event"]
        );
        event["id"] = json!("[id]");
        assert_eq!(
            event,
            json!({"id": "[id]", "kind": "merge", "on": "2022-05-01", "precision": "day", "doc_no": "禹侨〔2022〕5号",
                "originals": [{"id": id_of(&ends), "name": "340304001侨联", "area": "340304001"}],
                "results": [{"id": id_of(&goes_on), "name": "340304002侨联", "area": "340304002"}]})
        );
        let street = api.caller("340304001", Role::TownshipReporter).await;
        let seen = changed(&street, &ends).await.last().unwrap()["change_event"].clone();
        assert_eq!(
            (&seen["originals"][0]["id"], &seen["results"]),
            (&json!(id_of(&ends)), &json!([]))
        );
        assert_eq!(
            street.get(&ends).await.expect(200).json()["merged_into"],
            Value::Null
        );
    });
}

#[apply(both_databases)]
fn a_mistaken_merge_is_corrected(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let ends = founded(&county, "340304001", "federation", "2022-02-01").await;
        let goes_on = founded(&county, "340304002", "federation", "2022-02-01").await;
        let as_if = json!({"status": "merged", "closed_on": "2022-05-01", "reason": "并入"});
        let refused = county.patch(&ends, Some("\"1\""), &as_if).await.expect(422);
        assert_eq!(
            fault(&refused),
            ("/status".to_owned(), "merge_by_verb".to_owned())
        );
        let merge = json!({"into": id_of(&goes_on), "on": "2022-05-01", "reason": "区划调整"});
        county.post(&format!("{ends}/merge"), &merge).await.expect(200);
        let before = county
            .get("/v1/figures?metric=organizations&cohort=all")
            .await
            .expect(200)
            .json()["known_at"]
            .clone();
        let later = json!({"closed_on": "2022-05-20", "reason": "日期误填"});
        county.patch(&ends, Some("\"2\""), &later).await.expect(200);
        let told = changed(&county, &ends).await;
        let days: Vec<&Value> = told.iter().map(|event| &event["change_event"]["on"]).collect();
        assert_eq!(days, [&Value::Null, &json!("2022-05-01"), &json!("2022-05-20")]);
        assert_eq!(told[2]["reason"], "日期误填");
        assert_eq!(
            county.get(&ends).await.expect(200).json()["merged_into"],
            json!(id_of(&goes_on))
        );
        let never = json!({"status": "established", "closed_on": null, "reason": "误报"});
        county.patch(&ends, Some("\"3\""), &never).await.expect(200);
        let now = county.get(&ends).await.expect(200).json();
        assert_eq!(
            (&now["status"], &now["merged_into"]),
            (&json!("established"), &Value::Null)
        );
        let then = format!("{ends}?as_of=2022-06-01&known_at={}", before.as_str().unwrap());
        let then = county.get(&then).await.expect(200).json();
        assert_eq!(
            (&then["status"], &then["merged_into"]),
            (&json!("merged"), &json!(id_of(&goes_on))),
            "what was known stays known"
        );
    });
}

#[apply(both_databases)]
fn others_come_out_of_one_that_goes_on(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let original = founded(&county, "340304001", "federation", "2022-02-01").await;
        let split = format!("{original}/split");
        let into = json!([
            {"area": "340304002", "kind": "federation", "name": "张公山街道侨联"},
            {"area": "340304001001", "kind": "work_sub_station", "name": "燕山社区工作分站"},
        ]);
        let body = json!({"on": "2022-05-01", "reason": "分设街道", "into": into});
        let mut wrong = body.clone();
        wrong["into"][0]["status"] = json!("preparing");
        wrong["into"][1]["established_on"] = json!("2022-04-01");
        let refused = county.post(&split, &wrong).await.expect(422);
        assert_eq!(
            fault(&refused),
            ("/into/0/status".to_owned(), "given_by_split".to_owned())
        );
        assert_eq!(refused.json()["errors"][1]["pointer"], "/into/1/established_on");
        for (field, value, pointer) in [
            ("on", json!("2022-01-31"), "/on"),
            ("on", json!("2022-06-25"), "/on"),
            ("reason", Value::Null, "/reason"),
            ("into", json!([]), "/into"),
        ] {
            let mut wrong = body.clone();
            wrong[field] = value;
            let refused = county.post(&split, &wrong).await.expect(422);
            assert_eq!(fault(&refused).0, pointer);
        }
        let mut wrong = body.clone();
        wrong["into"][1]["kind"] = json!("club");
        let refused = county.post(&split, &wrong).await.expect(400);
        assert_eq!(fault(&refused).0, "/into/1/kind");
        wrong["into"][1] = json!({"area": "340322", "kind": "federation", "name": "五河县侨联"});
        let refused = county.post(&split, &wrong).await.expect(422);
        assert_eq!(
            fault(&refused),
            ("/into/1/area".to_owned(), "unknown_area".to_owned())
        );
        assert_eq!(
            figure(&county, "metric=organizations").await,
            1,
            "nothing is half done"
        );

        let done = county.post(&split, &body).await.expect(201);
        assert_eq!(done.header("etag"), Some("\"1\""), "it goes on as it is");
        let done = done.json();
        assert_eq!(done["original"]["status"], "established");
        assert_eq!(done["results"][1]["established_on"], "2022-05-01");
        assert_eq!(figure(&county, "metric=organizations&as_of=2022-04-30").await, 1);
        assert_eq!(figure(&county, "metric=organizations&as_of=2022-05-01").await, 3);
        assert_eq!(
            figure(&county, "metric=added&from=2022-04-30&to=2022-06-24").await,
            2
        );
        let told = changed(&county, &original).await.last().unwrap().clone();
        assert_eq!(
            (&told["verb"], &told["reason"]),
            (&json!("split"), &json!("分设街道"))
        );
        let event = &told["change_event"];
        assert_eq!(event["originals"][0]["id"], json!(id_of(&original)));
        assert_eq!(event["results"].as_array().unwrap().len(), 2);
        let part = format!("/v1/organizations/{}", done["results"][0]["id"].as_str().unwrap());
        let of_part = changed(&county, &part).await;
        assert_eq!(
            (&of_part[0]["verb"], &of_part[0]["change_event"]),
            (&json!("create"), event)
        );
        let again = county.post(&split, &body).await.expect(422);
        assert_eq!(
            fault(&again),
            ("/into/0/kind".to_owned(), "organization_exists".to_owned())
        );
    });
}

#[apply(both_databases)]
fn a_split_with_ids_of_its_own_happens_once(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let original = founded(&county, "340304001", "federation", "2022-02-01").await;
        let part = json!({"id": "0190a000-0000-7000-8000-000000000001", "area": "340304002", "kind": "federation", "name": "张公山街道侨联"});
        let body = json!({"on": "2022-05-01", "reason": "分设街道", "into": [part]});
        let split = format!("{original}/split");
        let first = county.post(&split, &body).await.expect(201).json();
        let again = county.post(&split, &body).await.expect(200).json();
        assert_eq!(first, again);
        assert_eq!(changed(&county, &original).await.len(), 2);
        // Recorded alone the same id means something else.
        county.post("/v1/organizations", &part).await.expect(409);
    });
}
