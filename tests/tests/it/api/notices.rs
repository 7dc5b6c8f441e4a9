//! `/v1/notices`: a city's inbox.

use diesel::prelude::*;
use qiaojian_domain::access::{Post, Role};
use qiaojian_domain::digest::{canonical, sha256_hex};
use qiaojian_store::check::{Check, run};
use qiaojian_store::db::schema::{bulletins, notices};
use qiaojian_store::db::snapshot;
use qiaojian_store::{StoreError, bulletins as store};
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, TestApi, with_api};
use qiaojian_tests::fixtures::article_time;
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::bulletins::{campaign, published};
use crate::both_databases;

#[apply(both_databases)]
fn the_addressee_finds_it_reads_it_and_says_so_once(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let program = campaign(api).await;
        let office = api.caller("340000", Role::Supervisor).await;
        let bulletin = published(&office, program, "2022-05").await;
        let pilot = api.caller("340300", Role::CityReporter).await;

        let inbox = pilot
            .get("/v1/notices?unacknowledged=true")
            .await
            .expect(200)
            .json();
        let line = &inbox["items"][0];
        assert_eq!(line["period"], "2022-05");
        assert_eq!(line["serial"], 1);
        assert_eq!(line["acknowledged_at"], json!(null));
        assert_eq!(
            bulletin,
            format!("/v1/bulletins/{}", line["bulletin"].as_str().unwrap())
        );
        assert_eq!(line.get("parts"), None);
        let with_parts = pilot.get("/v1/notices?parts=true").await.expect(200).json();
        assert_eq!(
            with_parts["items"][0]["parts"]["common"]["cities"][0]["city"]["name"],
            "蚌埠市"
        );

        let path = format!("/v1/notices/{}", line["id"].as_str().unwrap());
        let notice = pilot.get(&path).await.expect(200).json();
        assert_eq!(notice["parts"]["own"]["figures"]["city"]["name"], "蚌埠市");
        assert_eq!(notice["undeliverable_reason"], "no_endpoint");
        let page = pilot
            .get(notice["documents"]["html"].as_str().unwrap())
            .await
            .expect(200);
        assert!(
            page.text.contains("蚌埠市侨联：") && page.text.contains("演示数据"),
            "{}",
            page.text
        );
        pilot
            .get(notice["documents"]["txt"].as_str().unwrap())
            .await
            .expect(200);
        assert_eq!(
            pilot
                .get(notice["documents"]["json"].as_str().unwrap())
                .await
                .expect(200)
                .json(),
            notice
        );

        let read = pilot
            .post(&format!("{path}/acknowledge"), &json!({}))
            .await
            .expect(200);
        assert_eq!(read.header("etag"), Some("\"2\""));
        let again = pilot
            .post(&format!("{path}/acknowledge"), &json!({}))
            .await
            .expect(200);
        assert_eq!(read.json(), again.json());
        let open = pilot.get("/v1/notices?unacknowledged=true").await.expect(200);
        assert_eq!(open.json()["items"], json!([]));
        assert_eq!(pilot.get(&path).await.json(), read.json());
    });
}

#[apply(both_databases)]
fn others_read_no_notice_and_nobody_acknowledges_for_another(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let program = campaign(api).await;
        let office = api.caller("340000", Role::Supervisor).await;
        published(&office, program, "2022-05").await;
        let all = office.get("/v1/notices?area=340300").await.expect(200).json();
        let path = format!("/v1/notices/{}", all["items"][0]["id"].as_str().unwrap());
        office
            .post(&format!("{path}/acknowledge"), &json!({}))
            .await
            .expect(403);
        let other_post = api
            .caller_with(
                "340300",
                Post::OrganizationDept,
                Role::MemberUnit,
                Role::MemberUnit.scopes(),
            )
            .await;
        other_post.get(&path).await.expect(200);
        other_post
            .post(&format!("{path}/acknowledge"), &json!({}))
            .await
            .expect(403);

        let other_city = api.caller("341800", Role::CityReporter).await;
        let county = api.caller("340304", Role::CountyReporter).await;
        for stranger in [&other_city, &county] {
            for form in ["", ".html", ".json", ".txt"] {
                stranger.get(&format!("{path}{form}")).await.expect(404);
            }
            stranger
                .post(&format!("{path}/acknowledge"), &json!({}))
                .await
                .expect(404);
            assert_eq!(
                stranger.get("/v1/notices").await.expect(200).json()["items"],
                json!([])
            );
            stranger.get("/v1/notices?area=340300").await.expect(404);
        }
        let mute = api
            .caller_with("340300", Post::Federation, Role::Reader, [].into())
            .await;
        mute.get("/v1/notices").await.expect(403);
        office.get("/v1/notices?read=true").await.expect(400);
    });
}

/// The notice to 蚌埠市 in every form.
async fn forms(caller: &Client, path: &str) -> [String; 3] {
    let form = async |form: &str| caller.get(&format!("{path}{form}")).await.expect(200).text;
    [form(".html").await, form(".txt").await, form(".json").await]
}

/// Where the notice to 蚌埠市 is, once the bulletin of May is out.
async fn notice_of_may(api: &TestApi) -> (Client, String) {
    let program = campaign(api).await;
    let office = api.caller("340000", Role::ProvinceAdmin).await;
    published(&office, program, "2022-05").await;
    let all = office.get("/v1/notices?area=340300").await.expect(200).json();
    (
        office,
        format!("/v1/notices/{}", all["items"][0]["id"].as_str().unwrap()),
    )
}

async fn rename(office: &Client, name: &str) {
    let body = json!({"name": name, "on": "2022-06-20", "reason": "更名"});
    let renamed = office.post("/v1/areas/340300/rename", &body).await;
    assert!(renamed.status < 300, "{}", renamed.text);
}

#[apply(both_databases)]
fn what_was_published_stays_as_it_was_in_every_form(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let (office, path) = notice_of_may(api).await;
        let before = forms(&office, &path).await;
        assert!(before[0].contains("蚌埠市侨联：") && before[1].contains("蚌埠市侨联："));
        rename(&office, "新蚌埠市").await;
        let [html, text, data] = forms(&office, &path).await;
        assert_eq!(html, before[0]);
        assert_eq!(text, before[1]);
        // The notice's own row names the area as it is now; what was frozen says it as it was.
        let parts = |data: &str| serde_json::from_str::<Value>(data).unwrap()["parts"].clone();
        assert_eq!(parts(&data), parts(&before[2]));
    });
}

/// The bytes between a name and what comes after it.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(from).expect(from);
    rest.split_once(to).expect(to).0
}

#[apply(both_databases)]
fn frozen_figures_are_given_byte_for_byte_so_that_anyone_can_check_the_digest(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let (office, path) = notice_of_may(api).await;
        let data = office.get(&path).await.expect(200).text;
        for part in ["common", "own"] {
            let bytes = between(&data, &format!("\"{part}\":"), &format!(",\"{part}_digest\""));
            let digest = between(&data, &format!("\"{part}_digest\":\""), "\"");
            assert_eq!(sha256_hex(bytes), digest, "{part}");
        }
        let bulletin = office.get(&path).await.json()["bulletin"].clone();
        let bulletin = format!("/v1/bulletins/{}", bulletin.as_str().unwrap());
        let data = office.get(&bulletin).await.expect(200).text;
        let bytes = data.split_once("\"figures\":").unwrap().1;
        let bytes = bytes.strip_suffix('}').unwrap();
        assert_eq!(sha256_hex(bytes), between(&data, "\"digest\":\"", "\""));
    });
}

/// Makes of what is published what the first version of this program left: no format, no frozen text.
async fn as_the_first_version_left_it(api: &TestApi) {
    fn without_format(figures: &str) -> String {
        let mut figures: Value = serde_json::from_str(figures).unwrap();
        let fields = figures.as_object_mut().unwrap();
        fields.remove("format").unwrap();
        // What the second format has more.
        fields.remove("cohorts");
        if let Some(totals) = fields.get_mut("totals") {
            totals.as_object_mut().unwrap().remove("reopened_since_baseline");
        }
        canonical(&figures).unwrap()
    }
    let rewrite = api.db.write(|tx| {
        let rows: Vec<(qiaojian_domain::ids::BulletinId, String)> = bulletins::table
            .select((bulletins::id, bulletins::figures))
            .load(tx.conn)?;
        for (id, figures) in rows {
            let figures = without_format(&figures);
            diesel::update(bulletins::table.find(id))
                .set((
                    bulletins::digest.eq(sha256_hex(&figures)),
                    bulletins::figures.eq(figures),
                ))
                .execute(tx.conn)?;
        }
        let rows: Vec<(qiaojian_domain::ids::NoticeId, String)> = notices::table
            .select((notices::id, notices::figures))
            .load(tx.conn)?;
        for (id, figures) in rows {
            let figures = without_format(&figures);
            diesel::update(notices::table.find(id))
                .set((
                    notices::digest.eq(sha256_hex(&figures)),
                    notices::figures.eq(figures),
                    notices::text.eq(""),
                ))
                .execute(tx.conn)?;
        }
        Ok::<_, StoreError>(())
    });
    rewrite.await.unwrap();
}

#[apply(both_databases)]
fn what_an_earlier_version_published_is_read_compared_and_frozen_as_it_was(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let (office, path) = notice_of_may(api).await;
        as_the_first_version_left_it(api).await;
        rename(&office, "新蚌埠市").await;
        let today = article_time().date_in_shanghai();
        let report = api
            .db
            .read_slow(move |conn| snapshot(conn, |conn| run(conn, Check::Bulletins, today)))
            .await
            .unwrap();
        assert!(report.is_clean() && report.rows > 0, "{report:?}");

        let text = office.get(&format!("{path}.txt")).await.expect(200).text;
        assert!(text.contains("\n蚌埠市侨联：\n"), "{text}");
        let frozen: Result<usize, StoreError> =
            api.db.write(|tx| store::freeze_missing_texts(tx.conn, 10)).await;
        assert_eq!(frozen.unwrap(), 1);
        let missing: Result<bool, StoreError> = api.db.read(|conn| Ok(store::is_text_missing(conn)?)).await;
        assert!(!missing.unwrap());
        assert_eq!(office.get(&format!("{path}.txt")).await.expect(200).text, text);
    });
}
