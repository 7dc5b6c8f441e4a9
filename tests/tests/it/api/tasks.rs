//! `/v1/tasks`: a row of the table on its way from the province to a city and back.

use insta::assert_json_snapshot;
use qiaojian_domain::access::Role;
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, TestApi, with_api};
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::areas::add_statistical_area;
use super::programs::add_program;
use crate::both_databases;

fn task(program: &str, no: i32, assign_to: &Value) -> Value {
    json!({
        "program": program,
        "no": no,
        "theme": "lead_organization",
        "content": "推动有侨界服务需求的乡镇（街道）年内建立侨联（工作站），实现应建尽建。",
        "lead_post": "federation",
        "supporting_posts": ["organization_dept", "united_front_dept"],
        "due_on": "2022-06-30",
        "assign_to": assign_to
    })
}

pub fn cities() -> Value {
    json!([{"area": "340300"}, {"area": "341800"}])
}

pub async fn province(api: &TestApi) -> Client {
    api.caller("340000", Role::ProvinceAdmin).await
}

/// Issues a task to these; answers its location and those of its assignments, by area.
pub async fn issue(api: &TestApi, assign_to: &Value) -> (String, Vec<String>) {
    let program = add_program(api).await;
    let province = province(api).await;
    let created = province
        .post("/v1/tasks", &task(&program, 1, assign_to))
        .await
        .expect(201);
    let location = created.header("location").unwrap().to_owned();
    let given = province
        .get(&format!("{location}/assignments"))
        .await
        .expect(200)
        .json();
    let paths = given["items"].as_array().unwrap().iter();
    let paths = paths
        .map(|item| format!("/v1/assignments/{}", item["id"].as_str().unwrap()))
        .collect();
    (location, paths)
}

pub fn first(paths: &[String]) -> &str {
    paths.first().unwrap()
}

#[apply(both_databases)]
fn a_task_goes_out_comes_back_is_returned_and_done(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let program = add_program(api).await;
        let province = province(api).await;
        let issued = province
            .post("/v1/tasks", &task(&program, 1, &cities()))
            .await
            .expect(201);
        assert_json_snapshot!(issued.json(), {".id" => "[id]", ".program" => "[id]", ".created_at" => "[at]", ".updated_at" => "[at]"}, @r#"
        {
          "content": "推动有侨界服务需求的乡镇（街道）年内建立侨联（工作站），实现应建尽建。",
          "created_at": "[at]",
          "due_on": "2022-06-30",
          "id": "[id]",
          "illustrative": false,
          "issued_on": "2022-06-24",
          "issuer": {
            "area": "340000",
            "post": "federation"
          },
          "lead_post": "federation",
          "no": 1,
          "program": "[id]",
          "supporting_posts": [
            "organization_dept",
            "united_front_dept"
          ],
          "theme": "lead_organization",
          "updated_at": "[at]",
          "version": 1
        }
        "#);
        let location = issued.header("location").unwrap();
        assert_eq!(province.get(location).await.expect(200).json(), issued.json());

        let phone = api.caller("340300", Role::CityReporter).await;
        let inbox = phone
            .get("/v1/assignments?status=issued")
            .await
            .expect(200)
            .json();
        assert_json_snapshot!(inbox, {
            ".items[].id" => "[id]", ".items[].task.id" => "[id]", ".items[].task.program" => "[id]",
            ".items[].created_at" => "[at]", ".items[].updated_at" => "[at]"
        }, @r#"
        {
          "items": [
            {
              "area": "340300",
              "area_name": "蚌埠市",
              "created_at": "[at]",
              "due_on": "2022-06-30",
              "id": "[id]",
              "late": null,
              "light": "green",
              "post": "federation",
              "status": "issued",
              "task": {
                "content": "推动有侨界服务需求的乡镇（街道）年内建立侨联（工作站），实现应建尽建。",
                "id": "[id]",
                "illustrative": false,
                "issuer": {
                  "area": "340000",
                  "post": "federation"
                },
                "no": 1,
                "program": "[id]",
                "theme": "lead_organization"
              },
              "updated_at": "[at]",
              "version": 1
            }
          ],
          "next_cursor": null
        }
        "#);
        let mine = format!("/v1/assignments/{}", inbox["items"][0]["id"].as_str().unwrap());
        let seen = phone
            .post(&format!("{mine}/acknowledge"), &json!({}))
            .await
            .expect(200);
        assert_eq!(
            (seen.header("etag"), &seen.json()["status"]),
            (Some("\"2\""), &json!("acknowledged"))
        );
        assert_eq!(
            seen.json()["acknowledged_on"],
            "2022-06-24",
            "today when left out"
        );
        let report = json!({"content": "已制定工作计划，正按时间节点推进。"});
        phone.post(&format!("{mine}/reports"), &report).await.expect(200);
        phone
            .post(&format!("{mine}/submit"), &json!({"on": "2022-06-24"}))
            .await
            .expect(200);
        let why = json!({"reason": "佐证材料不全，请补充后重新报送。"});
        let returned = province
            .post(&format!("{mine}/return"), &why)
            .await
            .expect(200)
            .json();
        assert_eq!(
            (&returned["status"], &returned["reason"]),
            (&json!("returned"), &why["reason"])
        );
        let report = json!({"content": "佐证材料已补齐，现申请办结。"});
        phone.post(&format!("{mine}/reports"), &report).await.expect(200);
        phone
            .post(&format!("{mine}/submit"), &json!({}))
            .await
            .expect(200);
        let done = province
            .post(&format!("{mine}/accept"), &json!({}))
            .await
            .expect(200);
        assert_json_snapshot!(done.json(), {
            ".id" => "[id]", ".task.id" => "[id]", ".task.program" => "[id]", ".reports[].id" => "[id]",
            ".reports[].created_at" => "[at]", ".created_at" => "[at]", ".updated_at" => "[at]"
        }, @r#"
        {
          "accepted_on": "2022-06-24",
          "acknowledged_on": "2022-06-24",
          "area": "340300",
          "area_name": "蚌埠市",
          "created_at": "[at]",
          "due_on": "2022-06-30",
          "id": "[id]",
          "late": false,
          "light": "green",
          "post": "federation",
          "reports": [
            {
              "content": "已制定工作计划，正按时间节点推进。",
              "created_at": "[at]",
              "id": "[id]",
              "on": "2022-06-24"
            },
            {
              "content": "佐证材料已补齐，现申请办结。",
              "created_at": "[at]",
              "id": "[id]",
              "on": "2022-06-24"
            }
          ],
          "status": "accepted",
          "submitted_on": "2022-06-24",
          "task": {
            "content": "推动有侨界服务需求的乡镇（街道）年内建立侨联（工作站），实现应建尽建。",
            "id": "[id]",
            "illustrative": false,
            "issuer": {
              "area": "340000",
              "post": "federation"
            },
            "no": 1,
            "program": "[id]",
            "theme": "lead_organization"
          },
          "updated_at": "[at]",
          "version": 8
        }
        "#);
        assert_eq!(phone.get(&mine).await.expect(200).json(), done.json());
    });
}

#[apply(both_databases)]
fn each_sees_its_own_part(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let (location, paths) = issue(api, &json!([{"area": "340304"}, {"area": "341800"}])).await;
        let [county_paper, city_paper] = paths.try_into().unwrap();
        let city = api.caller("340300", Role::CityReporter).await;
        let county = api.caller("340304", Role::CountyReporter).await;
        let street = api.caller("340304001", Role::TownshipReporter).await;
        let other = api.caller("341800", Role::CityReporter).await;
        for (caller, sees) in [(&city, 1), (&county, 1), (&street, 0), (&other, 1)] {
            let status = if sees == 0 { 404 } else { 200 };
            caller.get(&location).await.expect(status);
            assert_eq!(
                caller.get("/v1/tasks").await.expect(200).json()["items"]
                    .as_array()
                    .unwrap()
                    .len(),
                sees
            );
            let part = caller
                .get(&format!("{location}/assignments"))
                .await
                .expect(status);
            if sees > 0 {
                assert_eq!(
                    part.json()["items"].as_array().unwrap().len(),
                    sees,
                    "nothing of its neighbours"
                );
            }
            assert_eq!(
                caller.get("/v1/assignments").await.expect(200).json()["items"]
                    .as_array()
                    .unwrap()
                    .len(),
                sees
            );
        }
        for stranger in [&street, &other] {
            stranger.get(&county_paper).await.expect(404);
            for (verb, body) in [
                ("acknowledge", json!({})),
                ("reports", json!({"content": "x"})),
                ("submit", json!({})),
            ] {
                stranger
                    .post(&format!("{county_paper}/{verb}"), &body)
                    .await
                    .expect(404);
            }
        }
        for verb in ["return", "cancel"] {
            other
                .post(&format!("{county_paper}/{verb}"), &json!({"reason": "x"}))
                .await
                .expect(404);
        }
        other
            .post(&format!("{county_paper}/accept"), &json!({}))
            .await
            .expect(404);
        other.get("/v1/assignments?area=340304").await.expect(404);
        other.get(&city_paper).await.expect(200);
        let nothing = other.get("/v1/assignments?area=341802").await.expect(200).json();
        assert_eq!(nothing["items"], json!([]));
    });
}

#[apply(both_databases)]
fn a_task_is_issued_once_and_whole(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let program = add_program(api).await;
        let province = province(api).await;
        let mut own = task(&program, 1, &cities());
        own["id"] = json!("0190a000-0000-7000-8000-000000000001");
        let first = province.post("/v1/tasks", &own).await.expect(201).json();
        assert_eq!(province.post("/v1/tasks", &own).await.expect(200).json(), first);
        own["content"] = json!("别的任务。");
        assert_eq!(
            province.post("/v1/tasks", &own).await.expect(409).json()["type"],
            "/problems/id_taken"
        );
        let second = task(&program, 2, &json!([{"area": "340300"}]));
        let made = province
            .post_once("/v1/tasks", "k-1", &second)
            .await
            .expect(201)
            .json();
        assert_eq!(
            province
                .post_once("/v1/tasks", "k-1", &second)
                .await
                .expect(201)
                .json(),
            made
        );
        let same_no = province
            .post("/v1/tasks", &task(&program, 2, &cities()))
            .await
            .expect(409)
            .json();
        assert_eq!(same_no["type"], "/problems/task_no_taken");
        let count = async |path: &str| {
            province.get(path).await.expect(200).json()["items"]
                .as_array()
                .unwrap()
                .len()
        };
        assert_eq!(count("/v1/tasks").await, 2);
        assert_eq!(count("/v1/assignments").await, 3);
        assert_eq!(count("/v1/tasks?theme=serve_people").await, 0);
        assert_eq!(
            count(&format!(
                "/v1/tasks?program={program}&theme=serve_people,lead_organization"
            ))
            .await,
            2
        );
        let of_second = format!("/v1/assignments?task={}", made["id"].as_str().unwrap());
        assert_eq!(count(&of_second).await, 1);
        // A city has numbers of its own, and gives tasks to its counties.
        let city = api.caller("340300", Role::CityReporter).await;
        let issued = city
            .post(
                "/v1/tasks",
                &task(&program, 1, &json!([{"area": "340304", "post": "leading_group"}])),
            )
            .await;
        assert_eq!(
            issued.expect(201).json()["issuer"],
            json!({"area": "340300", "post": "federation"})
        );
    });
}

#[apply(both_databases)]
fn what_breaks_a_rule_issues_nothing(#[case] backend: Backend) {
    with_api(backend, async |api| {
        add_statistical_area(api).await;
        let program = add_program(api).await;
        let city = api.caller("340300", Role::CityReporter).await;
        let to = |assign_to: Value| task(&program, 1, &assign_to);
        let changed = |field: &str, value: Value| {
            let mut body = to(json!([{"area": "340304"}]));
            body[field] = value;
            body
        };
        let many: Vec<_> = (0..201).map(|_| json!({"area": "340304"})).collect();
        let absent = json!("0190a000-0000-7000-8000-00000000ffff");
        for (body, pointer, code) in [
            (
                to(json!([{"area": "340304"}, {"area": "341800"}])),
                "/assign_to/1/area",
                "unknown_area",
            ),
            (
                to(json!([{"area": "999999"}])),
                "/assign_to/0/area",
                "unknown_area",
            ),
            (to(json!([{"area": "340300"}])), "/assign_to/0/area", "own_area"),
            (
                to(json!([{"area": "340371"}])),
                "/assign_to/0/area",
                "area_not_administrative",
            ),
            (
                to(json!([{"area": "340304"}, {"area": "340304"}])),
                "/assign_to/1/area",
                "assigned_twice",
            ),
            (to(json!([])), "/assign_to", "out_of_range"),
            (to(json!(many)), "/assign_to", "out_of_range"),
            (
                changed("due_on", json!("2022-06-23")),
                "/due_on",
                "dates_out_of_order",
            ),
            (changed("content", json!("")), "/content", "empty"),
            (changed("no", json!(0)), "/no", "out_of_range"),
            (
                changed("program", absent.clone()),
                "/program",
                "unknown_reference",
            ),
            (changed("origin", absent), "/origin", "unknown_reference"),
        ] {
            let refused = city.post("/v1/tasks", &body).await.expect(422).json();
            let error = &refused["errors"][0];
            assert_eq!(
                (&error["pointer"], &error["code"]),
                (&json!(pointer), &json!(code)),
                "{refused}"
            );
        }
        city.post("/v1/tasks", &changed("theme", json!("tourism")))
            .await
            .expect(400);
        city.post("/v1/tasks", &changed("leader", json!("某某")))
            .await
            .expect(400);
        let street = api.caller("340304001", Role::TownshipReporter).await;
        street
            .post("/v1/tasks", &to(json!([{"area": "340304001001"}])))
            .await
            .expect(403);
        let province = province(api).await;
        assert_eq!(
            province.get("/v1/tasks").await.expect(200).json()["items"],
            json!([])
        );
        assert_eq!(
            province.get("/v1/assignments").await.expect(200).json()["items"],
            json!([])
        );
    });
}

#[apply(both_databases)]
fn a_repeated_task_is_the_same_task_after_its_due_date_too(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let program = add_program(api).await;
        let province = province(api).await;
        let mut today = task(&program, 1, &cities());
        today["due_on"] = json!("2022-06-24");
        province.post_once("/v1/tasks", "k-1", &today).await.expect(201);
        let mut own = today.clone();
        own["id"] = json!("0190a000-0000-7000-8000-000000000002");
        own["no"] = json!(2);
        let first = province.post("/v1/tasks", &own).await.expect(201).json();
        // The reply was lost, and the phone tries again after midnight.
        api.clock.advance(chrono::TimeDelta::hours(10));
        let province = self::province(api).await;
        assert_eq!(province.post("/v1/tasks", &own).await.expect(200).json(), first);
        today["no"] = json!(3);
        province.post("/v1/tasks", &today).await.expect(422);
    });
}
