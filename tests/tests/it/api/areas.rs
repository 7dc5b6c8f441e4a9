//! `/v1/areas`: the caller's part of the tree.

use std::collections::BTreeSet;

use insta::assert_json_snapshot;
use qiaojian_domain::access::{Post, Role, Scope};
use qiaojian_domain::area::{AreaKind, Level};
use qiaojian_domain::clock::OsEntropy;
use qiaojian_domain::digest::{base64url, sha256_hex};
use qiaojian_domain::ids::AreaId;
use qiaojian_store::areas::{self, NewArea};
use qiaojian_store::{Actor, Recording, StoreError};
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Reply, TestApi, with_api};
use qiaojian_tests::fixtures::beginning;
use rstest_reuse::apply;
use serde_json::json;

use crate::both_databases;

/// The codes on a page, in its order.
fn codes(reply: &Reply) -> Vec<String> {
    let page = reply.json();
    let items = page["items"].as_array().unwrap();
    items
        .iter()
        .map(|area| area["code"].as_str().unwrap().to_owned())
        .collect()
}

/// Adds a unit of the statistics bureau: 蚌埠市高新技术开发区.
pub async fn add_statistical_area(api: &TestApi) {
    let id = AreaId::generate(api.clock.as_ref(), &OsEntropy);
    api.db
        .write(move |tx| {
            let actor = Actor::system("test");
            let mut recording = Recording::begin(tx, &actor)?;
            let parent = areas::find_anywhere(recording.conn(), "340300")?;
            let new = NewArea {
                id,
                code: "340371".to_owned(),
                name: "蚌埠市高新技术开发区".to_owned(),
                level: Level::County,
                kind: AreaKind::Statistical,
                parent,
                valid_from: beginning(),
            };
            areas::create(&mut recording, &new).map(drop)
        })
        .await
        .unwrap_or_else(|error: StoreError| panic!("{error}"));
}

#[apply(both_databases)]
fn a_county_office_looks_around_in_its_county(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let all = county.get("/v1/areas").await.expect(200);
        assert_eq!(
            codes(&all),
            [
                "340304",
                "340304-P01",
                "340304001",
                "340304001001",
                "340304001002",
                "340304002"
            ],
            "each behind the one it stands under"
        );
        let children = county.get("/v1/areas/340304/children").await.expect(200);
        assert_eq!(codes(&children), ["340304-P01", "340304001", "340304002"]);
        assert_eq!(
            codes(&county.get("/v1/areas?parent=340304001").await.expect(200)),
            ["340304001001", "340304001002"]
        );
        assert_eq!(
            codes(&county.get("/v1/areas?level=village,park").await.expect(200)).len(),
            3
        );
        assert_eq!(
            codes(&county.get("/v1/areas?q=大庆").await.expect(200)),
            ["340304001", "340304001002"]
        );
        assert_eq!(
            codes(&county.get("/v1/areas?q=%25").await.expect(200)),
            [""; 0],
            "a wildcard is a character"
        );
        let street = county.get("/v1/areas/340304001").await.expect(200);
        assert_eq!(street.header("etag"), Some("\"1\""));
        assert_json_snapshot!(street.json(), {".id" => "[id]", ".created_at" => "[at]", ".updated_at" => "[at]"}, @r#"
        {
          "ancestors": [
            {
              "code": "340000",
              "name": "安徽省"
            },
            {
              "code": "340300",
              "name": "蚌埠市"
            },
            {
              "code": "340304",
              "name": "禹会区"
            }
          ],
          "code": "340304001",
          "created_at": "[at]",
          "id": "[id]",
          "kind": "administrative",
          "level": "township",
          "name": "大庆街道",
          "parent": "340304",
          "updated_at": "[at]",
          "valid_from": "1949-10-01",
          "version": 1
        }
        "#);
    });
}

#[apply(both_databases)]
fn a_long_list_comes_in_parts(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let mut seen = Vec::new();
        let mut path = "/v1/areas?limit=4".to_owned();
        loop {
            let part = county.get(&path).await.expect(200);
            seen.extend(codes(&part));
            let Some(cursor) = part.json()["next_cursor"].as_str().map(str::to_owned) else {
                break;
            };
            assert!(part.header("link").unwrap().ends_with("; rel=\"next\""));
            path = format!("/v1/areas?limit=4&cursor={cursor}");
        }
        assert_eq!(seen, codes(&county.get("/v1/areas").await.expect(200)));
    });
}

#[apply(both_databases)]
fn names_of_ancestors_are_told_and_nothing_beside_them(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let street = api.caller("340304001", Role::TownshipReporter).await;
        for code in ["340304001001", "340304001", "340304", "340300", "340000"] {
            street.get(&format!("/v1/areas/{code}")).await.expect(200);
        }
        for hidden in [
            "/v1/areas/340304002",
            "/v1/areas/341800",
            "/v1/areas/999999",
            "/v1/areas/340304/children",
            "/v1/areas/341800/children",
            "/v1/areas?parent=340300",
        ] {
            assert_eq!(
                street.get(hidden).await.expect(404).json()["type"],
                "/problems/not_found",
                "{hidden}"
            );
        }
        assert_eq!(
            codes(&street.get("/v1/areas?level=county,city").await.expect(200)),
            [""; 0]
        );
    });
}

#[apply(both_databases)]
fn statistical_areas_are_shown_when_asked_for(#[case] backend: Backend) {
    with_api(backend, async |api| {
        add_statistical_area(api).await;
        let city = api.caller("340300", Role::CityReporter).await;
        let children = "/v1/areas/340300/children";
        assert_eq!(codes(&city.get(children).await.expect(200)), ["340304", "340322"]);
        assert_eq!(
            codes(
                &city
                    .get(&format!("{children}?kind=statistical"))
                    .await
                    .expect(200)
            ),
            ["340371"]
        );
        assert_eq!(
            codes(
                &city
                    .get("/v1/areas?level=county&kind=administrative,statistical")
                    .await
                    .expect(200)
            )
            .len(),
            3
        );
    });
}

#[apply(both_databases)]
fn a_question_that_cannot_be_understood_is_told_so(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        for bad in [
            "/v1/areas?colour=red",
            "/v1/areas?level=galaxy",
            "/v1/areas?limit=0",
            "/v1/areas?limit=201",
            "/v1/areas?cursor=nonsense",
            "/v1/areas/340304/children?level=village",
        ] {
            assert_eq!(
                county.get(bad).await.expect(400).json()["type"],
                "/problems/bad_request",
                "{bad}"
            );
        }
        let narrow = api
            .caller_with(
                "340304",
                Post::Federation,
                Role::Reader,
                BTreeSet::from([Scope::OrgRead]),
            )
            .await;
        for path in ["/v1/areas", "/v1/areas/340304", "/v1/areas/340304/children"] {
            assert_eq!(
                narrow.get(path).await.expect(403).json()["type"],
                "/problems/scope_missing"
            );
            assert_eq!(
                api.anonymous().get(path).await.expect(401).json()["type"],
                json!("/problems/token_missing")
            );
        }
    });
}

/// A cursor is no secret, and what is in it is read like any other input.
#[apply(both_databases)]
fn a_cursor_that_somebody_made_is_refused_where_no_list_of_ours_could_end(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        for (path, key) in [
            ("/v1/areas", json!("340000/\u{0}")),
            ("/v1/organizations", json!(["a\u{0}", uuid::Uuid::nil()])),
            ("/v1/areas/340304001/counts", json!("-9999-01-01")),
            (
                "/v1/bulletins",
                json!(["-9999-01-01T00:00:00Z", uuid::Uuid::nil()]),
            ),
        ] {
            let mut list = sha256_hex(format!("{path}[]"));
            list.truncate(16);
            let cursor = base64url(json!([list, key]).to_string());
            let refused = county.get(&format!("{path}?cursor={cursor}")).await.expect(400);
            assert_eq!(refused.json()["errors"][0]["pointer"], "cursor", "{path}");
        }
    });
}

#[apply(both_databases)]
fn a_cursor_is_good_for_its_own_list_and_filters_only(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let first = office
            .get("/v1/areas?level=city,county&kind=administrative&limit=1")
            .await
            .expect(200)
            .json();
        let cursor = first["next_cursor"].as_str().unwrap();
        for same in [
            format!("/v1/areas?level=city,county&kind=administrative&limit=2&cursor={cursor}"),
            format!("/v1/areas?cursor={cursor}&kind=administrative&level=city%2Ccounty"),
        ] {
            office.get(&same).await.expect(200);
        }
        for other in [
            "/v1/areas?",
            "/v1/areas?level=city&kind=administrative&",
            "/v1/areas?level=city,county&kind=administrative&q=x&",
            "/v1/areas/340300/children?",
            "/v1/organizations?",
            "/v1/tokens?",
        ] {
            let refused = office
                .get(&format!("{other}cursor={cursor}"))
                .await
                .expect(400)
                .json();
            let error = &refused["errors"][0];
            assert_eq!(
                (&error["pointer"], &error["code"]),
                (&json!("cursor"), &json!("bad_parameter")),
                "{other}"
            );
        }
        let children = office
            .get("/v1/areas/340300/children?limit=1")
            .await
            .expect(200)
            .json();
        let cursor = children["next_cursor"].as_str().unwrap();
        office
            .get(&format!("/v1/areas/340300/children?cursor={cursor}"))
            .await
            .expect(200);
        office
            .get(&format!("/v1/areas/340304/children?cursor={cursor}"))
            .await
            .expect(400);
    });
}
