//! `POST /v1/organizations/import`: what offices put into cells, and what comes back.

use std::io::Read as _;

use qiaojian_domain::access::Role;
use qiaojian_sheets::Sheet;
use qiaojian_tests::Backend;
use qiaojian_tests::api::with_api;
use reqwest::Method;
use rstest_reuse::apply;
use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};
use serde_json::json;

use super::import::{IMPORT, all, counts, errors, send};
use super::import_files::{sheet, workbook};
use crate::both_databases;

#[apply(both_databases)]
fn what_a_spreadsheet_made_of_a_cell_is_never_guessed(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let file = workbook(|book| {
            let (month, number) = (
                Format::new().set_num_format("yyyy\"年\"m\"月\""),
                Format::new().set_num_format("0.00"),
            );
            let day = ExcelDateTime::from_ymd(2022, 3, 1).unwrap();
            let sheet = sheet(book);
            sheet.write_string(0, 5, "批复文号").unwrap();
            for row in 1..4 {
                sheet
                    .write_row(row, 0, ["340304001", "侨联工作站", "站", "已成立"])
                    .unwrap();
                sheet.write_string(row, 6, "高校").unwrap();
            }
            sheet.write_string(0, 6, "依托").unwrap();
            sheet.write_datetime_with_format(1, 4, &day, &month).unwrap();
            sheet.write_number(1, 5, 7).unwrap();
            sheet.write_number_with_format(2, 4, 2022.1, &number).unwrap();
            sheet.write_datetime_with_format(3, 5, &day, &month).unwrap();
            sheet.write_string(3, 4, "2022/3/1 0:00").unwrap();
        });
        let tried = send(&county, "?dry_run=true", file.clone()).await.expect(200);
        assert_eq!(
            errors(&tried.json()),
            ["3 established_on wrong_value", "4 approval.doc_no wrong_value"]
        );
        assert!(
            tried.text.contains("“2022.10”") && tried.text.contains("“2022年3月”"),
            "{}",
            tried.text
        );
        let done = send(&county, "?partial=true", file).await.expect(200).json();
        assert_eq!(counts(&done), [3, 1, 0, 2]);
        let listed = all(&county).await;
        assert_eq!(
            (&listed[0]["established_on"], &listed[0]["established_precision"]),
            (&"2022-03-01".into(), &"month".into())
        );
        assert_eq!(listed[0]["approval"]["doc_no"], "7");
    });
}

#[apply(both_databases)]
fn a_register_as_offices_keep_it_is_read(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let register = |hidden: bool| {
            let mut book = Workbook::new();
            let page = book.add_worksheet();
            let plain = Format::new();
            page.merge_range(0, 0, 0, 5, "禹会区基层侨联组织登记表", &plain)
                .unwrap();
            page.write_string(1, 0, "填报单位：禹会区侨联").unwrap();
            let header = ["序号", "地区代码", "地区名称", "类别", "名称", "编制数"];
            page.write_row(2, 0, header).unwrap();
            page.write_row(3, 1, ["340304001", "大庆街道", "侨联", "大庆街道侨联"])
                .unwrap();
            page.write_row(4, 1, ["340304001001", "", "联络员", "燕山联络员"])
                .unwrap();
            page.write_number(3, 5, 2).unwrap();
            for row in 3..20 {
                page.write_formula(row, 0, "=ROW()-3").unwrap();
                page.write_formula(row, 7, "=B4&C4").unwrap();
            }
            page.write_formula(4, 2, "=VLOOKUP(B5,X:Y,2)").unwrap();
            page.write_formula(9, 2, "=VLOOKUP(B10,X:Y,2)").unwrap();
            page.merge_range(20, 0, 20, 4, "合  计", &plain).unwrap();
            page.write_formula(20, 5, "=SUM(F4:F20)").unwrap();
            page.write_string(21, 1, "填表人：张三").unwrap();
            page.write_string(21, 3, "审核人：李四").unwrap();
            if hidden {
                page.set_row_hidden(4).unwrap();
            }
            book.save_to_buffer().unwrap()
        };
        let done = send(&county, "", register(false)).await.expect(200).json();
        assert_eq!(counts(&done), [2, 2, 0, 0]);
        let skipped: Vec<(u64, &str)> = done["skipped"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| (line["row"].as_u64().unwrap(), line["text"].as_str().unwrap()))
            .collect();
        assert_eq!(
            skipped,
            [
                (1, "禹会区基层侨联组织登记表"),
                (2, "填报单位：禹会区侨联"),
                (21, "合  计"),
                (22, "填表人：张三")
            ]
        );
        let listed = all(&county).await;
        assert_eq!(
            (&listed[0]["quota_posts"], &listed[1]["kind"]),
            (&2.into(), &"liaison_post".into())
        );
        // What is filtered out is neither taken nor left out silently.
        let refused = send(&county, "", register(true)).await.expect(422);
        assert_eq!(refused.json()["errors"][0]["code"], "hidden_rows");
        assert!(refused.text.contains("第 5 行等 1 行"), "{}", refused.text);
        // Below the table only what is plainly none of it is skipped.
        let unclear = "area,kind,name\n340304002,侨联,张公山街道侨联\n合计,侨联,x\n,,注意事项侨联\n";
        let unclear = send(&county, "?dry_run=true", unclear).await.expect(200).json();
        assert_eq!(
            errors(&unclear),
            [
                "3 area unknown_area",
                "4 area missing_field",
                "4 kind missing_field"
            ]
        );
    });
}

#[apply(both_databases)]
fn a_workbook_handed_back_looks_like_the_template(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let file = workbook(|book| {
            let sheet = sheet(book);
            sheet
                .write_row(1, 0, ["340304001", "协会", "大庆街道侨联"])
                .unwrap();
            sheet.write_row(2, 0, ["340304002", "侨联"]).unwrap();
            sheet.write_string(3, 0, "填表人：张三").unwrap();
        });
        let back = county.request(Method::POST, &format!("{IMPORT}?dry_run=true&reply=file"));
        let back = back.body(file).send().await.unwrap().bytes().await.unwrap();
        let mut zip = zip::ZipArchive::new(std::io::Cursor::new(&*back)).unwrap();
        let mut part = |name: &str| {
            let mut text = String::new();
            zip.by_name(name).unwrap().read_to_string(&mut text).unwrap();
            text
        };
        assert!(part("xl/workbook.xml").contains("填写说明"));
        assert!(part("xl/styles.xml").contains("FFFFC7CE"));
        let page = part("xl/worksheets/sheet1.xml");
        assert!(
            page.contains("侨联工作分站") && page.contains("已批复"),
            "drop-downs"
        );
        let style = |cell: &str| {
            let from = page.find(&format!("<c r=\"{cell}\" s=\""))?;
            page[from..].split('"').nth(3)
        };
        let wrong = style("B2").unwrap();
        let coloured =
            ["A2", "B2", "C2", "F2", "A3", "C3", "F3", "A4"].map(|cell| style(cell) == Some(wrong));
        assert_eq!(coloured, [false, true, false, true, false, true, true, false]);
        let sheet = Sheet::read(&back).unwrap();
        assert_eq!(sheet.rows[2].cells[0].1.text(), "填表人：张三");
    });
}

#[apply(both_databases)]
fn a_code_that_is_no_areas_is_told_and_a_name_beside_it_has_to_fit(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let renamed = json!({"code": "340304003", "on": "2022-03-01", "reason": "新编代码"});
        office
            .post("/v1/areas/340304002/rename", &renamed)
            .await
            .expect(200);
        let county = api.caller("340304", Role::CountyReporter).await;
        let file = "地区代码,地区名称,类别,名称,状态,成立日期,上级组织编号\n\
            340304002,张公山街道,侨联,甲,,,\n\
            340304003,禹会区 张公山街道办事处,侨联,乙,,,\n\
            340304001,张公山街道,工作站,丙,已成立,2022-13,0190a000-0000-7000-8000-00000000ffff\n\
            34030499,大庆街道,侨联,,,昨天,\n\
            340304001001,燕山社区居民委员会,联络员,丁,,,\n\
            340304001002,大庆社区,工作分站,戊,,,\n";
        let tried = send(&county, "?dry_run=true", file).await.expect(200);
        assert_eq!(
            errors(&tried.json()),
            [
                "2 area unknown_area",
                "4 established_on wrong_value",
                "4 area_name other_area",
                "4 parent unknown_parent",
                "5 established_on wrong_value",
                "5 name missing_field",
                "5 area unknown_area",
            ],
            "all of a row at once"
        );
        for told in [
            "“340304002”已不再使用，现为 340304003 张公山街道",
            "“34030499”",
            "340304001 是“大庆街道”",
        ] {
            assert!(tried.text.contains(told), "{told}: {}", tried.text);
        }
        // Who does not see the area is not told where it went.
        let village = api.caller("340304001001", Role::VillageReporter).await;
        let tried = send(&village, "?dry_run=true", file).await.expect(200).text;
        assert!(!tried.contains("340304003 张公山街道"), "{tried}");
        let done = send(&county, "?partial=true", file).await.expect(200).json();
        assert_eq!(counts(&done), [6, 3, 0, 3]);
    });
}
