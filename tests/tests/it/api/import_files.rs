//! `POST /v1/organizations/import`: files of every kind, good and bad.

use std::io::Write as _;
use std::time::{Duration, Instant};

use qiaojian_domain::access::Role;
use qiaojian_sheets::Sheet;
use qiaojian_tests::Backend;
use qiaojian_tests::api::with_api;
use reqwest::Method;
use rstest_reuse::apply;
use rust_xlsxwriter::{ExcelDateTime, Format, Workbook, Worksheet};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::import::{IMPORT, all, counts, errors, send};
use crate::both_databases;

const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// A workbook with the required columns and a date, and what else is put in it.
pub fn workbook(fill: impl FnOnce(&mut Workbook)) -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let header = [
        "*地区代码 area",
        "*类别 kind",
        "*名称 name",
        "状态 status",
        "成立日期 established_on",
    ];
    sheet.write_row(0, 0, header).unwrap();
    fill(&mut book);
    book.save_to_buffer().unwrap()
}

pub fn sheet(book: &mut Workbook) -> &mut Worksheet {
    book.worksheet_from_index(0).unwrap()
}

#[apply(both_databases)]
fn a_workbook_as_an_office_fills_it_in(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let file = workbook(|book| {
            let date = Format::new().set_num_format("yyyy\"年\"m\"月\"d\"日\"");
            let day = ExcelDateTime::from_ymd(2022, 3, 1).unwrap();
            let sheet = sheet(book);
            sheet.write_number(1, 0, 340_304_001.0).unwrap();
            sheet
                .write_row(1, 1, ["侨联", "大庆街道侨联\u{a0}", "已成立"])
                .unwrap();
            sheet.write_datetime_with_format(1, 4, day, &date).unwrap();
            sheet
                .write_row(
                    3,
                    0,
                    [
                        "３４０３０４００２",
                        "侨联",
                        "张公山街道侨联",
                        "已成立",
                        "2022-03",
                    ],
                )
                .unwrap();
        });
        let request = county.request(Method::POST, IMPORT).header("Content-Type", XLSX);
        let done = county.send(request.body(file)).await.expect(200).json();
        assert_eq!(counts(&done), [2, 2, 0, 0]);
        let listed = all(&county).await;
        assert_eq!(
            (&listed[0]["name"], &listed[0]["established_on"]),
            (&"大庆街道侨联".into(), &"2022-03-01".into())
        );
        assert_eq!(listed[1]["established_precision"], "month");
    });
}

#[apply(both_databases)]
fn gb18030_is_understood(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let text = "地区代码,类别,名称,备注\n340304001,侨联,大庆街道侨联,㐀𠀀\n";
        let file = encoding_rs::GB18030.encode(text).0.into_owned();
        assert!(std::str::from_utf8(&file).is_err());
        assert_eq!(
            counts(&send(&county, "", file).await.expect(200).json()),
            [1, 1, 0, 0]
        );
        assert_eq!(all(&county).await[0]["note"], "㐀𠀀");
    });
}

#[apply(both_databases)]
fn formulas_are_refused_in_their_rows(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let file = workbook(|book| {
            let sheet = sheet(book);
            sheet.write_row(1, 0, ["340304001", "侨联"]).unwrap();
            sheet.write_formula(1, 2, "=\"大庆街道\"&\"侨联\"").unwrap();
            sheet
                .write_row(2, 0, ["340304002", "侨联", "张公山街道侨联"])
                .unwrap();
            sheet.write_string(2, 7, "多余").unwrap();
        });
        let tried = send(&county, "?dry_run=true", file.clone())
            .await
            .expect(200)
            .json();
        assert_eq!(errors(&tried), ["2 name formula", "3  outside_columns"]);
        let back = county
            .request(Method::POST, &format!("{IMPORT}?dry_run=true&reply=file"))
            .body(file);
        let back = back.send().await.unwrap();
        assert_eq!(back.headers()["content-type"], XLSX);
        let back = Sheet::read(&back.bytes().await.unwrap()).unwrap();
        assert_eq!(back.header.last().unwrap(), "错误信息 errors");
        let told = |row: usize, column: u32| {
            let cells = &back.rows[row].cells;
            cells
                .iter()
                .find(|(at, _)| *at == column)
                .map(|(_, cell)| cell.text().to_owned())
        };
        assert_eq!(told(0, 8).unwrap(), "名称：单元格是公式；请直接填写内容。");
        assert_eq!(told(1, 7).unwrap(), "多余", "every cell is in its place");
    });
}

#[apply(both_databases)]
fn every_bad_file_is_told_apart_and_leaves_nothing(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let row = |sheet: &mut Worksheet| {
            sheet
                .write_row(1, 0, ["340304001", "侨联", "大庆街道侨联"])
                .unwrap();
        };
        let merged = workbook(|book| {
            row(sheet(book));
            sheet(book)
                .merge_range(0, 3, 0, 4, "状态", &Format::new())
                .unwrap();
        });
        let other = |hidden: bool| {
            workbook(|book| {
                row(sheet(book));
                row(book.add_worksheet().set_name("旧表").unwrap().set_hidden(hidden));
            })
        };
        let mut bomb = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        bomb.start_file("xl/workbook.xml", zip::write::SimpleFileOptions::default())
            .unwrap();
        for _ in 0..80 {
            bomb.write_all(&vec![b' '; 1024 * 1024]).unwrap();
        }
        let bomb = bomb.finish().unwrap().into_inner();
        let header = "area,kind,name\n";
        let million = format!("{header}{}", ",,x\n".repeat(1_000_000));
        assert!(million.len() < 8 * 1024 * 1024);
        for (file, code) in [
            (Vec::new(), "no_header"),
            (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1 WPS".to_vec(), "old_format"),
            (b"PK\x03\x04 broken".to_vec(), "damaged_file"),
            (b"%PDF-1.4".to_vec(), "unknown_format"),
            (merged, "merged_header"),
            (other(false), "several_sheets"),
            (other(true), "hidden_sheet"),
            (bomb, "unpacks_too_large"),
            (million.into_bytes(), "too_many_rows"),
            (b"area,kind,name,colour\n".to_vec(), "unknown_column"),
            (b"area,kind\n".to_vec(), "column_missing"),
            (
                b"area,kind,name,\xE5\x90\x8D\xE7\xA7\xB0\n".to_vec(),
                "column_twice",
            ),
        ] {
            let began = Instant::now();
            let refused = send(&county, "", file).await.expect(422).json();
            assert_eq!(refused["errors"][0]["code"], code, "{refused}");
            assert!(began.elapsed() < Duration::from_secs(20), "{code}");
        }
        let large = send(&county, "?dry_run=true", vec![b'x'; 8 * 1024 * 1024 + 1]).await;
        assert_eq!(large.status, 413);
        assert!(all(&county).await.is_empty());
        // An ordinary body stays small.
        let request = county
            .request(Method::POST, "/v1/organizations")
            .header("Content-Type", "application/json");
        county
            .send(request.body(vec![b' '; 300 * 1024]))
            .await
            .expect(413);
    });
}

#[apply(both_databases)]
fn a_large_table_goes_in_and_out_in_parts(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let rows: String = (0..1200)
            .map(|number| format!("340304001,侨联工作站,第{number}个工作站,高校,已成立,2022-03,2022-03-31\n"))
            .collect();
        let file = format!("地区代码,类别,名称,依托,状态,成立日期,挂牌日期\n{rows}");
        let done = send(&county, "", file.clone()).await.expect(200).json();
        assert_eq!(counts(&done), [1200, 1200, 0, 0]);
        let exported = county.get("/v1/organizations/export").await.expect(200).text;
        assert_eq!(Sheet::read(exported.as_bytes()).unwrap().rows.len(), 1200);
        let again = send(&county, "?dry_run=true", exported).await.expect(200).json();
        assert_eq!(counts(&again), [1200, 0, 1200, 0]);

        // What is wrong is listed up to a thousand, and the rest counted.
        let wrong = send(&county, "?dry_run=true", file.replace("已成立", "开张")).await;
        let wrong = wrong.expect(200).json();
        assert_eq!((errors(&wrong).len(), &wrong["more_errors"]), (1000, &200.into()));
        let refused = send(&county, "", file.replace("已成立", "开张"))
            .await
            .expect(422)
            .json();
        assert_eq!(refused["errors"].as_array().unwrap().len(), 1000);
        assert!(
            refused["detail"].as_str().unwrap().contains("另有 200 处未列出"),
            "{refused}"
        );
    });
}

const SMALL: &str = "area,kind,name\n340304001,侨联,大庆街道侨联\n";

/// Begins to send a table and waits for the answer, of which it gives the beginning.
async fn begin_to_send(address: String, token: String) -> String {
    let mut link = TcpStream::connect(address).await.unwrap();
    let begun = format!(
        "POST {IMPORT}?dry_run=true HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: text/csv\r\n\
         Content-Length: 100\r\n\r\narea,kind,name\n"
    );
    link.write_all(begun.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    link.read_exact(&mut status).await.unwrap();
    String::from_utf8(status.to_vec()).unwrap()
}

#[apply(both_databases)]
fn one_caller_that_sends_slowly_keeps_nobody_else_out(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let (address, token) = (api.base.trim_start_matches("http://"), county.token.as_ref());
        let mut arriving = JoinSet::new();
        for _ in 0..4 {
            arriving.spawn(begin_to_send(address.to_owned(), token.unwrap().clone()));
        }
        // For three of them there is a place, so they are waited for.
        assert_eq!(arriving.join_next().await.unwrap().unwrap(), "HTTP/1.1 503");
        let refused = send(&county, "?dry_run=true", SMALL).await.expect(503);
        assert_eq!(refused.json()["type"], "/problems/too_many_tables");
        assert!(refused.header("retry-after").is_some());
        county.get("/v1/organizations").await.expect(200);
        let other = api.caller("340304", Role::CountyReporter).await;
        send(&other, "?dry_run=true", SMALL).await.expect(200);
        assert_eq!(arriving.len(), 3);
        arriving.shutdown().await;
        // Who is gone leaves its place as soon as the server has seen it.
        let taken = async { while send(&county, "?dry_run=true", SMALL).await.status != 200 {} };
        assert!(timeout(Duration::from_secs(30), taken).await.is_ok());
    });
}

#[apply(both_databases)]
fn several_callers_that_send_slowly_keep_nobody_else_out(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let address = api.base.trim_start_matches("http://").to_owned();
        let mut arriving = JoinSet::new();
        // Five take three places each, and the sixth takes what is left: the answers say when they have them.
        for _ in 0..6 {
            let slow = api.caller("340304", Role::CountyReporter).await;
            for _ in 0..4 {
                arriving.spawn(begin_to_send(address.clone(), slow.token.clone().unwrap()));
            }
            let answered = arriving.join_next().await.unwrap().unwrap();
            assert!(
                ["HTTP/1.1 503", "HTTP/1.1 408"].contains(&answered.as_str()),
                "{answered}"
            );
        }
        let other = api.caller("340304", Role::CountyReporter).await;
        let done = send(&other, "?dry_run=true", SMALL).await.expect(200).json();
        assert_eq!(counts(&done), [1, 1, 0, 0]);
        arriving.shutdown().await;
    });
}
