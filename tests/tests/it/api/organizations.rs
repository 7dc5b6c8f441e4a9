//! `/v1/organizations`, as an officer's phone uses it.

use insta::{assert_json_snapshot, assert_snapshot};
use qiaojian_domain::access::Role;
use qiaojian_store::{Actor, Recording, StoreError};
use qiaojian_tests::Backend;
use qiaojian_tests::api::with_api;
use rstest_reuse::apply;
use serde_json::json;

use crate::both_databases;

fn street() -> serde_json::Value {
    json!({"area": "340304001", "kind": "federation", "name": "大庆街道侨联"})
}

#[apply(both_databases)]
fn a_phone_registers_an_organization_and_walks_it_to_its_unveiling(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let phone = api.caller("340304001", Role::TownshipReporter).await;
        let created = phone.post("/v1/organizations", &street()).await.expect(201);
        let location = created.header("location").unwrap().to_owned();
        assert_eq!(created.header("etag"), Some("\"1\""));
        assert_json_snapshot!(created.json(), {".id" => "[id]", ".created_at" => "[at]", ".updated_at" => "[at]"}, @r#"
        {
          "area": "340304001",
          "basis": "new",
          "created_at": "[at]",
          "five_have": {},
          "has_office": false,
          "host": "area",
          "id": "[id]",
          "kind": "federation",
          "level": "township",
          "name": "大庆街道侨联",
          "standing_rules": {},
          "status": "preparing",
          "updated_at": "[at]",
          "valid_from": "2022-06-24",
          "verification": "unverified",
          "version": 1
        }
        "#);

        let approved = phone
            .post(
                &format!("{location}/approve"),
                &json!({"on": "2022-03-01", "doc_no": "禹编〔2022〕3号", "post": "staffing_office"}),
            )
            .await
            .expect(200);
        assert_eq!(approved.json()["status"], "approved");
        phone
            .post(
                &format!("{location}/establish"),
                &json!({"on": "2022-03-21", "precision": "ten_day"}),
            )
            .await
            .expect(200);
        let unveiled = phone
            .post(
                &format!("{location}/unveil"),
                &json!({"on": "2022-03-21", "precision": "ten_day"}),
            )
            .await
            .expect(200);
        assert_eq!(unveiled.header("etag"), Some("\"4\""));

        let shown = phone.get(&location).await.expect(200);
        assert_eq!(shown.json(), unveiled.json());
        assert_eq!(shown.json()["established_precision"], "ten_day");
        assert_eq!(shown.json()["valid_from"], "2022-03-31");
    });
}

#[apply(both_databases)]
fn what_was_abandoned_is_not_moved_and_what_was_closed_may_be_reopened_first(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let refusal = async |location: &str| {
            let to = json!({"area": "340304001002", "on": "2022-06-01", "reason": "迁址"});
            let refused = county.post(&format!("{location}/move"), &to).await;
            refused.expect(409).json()["detail"].as_str().unwrap().to_owned()
        };
        for (status, dates, verb, expected) in [
            (
                "established",
                json!({"established_on": "2022-03-31"}),
                "close",
                "当前状态为“已撤销”，不能进行“迁址”操作；可以进行的操作：恢复。",
            ),
            (
                "approved",
                json!({"approval": {"on": "2022-03-31"}}),
                "abandon",
                "当前状态为“已终止”，不能进行“迁址”操作；没有可以进行的操作。",
            ),
        ] {
            let mut body =
                json!({"area": "340304001001", "kind": "federation", "name": "某社区侨联", "status": status});
            for (name, value) in dates.as_object().unwrap() {
                body[name] = value.clone();
            }
            let made = county.post("/v1/organizations", &body).await.expect(201);
            let location = made.header("location").unwrap().to_owned();
            let ended = json!({"on": "2022-05-01", "reason": "撤并"});
            county
                .post(&format!("{location}/{verb}"), &ended)
                .await
                .expect(200);
            assert_eq!(refusal(&location).await, expected);
        }
    });
}

#[apply(both_databases)]
fn a_refused_step_names_the_state_and_what_is_allowed(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let phone = api.caller("340304001", Role::TownshipReporter).await;
        let location = phone
            .post("/v1/organizations", &street())
            .await
            .expect(201)
            .header("location")
            .unwrap()
            .to_owned();
        let refused = phone
            .post(&format!("{location}/establish"), &json!({"on": "2022-03-31"}))
            .await
            .expect(409);
        assert_eq!(refused.header("content-type"), Some("application/problem+json"));
        assert_json_snapshot!(refused.json(), {".instance" => "[request id]"}, @r#"
        {
          "detail": "当前状态为“筹备”，不能进行“成立”操作；可以进行的操作：批复、终止。",
          "instance": "[request id]",
          "status": 409,
          "title": "当前状态不允许此操作",
          "type": "/problems/transition_refused"
        }
        "#);
        let request = phone
            .request(reqwest::Method::POST, &format!("{location}/establish"))
            .header("Accept-Language", "en-GB,en;q=0.9,zh;q=0.5")
            .json(&json!({"on": "2022-03-31"}));
        let english = phone.send(request).await.expect(409);
        assert_snapshot!(english.json()["detail"].as_str().unwrap(), @"`establish` is not allowed in state `preparing`. Allowed: approve, abandon.");
        assert_eq!(english.json()["type"], refused.json()["type"]);
    });
}

#[apply(both_databases)]
fn a_weak_network_repeats_itself_without_harm(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let phone = api.caller("340304001", Role::TownshipReporter).await;
        let first = phone
            .post_once("/v1/organizations", "k-1", &street())
            .await
            .expect(201);
        let again = phone
            .post_once("/v1/organizations", "k-1", &street())
            .await
            .expect(201);
        assert_eq!(first.json(), again.json());
        assert_eq!(first.header("location"), again.header("location"));
        let other = json!({"area": "340304001", "kind": "work_station", "name": "另一个"});
        let reused = phone
            .post_once("/v1/organizations", "k-1", &other)
            .await
            .expect(422);
        assert_eq!(reused.json()["type"], "/problems/idempotency_key_reused");

        // An id of the phone's own makes the call idempotent for ever, without a key.
        let own = json!({"id": "0190a000-0000-7000-8000-000000000001", "area": "340304001", "kind": "work_station", "name": "站"});
        let made = phone.post("/v1/organizations", &own).await.expect(201);
        let before = phone.post("/v1/organizations", &own).await.expect(200);
        assert_eq!(made.json(), before.json());
        let mut taken = own.clone();
        taken["name"] = json!("别的站");
        assert_eq!(
            phone.post("/v1/organizations", &taken).await.expect(409).json()["type"],
            "/problems/id_taken"
        );

        // Many at once: one row.
        let second_city = api.caller("341802001", Role::TownshipReporter).await;
        let body = json!({"area": "341802001", "kind": "federation", "name": "西林街道侨联"});
        let attempts = (0..16).map(|_| second_city.post_once("/v1/organizations", "k-2", &body));
        let replies = futures(attempts).await;
        let ids: std::collections::BTreeSet<_> = replies
            .iter()
            .map(|reply| reply.json()["id"].to_string())
            .collect();
        assert!(replies.iter().all(|reply| reply.status == 201), "{replies:?}");
        assert_eq!(ids.len(), 1);
    });
}

async fn futures<F: Future<Output = T>, T>(all: impl Iterator<Item = F>) -> Vec<T> {
    futures_util::future::join_all(all).await
}

#[apply(both_databases)]
fn nobody_sees_beyond_the_own_subtree(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let phone = api.caller("340304001", Role::TownshipReporter).await;
        let location = phone
            .post("/v1/organizations", &street())
            .await
            .expect(201)
            .header("location")
            .unwrap()
            .to_owned();
        let neighbour = api.caller("340304002", Role::TownshipReporter).await;
        let county = api.caller("340304", Role::CountyReporter).await;
        let other_city = api.caller("341800", Role::CityReporter).await;
        county.get(&location).await.expect(200);
        for stranger in [&neighbour, &other_city] {
            let hidden = stranger.get(&location).await.expect(404);
            let absent = stranger
                .get("/v1/organizations/0190a000-0000-7000-8000-00000000ffff")
                .await
                .expect(404);
            let without_instance = |reply: &qiaojian_tests::api::Reply| {
                let mut body = reply.json();
                body.as_object_mut().unwrap().remove("instance");
                body
            };
            assert_eq!(
                without_instance(&hidden),
                without_instance(&absent),
                "a hidden row looks like none"
            );
            stranger
                .patch(&location, Some("\"1\""), &json!({"note": "x"}))
                .await
                .expect(404);
            stranger
                .delete(&format!("{location}?reason=x"), Some("\"1\""))
                .await
                .expect(404);
            stranger
                .post(&format!("{location}/approve"), &json!({"on": "2022-03-01"}))
                .await
                .expect(404);
            assert_eq!(
                stranger.get("/v1/organizations").await.expect(200).json()["items"],
                json!([])
            );
            stranger.get("/v1/organizations?area=340304001").await.expect(404);
            stranger.post("/v1/organizations", &street()).await.expect(422);
        }
    });
}

#[apply(both_databases)]
fn corrections_need_the_version_and_for_dates_a_reason(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let body = json!({"area": "340304", "kind": "federation", "name": "禹会区侨联", "status": "established",
            "approval": {"on": "2022-02-20", "doc_no": "禹编〔2022〕1号"}, "established_on": "2022-03-31"});
        let location = county
            .post("/v1/organizations", &body)
            .await
            .expect(201)
            .header("location")
            .unwrap()
            .to_owned();
        county
            .patch(&location, None, &json!({"note": "x"}))
            .await
            .expect(428);
        county
            .patch(&location, Some("\"7\""), &json!({"note": "x"}))
            .await
            .expect(412);
        let named = county
            .patch(&location, Some("\"1\""), &json!({"name": "禹会区归国华侨联合会"}))
            .await
            .expect(200);
        assert_eq!(named.header("etag"), Some("\"2\""));
        let silent = county
            .patch(&location, Some("\"2\""), &json!({"established_on": "2022-03-25"}))
            .await
            .expect(422);
        assert_eq!(silent.json()["errors"][0]["code"], "reason_required");
        let dated = county
            .patch(
                &location,
                Some("\"2\""),
                &json!({"established_on": "2022-03-25", "reason": "原日期误填"}),
            )
            .await
            .expect(200);
        assert_eq!(dated.json()["established_on"], "2022-03-25");
        assert_eq!(dated.json()["name"], "禹会区归国华侨联合会");
        let unknown = county
            .patch(&location, Some("\"3\""), &json!({"chairman": "某某"}))
            .await
            .expect(400);
        assert_eq!(unknown.json()["errors"][0]["code"], "unknown_field");
        county.delete(&location, Some("\"3\"")).await.expect(400);
        county
            .delete(&format!("{location}?reason=重复登记"), Some("\"3\""))
            .await
            .expect(204);
        county.get(&location).await.expect(404);
        // The place of its kind is free again.
        county.post("/v1/organizations", &body).await.expect(201);
    });
}

#[apply(both_databases)]
fn bad_input_says_where_and_what_to_do(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let body = json!({"area": "340304", "kind": "work_sub_station", "name": " ", "status": "established", "established_on": "2022-07-01",
            "basis": "replace_one", "quota_posts": -1});
        let refused = county.post("/v1/organizations", &body).await.expect(422);
        let codes: Vec<_> = refused.json()["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| {
                format!(
                    "{} {}",
                    error["pointer"].as_str().unwrap(),
                    error["code"].as_str().unwrap()
                )
            })
            .collect();
        assert_snapshot!(codes.join("\n"), @r#"
        /established_on date_in_future
        /name empty
        /kind kind_not_at_level
        /replaces replaces_mismatch
        /quota_posts out_of_range
        "#);
        for (body, code, pointer) in [
            (
                json!({"area": "340304", "kind": "federation"}),
                "missing_field",
                "/name",
            ),
            (
                json!({"area": "340304", "kind": "club", "name": "x"}),
                "wrong_value",
                "/kind",
            ),
            (
                json!({"area": "340304", "kind": "federation", "name": "x", "phone": "1"}),
                "unknown_field",
                "/phone",
            ),
            (
                json!({"area": "340304", "kind": "federation", "name": "x", "approval": {"on": "2022-13-01"}}),
                "wrong_value",
                "/approval/on",
            ),
        ] {
            let refused = county.post("/v1/organizations", &body).await.expect(400);
            assert_eq!(refused.json()["errors"][0]["code"], code, "{}", refused.text);
            assert_eq!(
                refused.json()["errors"][0]["pointer"],
                pointer,
                "{}",
                refused.text
            );
        }
        county.get("/v1/organizations?stauts=closed").await.expect(400);
        county.get("/v1/organizations?status=gone").await.expect(400);
        county.get("/v1/organizations?limit=201").await.expect(400);
        county.get("/v1/organizations?cursor=xyz").await.expect(400);
        county.get("/v1/organizations/not-an-id").await.expect(404);
        county.get("/v1/nothing").await.expect(404);
        let request = county
            .request(reqwest::Method::POST, "/v1/organizations")
            .header("content-type", "text/plain")
            .body("{}");
        county.send(request).await.expect(415);
        let request = county
            .request(reqwest::Method::POST, "/v1/organizations")
            .header("content-type", "application/json")
            .body("x".repeat(300_000));
        county.send(request).await.expect(413);
    });
}

#[apply(both_databases)]
fn a_list_is_read_page_by_page_without_gap_or_repeat(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let city = api.caller("340300", Role::CityReporter).await;
        for (area, kind) in [
            ("340300", "federation"),
            ("340304", "federation"),
            ("340304001", "federation"),
            ("340304001", "work_station"),
            ("340304001001", "work_station"),
            ("340304-P01", "federation"),
            ("340322", "federation"),
        ] {
            let body = json!({"area": area, "kind": kind, "name": format!("{area} {kind}")});
            city.post("/v1/organizations", &body).await.expect(201);
        }
        let whole = city.get("/v1/organizations").await.expect(200).json();
        let ids = |page: &serde_json::Value| {
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["id"].clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(whole["next_cursor"], json!(null));
        let mut seen = Vec::new();
        let mut next = "/v1/organizations?limit=2".to_owned();
        loop {
            let page = city.get(&next).await.expect(200);
            seen.extend(ids(&page.json()));
            match page.header("link") {
                Some(link) => next = link.trim_start_matches('<').split('>').next().unwrap().to_owned(),
                None => break,
            }
        }
        assert_eq!(seen, ids(&whole));
        assert_eq!(seen.len(), 7);
        let count = async |query: &str| {
            ids(&city
                .get(&format!("/v1/organizations?{query}"))
                .await
                .expect(200)
                .json())
            .len()
        };
        assert_eq!(count("area=340304").await, 5);
        assert_eq!(count("level=township,village").await, 3);
        assert_eq!(count("kind=work_station").await, 2);
        assert_eq!(count("status=established").await, 0);
        assert_eq!(count("q=P01").await, 1);
        assert_eq!(count("q=%25").await, 0);
    });
}

#[apply(both_databases)]
fn a_repeated_request_waits_for_the_first_and_a_busy_ledger_is_no_conflict(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let phone = api.caller("340304001", Role::TownshipReporter).await;
        let elsewhere = phone.at(&api.replica().await);
        // Somebody else holds the register.
        let (held, is_held) = tokio::sync::oneshot::channel();
        let (release, until_released) = std::sync::mpsc::channel::<()>();
        let (mut held, db) = (Some(held), api.db.clone());
        let holder = tokio::spawn(async move {
            db.write(move |tx| {
                Recording::begin(tx, &Actor::system("test"))?;
                if let Some(held) = held.take() {
                    held.send(()).unwrap();
                    until_released.recv().unwrap();
                }
                Ok::<_, StoreError>(())
            })
            .await
        });
        is_held.await.unwrap();
        let body = street();
        let ask = |key: &'static str| elsewhere.post_once("/v1/organizations", key, &body);
        let (alone, one, other) = tokio::join!(ask("k-8"), ask("k-9"), ask("k-9"));
        assert_eq!(
            alone.status, 503,
            "no request of its key is under way: {}",
            alone.text
        );
        assert!(alone.header("retry-after").is_some());
        let mut answers = [one.status, other.status];
        answers.sort_unstable();
        assert_eq!(answers[0], 409, "{answers:?}");
        let first = if one.status == 409 { &one } else { &other };
        assert_eq!(first.json()["type"], "/problems/request_in_progress");
        release.send(()).unwrap();
        holder.await.unwrap().unwrap();
        phone
            .post_once("/v1/organizations", "k-9", &street())
            .await
            .expect(201);
    });
}

/// The code of the first thing that is wrong.
fn code_of(reply: &qiaojian_tests::api::Reply) -> String {
    reply.json()["errors"][0]["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[apply(both_databases)]
fn the_superior_of_a_countys_federation_may_be_the_citys(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let recorded = async |area: &str| {
            let body = json!({"area": area, "kind": "federation", "name": area});
            office.post("/v1/organizations", &body).await.expect(201).json()["id"].clone()
        };
        let (city, elsewhere) = (recorded("340300").await, recorded("341800").await);
        let county = api.caller("340304", Role::CountyReporter).await;
        let mut body = json!({"area": "340304", "kind": "federation", "name": "禹会区侨联", "parent": city});
        let made = county.post("/v1/organizations", &body).await.expect(201);
        let location = made.header("location").unwrap().to_owned();
        assert_eq!(made.json()["parent"], city);

        // What the county does not see, it can keep; it cannot name what stands elsewhere.
        let note = json!({"note": "已报市侨联备案。"});
        county.patch(&location, Some("\"1\""), &note).await.expect(200);
        let moved = json!({"parent": elsewhere, "reason": "误填"});
        let refused = county.patch(&location, Some("\"2\""), &moved).await.expect(422);
        assert_eq!(code_of(&refused), "unknown_parent");
        body["area"] = json!("340304001");
        body["parent"] = elsewhere;
        county.post("/v1/organizations", &body).await.expect(422);
    });
}

#[apply(both_databases)]
fn nothing_is_founded_where_there_is_no_division(#[case] backend: Backend) {
    with_api(backend, async |api| {
        super::areas::add_statistical_area(api).await;
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let body = json!({"area": "340371", "kind": "federation", "name": "高新区侨联"});
        let refused = office.post("/v1/organizations", &body).await.expect(422);
        assert_eq!(code_of(&refused), "area_not_administrative");
        let made = office.post("/v1/organizations", &street()).await.expect(201);
        let moved = json!({"area": "340371", "kind": "federation", "reason": "误填"});
        let location = made.header("location").unwrap();
        let refused = office.patch(location, Some("\"1\""), &moved).await.expect(422);
        assert_eq!(code_of(&refused), "area_not_administrative");
    });
}

#[apply(both_databases)]
fn dates_that_cannot_be_are_refused(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let phone = api.caller("340304001", Role::TownshipReporter).await;
        let mut late = street();
        late["status"] = json!("established");
        for odd in [
            "0022-03-31",
            "-10000-01-01",
            "+12022-01-01",
            "2022-3-1",
            "2022-02-30",
        ] {
            late["established_on"] = json!(odd);
            phone.post("/v1/organizations", &late).await.expect(400);
        }
        // No day of 下旬 lies between an approval on the 25th and an unveiling on the 22nd.
        late["approval"] = json!({"on": "2022-03-25"});
        late["established_on"] = json!("2022-03-21");
        late["established_precision"] = json!("ten_day");
        late["unveiled_on"] = json!("2022-03-22");
        let refused = phone.post("/v1/organizations", &late).await.expect(422);
        assert_eq!(code_of(&refused), "dates_out_of_order");

        let location = phone
            .post("/v1/organizations", &street())
            .await
            .expect(201)
            .header("location")
            .unwrap()
            .to_owned();
        phone
            .post(&format!("{location}/approve"), &json!({"on": "2022-05-01"}))
            .await
            .expect(200);
        let early = json!({"on": "2020-01-01", "reason": "另行筹备"});
        let refused = phone
            .post(&format!("{location}/abandon"), &early)
            .await
            .expect(422);
        assert_eq!(code_of(&refused), "dates_out_of_order");
        assert_eq!(
            phone.get(&location).await.expect(200).json()["status"],
            "approved"
        );
    });
}

#[apply(both_databases)]
fn texts_are_bounded_and_hold_no_nul(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let phone = api.caller("340304001", Role::TownshipReporter).await;
        let made = phone.post("/v1/organizations", &street()).await.expect(201);
        let location = made.header("location").unwrap().to_owned();
        for (change, code) in [
            (json!({"has_office": true, "reason": ""}), "empty"),
            (
                json!({"has_office": true, "reason": "长".repeat(2001)}),
                "too_long",
            ),
            (
                json!({"five_have": {"team": {"have": true, "doc_no": "号".repeat(101)}}}),
                "too_long",
            ),
        ] {
            let refused = phone.patch(&location, Some("\"1\""), &change).await.expect(422);
            assert_eq!(code_of(&refused), code, "{}", refused.text);
        }
        let nul = json!({"area": "340304001", "kind": "work_station", "name": "a\u{0}b"});
        phone.post("/v1/organizations", &nul).await.expect(400);
        let nul = json!({"area": "\u{0}", "kind": "work_station", "name": "站"});
        phone.post("/v1/organizations", &nul).await.expect(400);
        phone.get("/v1/organizations?q=%00").await.expect(400);
        phone.get("/v1/areas/%00").await.expect(404);
        let told = json!({"area": "340304001", "kind": "work_station", "name": "反斜杠\\u0000"});
        phone.post("/v1/organizations", &told).await.expect(201);
    });
}

#[apply(both_databases)]
fn a_search_finds_the_same_whatever_the_case(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let phone = api.caller("340304001", Role::TownshipReporter).await;
        let mut named = street();
        named["name"] = json!("大庆街道 Qiaolian");
        phone.post("/v1/organizations", &named).await.expect(201);
        for part in ["qiaolian", "QIAOLIAN", "Qiaolian"] {
            let found = phone
                .get(&format!("/v1/organizations?q={part}"))
                .await
                .expect(200);
            assert_eq!(found.json()["items"].as_array().unwrap().len(), 1, "{part}");
        }
    });
}

#[apply(both_databases)]
fn every_field_is_kept_and_shown_as_it_was_sent(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let above = json!({"area": "340304", "kind": "federation", "name": "禹会区侨联", "basis": "congress", "status": "established",
            "established_on": "2022-02-01"});
        let above = county.post("/v1/organizations", &above).await.expect(201).json();
        assert_eq!(above["basis"], "congress");
        let body = json!({"area": "340304001", "host": "area", "parent": above["id"], "kind": "federation", "name": "大庆街道侨联",
            "status": "established", "approval": {"post": "staffing_office", "doc_no": "禹编〔2022〕3号", "on": "2022-02-10",
            "precision": "day"}, "established_on": "2022-03-21", "established_precision": "ten_day", "unveiled_on": "2022-03-25",
            "unveiled_precision": "day", "basis": "replace_one", "replaces": "街道侨务工作站", "has_office": true,
            "affiliation": "街道党工委", "quota_posts": 2, "posts_filled": 1,
            "five_have": {"organization": {"have": true, "on": "2022-03-31", "doc_no": "禹编〔2022〕3号"}, "team": {"have": true},
            "funding": {"have": false}, "venue": {"have": true, "on": "2022-04-01"}, "activity": {"have": true, "doc_no": "纪要1号"}},
            "standing_rules": {"learning": "2022-04-01", "management": "2022-04-01", "contact": "2022-04-02", "service": "2022-04-03"},
            "term_ends_on": "2027-03-21", "note": "示例"});
        let made = county.post("/v1/organizations", &body).await.expect(201);
        let location = made.header("location").unwrap().to_owned();
        let shown = county.get(&location).await.expect(200).json();
        for (field, sent) in body.as_object().unwrap() {
            assert_eq!(&shown[field], sent, "{field}");
        }
        // What a university or an enterprise carries has a place of its own.
        for host in ["university", "enterprise", "park"] {
            let other = json!({"area": "340304001", "host": host, "kind": "federation", "name": format!("{host}侨联")});
            county.post("/v1/organizations", &other).await.expect(201);
        }
        let coverage = county
            .get("/v1/figures?metric=five_have_rate&cohort=all&area=340304001")
            .await
            .expect(200)
            .json();
        assert_eq!(
            (
                &coverage["totals"][0]["numerator"],
                &coverage["totals"][0]["denominator"]
            ),
            (&json!(0), &json!(1)),
            "funding is missing"
        );
        for (change, code) in [
            (json!({"posts_filled": 3}), "over_quota"),
            (json!({"term_ends_on": "2022-03-01"}), "dates_out_of_order"),
            (json!({"replaces": null}), "replaces_mismatch"),
            (
                json!({"five_have": {"team": {"have": true, "on": "2022-06-25"}}}),
                "date_in_future",
            ),
        ] {
            let refused = county.patch(&location, Some("\"1\""), &change).await.expect(422);
            assert_eq!(code_of(&refused), code);
        }
        let funded = json!({"five_have": {"funding": {"have": true, "on": "2022-05-01", "doc_no": "禹财〔2022〕7号"}},
            "posts_filled": 2, "term_ends_on": null});
        let now = county
            .patch(&location, Some("\"1\""), &funded)
            .await
            .expect(200)
            .json();
        assert_eq!(now["five_have"]["funding"]["doc_no"], "禹财〔2022〕7号");
        assert_eq!(now["five_have"]["venue"]["on"], "2022-04-01");
        assert_eq!(
            (&now["posts_filled"], &now["term_ends_on"]),
            (&json!(2), &json!(null))
        );
    });
}
