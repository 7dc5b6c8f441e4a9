//! What is refused is refused in the language of whoever asks.

use qiaojian_domain::access::Role;
use qiaojian_tests::Backend;
use qiaojian_tests::api::with_api;
use rstest_reuse::apply;
use serde_json::json;

use crate::both_databases;

#[apply(both_databases)]
fn chinese_sentences_hold_no_english_of_a_parser(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let organization = |field: &str, value: &str| {
            let mut body = json!({"area": "340304", "kind": "federation", "name": "甲"});
            body[field] = value.into();
            body
        };
        for (field, value, told) in [
            ("kind", "coverage", "“coverage”不是可用的值；可用：federation、"),
            (
                "established_on",
                "2022年3月1日",
                "“2022年3月1日”不是日期；请写成 2022-03-01 这样的形式",
            ),
            ("quota_posts", "三", "应为整数"),
            ("colour", "红", "没有“colour”这一项"),
        ] {
            let refused = county
                .post("/v1/organizations", &organization(field, value))
                .await;
            let detail = refused.expect(400).json()["errors"][0]["detail"]
                .as_str()
                .unwrap()
                .to_owned();
            assert!(detail.contains(told), "{detail}");
            assert!(!detail.contains("expected"), "{detail}");
        }
        let missing = county
            .post("/v1/organizations", &json!({}))
            .await
            .expect(400)
            .text;
        assert!(
            missing.contains("缺少必填项“area”") && !missing.contains("missing field"),
            "{missing}"
        );
        for query in ["kind=coverage", "limit=many", "as_of=2022.3.1", "colour=red"] {
            let refused = county
                .get(&format!("/v1/organizations?{query}"))
                .await
                .expect(400)
                .text;
            assert!(
                !refused.contains("expected") && !refused.contains("invalid"),
                "{refused}"
            );
        }
    });
}
