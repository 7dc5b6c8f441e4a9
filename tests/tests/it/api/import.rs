//! `POST /v1/organizations/import`: a register in a table, checked row by row.

use qiaojian_domain::access::Role;
use qiaojian_sheets::Sheet;
use qiaojian_store::{StoreError, audit};
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, Reply, with_api};
use reqwest::Method;
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

pub const IMPORT: &str = "/v1/organizations/import";
pub const CSV: &str = "text/csv";

pub async fn send(caller: &Client, query: &str, file: impl Into<Vec<u8>>) -> Reply {
    let request = caller.request(Method::POST, &format!("{IMPORT}{query}"));
    caller
        .send(request.header("Content-Type", CSV).body(file.into()))
        .await
}

/// Rows, fields and codes of what is wrong.
pub fn errors(reply: &Value) -> Vec<String> {
    let errors = reply["errors"].as_array().unwrap().iter();
    errors
        .map(|error| {
            let of_row = error["row"].as_u64().map(|row| {
                format!(
                    "{row} {} {}",
                    error["field"].as_str().unwrap(),
                    error["code"].as_str().unwrap()
                )
            });
            let of_problem = || {
                let pointer = error["pointer"].as_str().unwrap().trim_start_matches("/rows/");
                format!(
                    "{} {}",
                    pointer.replacen('/', " ", 1),
                    error["code"].as_str().unwrap()
                )
            };
            of_row.unwrap_or_else(of_problem)
        })
        .collect()
}

pub fn counts(reply: &Value) -> [u64; 4] {
    ["rows", "recorded", "unchanged", "refused"].map(|name| reply[name].as_u64().unwrap())
}

pub async fn all(caller: &Client) -> Vec<Value> {
    let page = caller.get("/v1/organizations?limit=200").await.expect(200);
    page.json()["items"].as_array().unwrap().clone()
}

const GOOD: &str = "地区代码,类别,名称,状态,成立日期,编号,上级组织编号\n\
    340304001,侨联,大庆街道侨联,已成立,2022年3月下旬,0190a000-0000-7000-8000-000000000001,0190a000-0000-7000-8000-000000000002\n\
    340304,federation,禹会区侨联,established,2022/3/1,0190a000-0000-7000-8000-000000000002,\n\
    340304001001,侨联工作分站,燕山社区工作分站,,,,\n";

#[apply(both_databases)]
fn a_table_is_tried_then_recorded_then_unchanged(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let since = county.get("/v1/changes").await.expect(200).json()["next_since"].clone();
        let tried = send(&county, "?dry_run=true", GOOD).await.expect(200).json();
        assert_eq!((counts(&tried), &tried["dry_run"]), ([3, 3, 0, 0], &json!(true)));
        assert!(all(&county).await.is_empty(), "a dry run leaves nothing");
        let done = send(&county, "", GOOD).await.expect(200).json();
        assert_eq!((counts(&done), &done["dry_run"]), ([3, 3, 0, 0], &json!(false)));

        let listed = all(&county).await;
        assert_eq!(listed.len(), 3);
        let names: Vec<&str> = listed.iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["禹会区侨联", "大庆街道侨联", "燕山社区工作分站"]);
        assert_eq!(listed[0]["verification"], "unverified", "its own report");
        assert_eq!(listed[1]["verification"], "verified", "recorded from above");
        assert_eq!(listed[1]["established_on"], "2022-03-21");
        assert_eq!(listed[1]["established_precision"], "ten_day");
        assert_eq!(
            listed[1]["parent"], "0190a000-0000-7000-8000-000000000002",
            "of a later row"
        );
        assert_eq!(listed[2]["status"], "preparing");

        let since = since.as_str().unwrap();
        let told = county
            .get(&format!("/v1/changes?since={since}"))
            .await
            .expect(200)
            .json();
        let told: Vec<&Value> = told["items"].as_array().unwrap().iter().collect();
        assert_eq!(told.len(), 3, "phones hear of each");
        assert!(
            told.iter()
                .all(|item| item["verb"] == "create" && item["resource"] == "organization")
        );
        let chain = api
            .db
            .read_slow(|conn| audit::chain(conn).map_err(StoreError::from))
            .await
            .unwrap();
        assert_eq!(chain.first_break, None);

        // The third has no id, so it is another one, and its place is taken.
        let again = send(&county, "?partial=true", GOOD).await.expect(200).json();
        assert_eq!(counts(&again), [3, 0, 2, 1]);
        assert_eq!(errors(&again), ["4 kind organization_exists"]);
        let changed = GOOD
            .replace("2022/3/1", "2022-03-02")
            .replace("禹会区侨联", "禹会侨联");
        let refused = send(&county, "", changed).await.expect(422);
        assert_eq!(
            errors(&refused.json()),
            [
                "3 name differs",
                "3 established_on differs",
                "4 kind organization_exists"
            ]
        );
        assert!(
            refused.text.contains("2022-03-01"),
            "what is registered is told: {}",
            refused.text
        );
    });
}

const WRONG: &str = "id,area,kind,name,status,established_on,parent,approval.on,five_have.team,reopenings\n\
    ,340304001,federation,大庆街道侨联,,,,,,\n\
    ,340304,work_sub_station,,,,,,,\n\
    ,340322,federation,五河县侨联,,,,,,\n\
    ,999999,federation,无此地,,,,,,\n\
    ,340304002,federation,张公山街道侨联,closed,,,,,\n\
    ,340304,federation,禹会区侨联,,,,,,\n\
    ,340304001,federation,大庆街道侨联,,,,,,\n\
    ,340304001,work_station,站,established,2022-07-01,,,,\n\
    0190a000-0000-7000-8000-000000000009,340304-P01,work_station,园区工作站,,,0190a000-0000-7000-8000-00000000ffff,,,\n\
    ,340304-P01,federation,园区侨联,,,0190a000-0000-7000-8000-000000000009,,,\n\
    0190a000-0000-7000-8000-000000000009,340304-P01,work_station,园区工作站,,,,,,\n\
    ,340304002,work_station,站,approved,,,,是；2022-07-01,\n\
    ,340304002,work_station,站,established,2022-03-01,,,,2022-01-01~2022-02-01\n\
    0190a000-0000-1000-8000-000000000009,340304002,work_station,站,,昨天,,,,\n";

#[apply(both_databases)]
fn a_dry_run_and_a_real_run_say_the_same_of_every_row(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let there = json!({"area": "340304", "kind": "federation", "name": "禹会区侨联"});
        county.post("/v1/organizations", &there).await.expect(201);
        let expected = [
            "3 name missing_field",
            "3 kind kind_not_at_level",
            "4 area unknown_area",
            "5 area unknown_area",
            "6 status status_not_allowed",
            "7 kind organization_exists",
            "8 kind organization_twice",
            "9 established_on date_in_future",
            "10 parent unknown_parent",
            "11 parent unknown_parent",
            "12 id id_taken",
            "13 approval.on date_missing",
            "13 five_have.team date_in_future",
            "14 reopenings dates_out_of_order",
            "15 established_on wrong_value",
            "15 id bad_parameter",
        ];
        let tried = send(&county, "?dry_run=true", WRONG).await.expect(200).json();
        assert_eq!(
            (errors(&tried), counts(&tried)),
            (expected.map(str::to_owned).to_vec(), [14, 0, 0, 13])
        );
        let refused = send(&county, "", WRONG).await.expect(422).json();
        assert_eq!(errors(&refused), expected);
        assert_eq!(all(&county).await.len(), 1, "nothing is half done");
        let elsewhere = ["340322", "999999"].map(|code| {
            let told = tried["errors"].as_array().unwrap().iter();
            let mut told = told.filter_map(|error| error["detail"].as_str());
            let detail = told.find(|detail| detail.contains(code)).unwrap();
            detail.replace(code, "")
        });
        assert_eq!(elsewhere[0], elsewhere[1], "whether it exists is not told");

        let tried = send(&county, "?dry_run=true&partial=true", WRONG)
            .await
            .expect(200)
            .json();
        let done = send(&county, "?partial=true", WRONG).await.expect(200).json();
        assert_eq!(counts(&tried), [14, 1, 0, 13]);
        assert_eq!((counts(&done), errors(&done)), (counts(&tried), errors(&tried)));
        assert_eq!(all(&county).await.len(), 2);
        let bad_id = send(
            &county,
            "?dry_run=true",
            "id,area,kind,name\n0190a000-0000-1000-8000-000000000009,340304002,侨联,站\n",
        );
        assert_eq!(errors(&bad_id.await.expect(200).json()), ["2 id bad_parameter"]);
    });
}

#[apply(both_databases)]
fn a_file_is_handed_back_with_what_is_wrong_and_can_be_sent_again(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let file = "\n名称,地区代码,类别\n=HYPERLINK(\"x\"),340304001,侨联\n\n大庆街道侨联,340304001,\n";
        let back = send(&county, "?dry_run=true&reply=file", file).await.expect(200);
        assert_eq!(back.header("content-type"), Some("text/csv; charset=utf-8"));
        assert!(
            back.header("content-disposition")
                .unwrap()
                .starts_with("attachment; filename=")
        );
        let sheet = Sheet::read(back.text.as_bytes()).unwrap();
        assert_eq!(sheet.header, ["名称", "地区代码", "类别", "错误信息 errors"]);
        let rows: Vec<(u32, Vec<&str>)> = sheet
            .rows
            .iter()
            .map(|row| {
                (
                    row.number,
                    row.cells.iter().map(|(_, cell)| cell.text()).collect(),
                )
            })
            .collect();
        assert_eq!(
            rows,
            [
                (3, vec!["=HYPERLINK(\"x\")", "340304001", "侨联"]),
                (5, vec!["大庆街道侨联", "340304001", "类别：缺少必填内容。"]),
            ]
        );
        assert!(back.text.contains("'=HYPERLINK"), "{}", back.text);
        let mended = back.text.replace("340304001,,", "340304001,侨联工作站,");
        let done = send(&county, "", mended).await.expect(200).json();
        assert_eq!(counts(&done), [2, 2, 0, 0]);
        send(&county, "?reply=file", file).await.expect(400);
        send(&county, "?reply=paper", file).await.expect(400);
        send(&county, "?dryrun=true", file).await.expect(400);
    });
}

/// `a` is named by `b`, and `b` by `c`; `d` and `e` name each other.
const WAITING: &str = "id,parent,area,kind,name\n\
    0190a000-0000-7000-8000-00000000000c,0190a000-0000-7000-8000-00000000000b,340304001001,侨联工作联络员,c\n\
    0190a000-0000-7000-8000-00000000000b,0190a000-0000-7000-8000-00000000000a,340304001,侨联,b\n\
    ,,340304001001,侨联工作联络员,又一个 c\n\
    0190a000-0000-7000-8000-00000000000d,0190a000-0000-7000-8000-00000000000e,340304002,侨联,d\n\
    0190a000-0000-7000-8000-00000000000e,0190a000-0000-7000-8000-00000000000d,340304-P01,侨联,e\n\
    ,,340304002,侨联,又一个 d\n\
    0190a000-0000-7000-8000-00000000000a,,340304,侨联,a\n";

#[apply(both_databases)]
fn rows_that_wait_for_each_other_are_recorded_together_or_not_at_all(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let tried = send(&county, "?dry_run=true&partial=true", WAITING).await;
        let tried = tried.expect(200).json();
        // Neither of a circle takes a place from who could have it; who waits comes behind who does not.
        assert_eq!(
            errors(&tried),
            [
                "2 kind organization_twice",
                "5 parent unknown_parent",
                "6 parent unknown_parent"
            ]
        );
        // Wherever the one above them all stands.
        let (header, rows) = WAITING.split_once('\n').unwrap();
        let (others, first) = rows.trim_end().rsplit_once('\n').unwrap();
        let turned = send(
            &county,
            "?dry_run=true&partial=true",
            format!("{header}\n{first}\n{others}\n"),
        )
        .await;
        assert_eq!(
            errors(&turned.expect(200).json()),
            [
                "3 kind organization_twice",
                "6 parent unknown_parent",
                "7 parent unknown_parent"
            ]
        );
        let done = send(&county, "?partial=true", WAITING).await.expect(200).json();
        assert_eq!(counts(&done), [7, 4, 0, 3]);
        let listed = all(&county).await;
        let mut names: Vec<&str> = listed.iter().map(|one| one["name"].as_str().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names, ["a", "b", "又一个 c", "又一个 d"]);
    });
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        // Without the one above them all, nobody whose superior waits for it is taken.
        let headless = WAITING.replace("340304,侨联,a", "999999,侨联,a");
        let tried = send(&county, "?dry_run=true&partial=true", headless).await;
        let refused = ["2 parent unknown_parent", "3 parent unknown_parent"];
        assert_eq!(errors(&tried.expect(200).json())[..2], refused);
    });
}

#[apply(both_databases)]
fn a_file_handed_back_has_lost_nothing(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let long = "长".repeat(3000);
        let file = format!("名称,地区代码,类别,备注\n大庆街道侨联,340304001,侨联,{long},多余,还有\n");
        let back = send(&county, "?dry_run=true&reply=file", file)
            .await
            .expect(200)
            .text;
        let sheet = Sheet::read(back.as_bytes()).unwrap();
        assert_eq!(
            sheet.header,
            ["名称", "地区代码", "类别", "备注", "", "", "错误信息 errors"]
        );
        let cells: Vec<&str> = sheet.rows[0].cells.iter().map(|(_, cell)| cell.text()).collect();
        assert_eq!(
            cells[..6],
            ["大庆街道侨联", "340304001", "侨联", &*long, "多余", "还有"]
        );
        assert!(
            cells[6].contains("现有 3000 个") && cells[6].contains("第 5 列没有表头"),
            "{}",
            cells[6]
        );
        // Mended and sent again, it goes in.
        let mended = back.replace(&long, "短").replace("多余,还有", ",");
        assert_eq!(
            counts(&send(&county, "", mended).await.expect(200).json()),
            [1, 1, 0, 0]
        );
    });
}

#[apply(both_databases)]
fn a_repeated_import_is_done_once(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let keyed = async |key: &str, file: &'static str| {
            let request = county
                .request(Method::POST, IMPORT)
                .header("Idempotency-Key", key);
            county.send(request.header("Content-Type", CSV).body(file)).await
        };
        let once = keyed("k-1", GOOD).await.expect(200).text;
        let twice = keyed("k-1", GOOD).await.expect(200).text;
        assert_eq!(once, twice);
        keyed("k-1", WRONG).await.expect(422);
        assert_eq!(all(&county).await.len(), 3);

        // Two at once: one is first, and the other is judged by what the first has written.
        let file = "area,kind,name\n340304002,侨联,张公山街道侨联\n";
        let (one, other) = tokio::join!(send(&county, "", file), send(&county, "", file));
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 422], "{} {}", one.text, other.text);
        assert_eq!(all(&county).await.len(), 4);
    });
}

#[apply(both_databases)]
fn whoever_may_not_write_does_not(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let reader = api.caller("340304", Role::Reader).await;
        assert!(
            send(&reader, "?dry_run=true", GOOD)
                .await
                .expect(403)
                .text
                .contains("org:write")
        );
        let village = api.caller("340304001001", Role::VillageReporter).await;
        let refused = send(&village, "?dry_run=true", GOOD).await.expect(200).json();
        assert_eq!(errors(&refused), ["2 area unknown_area", "3 area unknown_area"]);
        let county = api.caller("340304", Role::CountyReporter).await;
        let request = county.request(Method::POST, IMPORT).json(&json!({}));
        county.send(request).await.expect(415);
    });
}
