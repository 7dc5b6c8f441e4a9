//! `/v1/bulletins`: the provincial office composes and publishes, the pilot city reads, nobody else.

use insta::assert_snapshot;
use qiaojian_domain::access::{Post, Role};
use qiaojian_domain::clock::OsEntropy;
use qiaojian_domain::ids::{CohortId, ProgramId};
use qiaojian_domain::organization::PreciseDate;
use qiaojian_domain::program::{Cohort, Facts};
use qiaojian_store::programs::{self, NewProgram};
use qiaojian_store::{Actor, Recording, StoreError, areas};
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, TestApi, with_api};
use qiaojian_tests::fixtures::date;
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

/// The article's programme as a demonstration has it, with 蚌埠 as the pilot city and 宣城 as another.
pub async fn campaign(api: &TestApi) -> ProgramId {
    let program = ProgramId::generate(api.clock.as_ref(), &OsEntropy);
    let rows = [("340300", Cohort::Pilot), ("341800", Cohort::NonPilot)]
        .map(|(code, cohort)| (code, cohort, CohortId::generate(api.clock.as_ref(), &OsEntropy)));
    api.db
        .write(move |tx| {
            let actor = Actor::system("test");
            let mut recording = Recording::begin(tx, &actor)?;
            let province = areas::find_anywhere(recording.conn(), "340000")?.expect("the province");
            let facts = Facts {
                code: "pilot".to_owned(),
                title: "党建带侨建、侨建促党建".to_owned(),
                aliases: vec![],
                baseline_on: date("2021-10-31"),
                starts: PreciseDate::day(date("2021-11-01")),
                target_on: date("2022-12-31"),
                note: None,
            };
            let new = NewProgram {
                id: program,
                digest: String::new(),
                issuer: province.area_id,
                illustrative: true,
                facts,
            };
            programs::create(&mut recording, &new)?;
            for (code, cohort, id) in rows {
                let city = areas::find_anywhere(recording.conn(), code)?.expect("a city");
                programs::set_cohort(
                    &mut recording,
                    id,
                    program,
                    city.area_id,
                    cohort,
                    date("2021-11-01"),
                )?;
            }
            Ok::<_, StoreError>(())
        })
        .await
        .expect("the programme is recorded");
    program
}

/// What composes the bulletin of a month.
pub fn of_month(program: ProgramId, period: &str) -> Value {
    json!({"program": program, "kind": "progress", "period": period})
}

/// Composes, approves and publishes the bulletin of a month; where it is.
pub async fn published(office: &Client, program: ProgramId, period: &str) -> String {
    let composed = office
        .post("/v1/bulletins", &of_month(program, period))
        .await
        .expect(201);
    let location = composed.header("location").expect("a location").to_owned();
    office
        .post(&format!("{location}/approve"), &json!({}))
        .await
        .expect(200);
    publish(office, &location).await;
    location
}

/// Publishes what is approved, whoever cannot be reached.
pub async fn publish(office: &Client, location: &str) {
    let path = format!("{location}/publish");
    let reply = office.post(&path, &json!({})).await;
    if reply.status == 409 {
        let unreachable = reply.json()["errors"].as_array().map_or(0, Vec::len);
        office
            .post(&path, &json!({ "unreachable": unreachable }))
            .await
            .expect(200);
    } else {
        reply.expect(200);
    }
}

fn items(page: &Value) -> usize {
    page["items"].as_array().expect("items").len()
}

#[apply(both_databases)]
fn a_bulletin_is_composed_approved_published_and_read_by_the_pilot_city_alone(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let program = campaign(api).await;
        let county = api.caller("340304", Role::CountyReporter).await;
        let federation = json!({"area": "340304", "kind": "federation", "name": "禹会区侨联", "status": "established",
            "approval": {"on": "2022-05-10", "doc_no": "禹编〔2022〕1号"}, "established_on": "2022-05-20"});
        county.post("/v1/organizations", &federation).await.expect(201);

        let office = api.caller("340000", Role::Supervisor).await;
        let pilot = api.caller("340300", Role::CityReporter).await;
        let other = api.caller("341800", Role::CityReporter).await;
        let composed = office
            .post("/v1/bulletins", &of_month(program, "2022-05"))
            .await
            .expect(201);
        let location = composed.header("location").unwrap().to_owned();
        let draft = composed.json();
        assert_eq!(
            (&draft["state"], &draft["serial"]),
            (&json!("draft"), &json!(null))
        );
        assert_eq!(draft["as_of"], "2022-05-31");
        assert_eq!(draft["issuer"], json!({"code": "340000", "name": "安徽省"}));
        assert_snapshot!(draft["title"].as_str().unwrap(), @"【演示】关于“党建带侨建、侨建促党建”试点工作2022年5月进展情况的通报");
        assert_eq!(draft["figures"]["totals"]["organizations"], 1);
        assert_eq!(draft["figures"]["illustrative"], true);

        // A draft is the issuer's alone, page and all.
        for stranger in [&pilot, &other] {
            for path in [
                location.clone(),
                format!("{location}.html"),
                format!("{location}/notices"),
            ] {
                stranger.get(&path).await.expect(404);
            }
            assert_eq!(items(&stranger.get("/v1/bulletins").await.expect(200).json()), 0);
            assert_eq!(items(&stranger.get("/v1/notices").await.expect(200).json()), 0);
        }
        let page = office.get(&format!("{location}.html")).await.expect(200);
        assert!(
            page.text.contains("编号待发") && page.text.contains("蚌埠市"),
            "{}",
            page.text
        );

        let approved = office
            .post(&format!("{location}/approve"), &json!({}))
            .await
            .expect(200);
        let stale = office
            .request(reqwest::Method::POST, &format!("{location}/publish"))
            .header("If-Match", "\"1\"");
        office.send(stale).await.expect(412);
        let out = office
            .post(&format!("{location}/publish"), &json!({"unreachable": 1}))
            .await
            .expect(200)
            .json();
        assert_eq!((&out["state"], &out["serial"]), (&json!("published"), &json!(1)));
        assert_eq!(
            out["digest"],
            approved.json()["digest"],
            "publishing changes no figure"
        );

        let seen = pilot.get(&location).await.expect(200);
        let mut as_seen = out.clone();
        as_seen["unreachable"] = json!(null);
        assert_eq!(seen.json(), as_seen, "how others are reached is the issuer's");
        assert_eq!(seen.header("etag"), Some("\"3\""));
        assert_eq!(
            items(
                &pilot
                    .get("/v1/bulletins?state=published&kind=progress&period=2022-05")
                    .await
                    .json()
            ),
            1
        );
        assert_eq!(items(&pilot.get("/v1/bulletins?period=2022-04").await.json()), 0);
        assert_eq!(
            items(&county.get("/v1/bulletins").await.expect(200).json()),
            0,
            "it is the city's, not its counties'"
        );
        let notices = office
            .get(&format!("{location}/notices"))
            .await
            .expect(200)
            .json();
        assert_eq!(items(&notices), 1);
        assert_eq!(notices["items"][0]["area"], "340300");
        for path in [
            location.clone(),
            format!("{location}.html"),
            format!("{location}.json"),
            format!("{location}/notices"),
        ] {
            other.get(&path).await.expect(404);
        }
        assert_eq!(items(&other.get("/v1/bulletins").await.json()), 0);
    });
}

#[apply(both_databases)]
fn a_document_is_served_as_page_data_and_text(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let program = campaign(api).await;
        let office = api.caller("340000", Role::Supervisor).await;
        let location = published(&office, program, "2022-05").await;
        let pilot = api.caller("340300", Role::CityReporter).await;
        for reader in [&office, &pilot] {
            let page = reader.get(&format!("{location}.html")).await.expect(200);
            assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
            assert_eq!(
                page.header("content-security-policy"),
                Some("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
            );
            assert!(
                page.text.contains("蚌埠市侨联：") && page.text.contains("第1期"),
                "{}",
                page.text
            );
            assert!(page.text.contains("演示数据"), "a demonstration says so");
        }
        let data = pilot.get(&format!("{location}.json")).await.expect(200).json();
        assert_eq!(data["parts"]["own"]["figures"]["city"]["code"], "340300");
        assert_eq!(
            data["parts"]["common_digest"],
            office.get(&location).await.json()["digest"]
        );
        let text = pilot.get(&format!("{location}.txt")).await.expect(200);
        assert_eq!(text.header("content-type"), Some("text/plain; charset=utf-8"));
        assert!(text.text.contains("蚌埠市侨联"), "{}", text.text);
        let notice = data["id"].as_str().unwrap();
        for query in [format!("notice={notice}"), "area=340300".to_owned()] {
            office.get(&format!("{location}.html?{query}")).await.expect(200);
        }
        office
            .get(&format!("{location}.html?area=341800"))
            .await
            .expect(404);
        office
            .get(&format!("{location}.html?city=340300"))
            .await
            .expect(400);
        api.anonymous().get(&format!("{location}.html")).await.expect(401);
    });
}

#[apply(both_databases)]
fn composing_again_uses_the_row_again_until_it_is_out(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let program = campaign(api).await;
        let office = api.caller("340000", Role::Supervisor).await;
        let body = of_month(program, "2022-06");
        let first = office.post("/v1/bulletins", &body).await.expect(201).json();
        assert_eq!(
            first["as_of"], "2022-06-24",
            "a month that is not over counts until today"
        );
        let location = format!("/v1/bulletins/{}", first["id"].as_str().unwrap());
        let again = office.post("/v1/bulletins", &body).await.expect(200).json();
        assert_eq!((&again["id"], &again["version"]), (&first["id"], &json!(2)));

        let withdrawn = office
            .post(&format!("{location}/withdraw"), &json!({}))
            .await
            .expect(200);
        assert_eq!(withdrawn.json()["state"], "withdrawn");
        let refused = office
            .post(&format!("{location}/publish"), &json!({}))
            .await
            .expect(409);
        assert_eq!(refused.json()["type"], "/problems/transition_refused");
        let anew = office.post("/v1/bulletins", &body).await.expect(200).json();
        assert_eq!((&anew["id"], &anew["state"]), (&first["id"], &json!("draft")));

        office
            .post(&format!("{location}/approve"), &json!({}))
            .await
            .expect(200);
        office
            .post(&format!("{location}/approve"), &json!({}))
            .await
            .expect(409);
        let out = office
            .post_once(&format!("{location}/publish"), "k-1", &json!({"unreachable": 1}))
            .await
            .expect(200)
            .json();
        let repeated = office
            .post_once(&format!("{location}/publish"), "k-1", &json!({"unreachable": 1}))
            .await
            .expect(200)
            .json();
        assert_eq!(out, repeated);
        office
            .post(&format!("{location}/publish"), &json!({}))
            .await
            .expect(409);
        office
            .post(&format!("{location}/withdraw"), &json!({}))
            .await
            .expect(409);
        assert_eq!(
            office.post("/v1/bulletins", &body).await.expect(200).json(),
            out,
            "what is out stays as it is"
        );
        assert_eq!(items(&office.get(&format!("{location}/notices")).await.json()), 1);
    });
}

#[apply(both_databases)]
fn only_who_may_and_for_the_own_area(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let program = campaign(api).await;
        let office = api.caller("340000", Role::Supervisor).await;
        let pilot = api.caller("340300", Role::CityReporter).await;
        let body = of_month(program, "2022-05");
        pilot.post("/v1/bulletins", &body).await.expect(403);
        let city_office = api.caller("340300", Role::Supervisor).await;
        let foreign = city_office.post("/v1/bulletins", &body).await.expect(422);
        assert_eq!(foreign.json()["errors"][0]["pointer"], "/program");
        let location = office
            .post("/v1/bulletins", &body)
            .await
            .expect(201)
            .header("location")
            .unwrap()
            .to_owned();
        for verb in ["approve", "publish", "withdraw"] {
            let path = format!("{location}/{verb}");
            pilot.post(&path, &json!({})).await.expect(403);
            city_office.post(&path, &json!({})).await.expect(404);
        }
        office
            .post(&format!("{location}/approve"), &json!({}))
            .await
            .expect(200);
        publish(&office, &location).await;
        let addressee = city_office
            .post(&format!("{location}/withdraw"), &json!({}))
            .await
            .expect(403);
        assert_eq!(addressee.json()["type"], "/problems/not_yours");
        let admin_post = api
            .caller_with("340000", Post::LeadingGroup, Role::Reader, Role::Reader.scopes())
            .await;
        admin_post.get(&location).await.expect(200);
        admin_post
            .post(&format!("{location}/withdraw"), &json!({}))
            .await
            .expect(403);
    });
}

#[apply(both_databases)]
fn what_cannot_be_composed_says_why(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let program = campaign(api).await;
        let office = api.caller("340000", Role::Supervisor).await;
        for (body, pointer, code) in [
            (of_month(program, "2022-07"), "/period", "period_not_begun"),
            (
                json!({"program": program, "kind": "chase", "period": "2022-05"}),
                "/kind",
                "no_document",
            ),
            (
                json!({"program": "0190a000-0000-7000-8000-00000000ffff", "kind": "progress", "period": "2022-05"}),
                "/program",
                "unknown_reference",
            ),
        ] {
            let refused = office.post("/v1/bulletins", &body).await.expect(422);
            let error = &refused.json()["errors"][0];
            assert_eq!(
                (&error["pointer"], &error["code"]),
                (&json!(pointer), &json!(code)),
                "{}",
                refused.text
            );
        }
        let no_recipients = office
            .post("/v1/bulletins", &of_month(program, "2021-10"))
            .await
            .expect(409);
        assert_eq!(no_recipients.json()["type"], "/problems/no_recipients");
        let malformed = office
            .post("/v1/bulletins", &of_month(program, "2022-13"))
            .await
            .expect(400);
        assert_eq!(malformed.json()["errors"][0]["pointer"], "/period");
        office.get("/v1/bulletins?state=lost").await.expect(400);
        office.get("/v1/bulletins/not-an-id").await.expect(404);
        office.get("/v1/bulletins/not-an-id.html").await.expect(404);
    });
}

#[apply(both_databases)]
fn a_list_of_bulletins_is_read_page_by_page(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let program = campaign(api).await;
        let office = api.caller("340000", Role::Supervisor).await;
        for period in ["2022-03", "2022-04", "2022-05"] {
            published(&office, program, period).await;
        }
        let pilot = api.caller("340300", Role::CityReporter).await;
        for (list, reader) in [
            ("/v1/bulletins", &office),
            ("/v1/bulletins", &pilot),
            ("/v1/notices", &pilot),
        ] {
            let mut next = format!("{list}?limit=2");
            let mut serials = Vec::new();
            loop {
                let page = reader.get(&next).await.expect(200);
                serials.extend(
                    page.json()["items"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|item| item["serial"].clone()),
                );
                match page.header("link") {
                    Some(link) => next = link.trim_start_matches('<').split('>').next().unwrap().to_owned(),
                    None => break,
                }
            }
            serials.sort_by_key(Value::as_i64);
            assert_eq!(serials, [1, 2, 3], "{list}");
        }
    });
}
