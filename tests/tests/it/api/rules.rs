//! `/v1/rules`: which bases a figure may be counted on.

use insta::assert_json_snapshot;
use qiaojian_domain::Noun;
use qiaojian_domain::access::Role;
use qiaojian_domain::ids::RuleId;
use qiaojian_domain::rule::RuleKind;
use qiaojian_store::rules::{self, NewRule};
use qiaojian_store::{Actor, Recording, StoreError, areas};
use qiaojian_tests::Backend;
use qiaojian_tests::api::{TestApi, with_api};
use qiaojian_tests::fixtures::date;
use rstest_reuse::apply;
use serde_json::json;
use uuid::Uuid;

use crate::both_databases;

/// Records a counting rule of the province.
pub async fn add_rule(api: &TestApi, number: u128, name: &'static str, params: serde_json::Value) {
    api.db
        .write(move |tx| {
            let actor = Actor::system("test");
            let mut recording = Recording::begin(tx, &actor)?;
            let province =
                areas::find_anywhere(recording.conn(), "340000")?.ok_or(StoreError::NotFound(Noun::Area))?;
            let new = NewRule {
                id: RuleId(Uuid::from_u128(number)),
                kind: RuleKind::Counting,
                name: name.to_owned(),
                scope_area: province.area_id,
                effective_from: date("2021-10-31"),
                params: params.clone(),
                source: "试点工作实施方案".to_owned(),
            };
            rules::create(&mut recording, &new).map(drop)
        })
        .await
        .unwrap();
}

#[apply(both_databases)]
fn a_reader_sees_which_bases_there_are(#[case] backend: Backend) {
    with_api(backend, async |api| {
        add_rule(
            api,
            1,
            "established_only_pilots",
            json!({"counted_from": "established", "cohorts": ["pilot"]}),
        )
        .await;
        add_rule(api, 2, "default", json!({"counted_from": "established"})).await;
        let reader = api.caller("340304001001", Role::Reader).await;
        let page = reader.get("/v1/rules?kind=counting").await.expect(200);
        assert_json_snapshot!(page.json(), {".items[].id" => "[id]", ".items[].created_at" => "[at]", ".items[].updated_at" => "[at]"}, @r#"
        {
          "items": [
            {
              "created_at": "[at]",
              "effective_from": "2021-10-31",
              "id": "[id]",
              "kind": "counting",
              "name": "default",
              "params": {
                "counted_from": "established"
              },
              "scope_area": "340000",
              "source": "试点工作实施方案",
              "updated_at": "[at]",
              "version": 1
            },
            {
              "created_at": "[at]",
              "effective_from": "2021-10-31",
              "id": "[id]",
              "kind": "counting",
              "name": "established_only_pilots",
              "params": {
                "cohorts": [
                  "pilot"
                ],
                "counted_from": "established"
              },
              "scope_area": "340000",
              "source": "试点工作实施方案",
              "updated_at": "[at]",
              "version": 1
            }
          ],
          "next_cursor": null
        }
        "#);
        let first = reader.get("/v1/rules?limit=1").await.expect(200).json();
        assert_eq!(first["items"][0]["name"], "default");
        let cursor = first["next_cursor"].as_str().unwrap();
        let second = reader
            .get(&format!("/v1/rules?limit=1&cursor={cursor}"))
            .await
            .expect(200)
            .json();
        assert_eq!(second["items"][0]["name"], "established_only_pilots");
        assert_eq!(second["next_cursor"], json!(null));
        assert_eq!(
            reader.get("/v1/rules?kind=light").await.expect(200).json()["items"],
            json!([])
        );
        reader.get("/v1/rules?kind=golden").await.expect(400);
    });
}
