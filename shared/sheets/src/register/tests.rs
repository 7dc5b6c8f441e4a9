use qiaojian_domain::dates::Precision;
use qiaojian_domain::organization::{Kind, Status};

use super::*;
use crate::{CsvWriter, Sheet};

fn table(csv: &str) -> Table {
    read(&Sheet::read(csv.as_bytes()).unwrap()).unwrap()
}

fn wrong(csv: &str) -> Vec<String> {
    let rows = table(csv).rows.into_iter();
    rows.flat_map(|row| row.wrong)
        .map(|wrong| format!("{} {}", wrong.pointer, wrong.code))
        .collect()
}

#[test]
fn headers_are_understood_by_either_name() {
    for header in [
        "地区代码,类别,名称",
        "area,kind,name",
        "*地区代码 area,＊类别 kind, *名称 NAME ",
        "名称,area,类别kind",
    ] {
        assert_eq!(table(&format!("{header}\n")).rows.len(), 0, "{header}");
    }
    for (header, codes) in [
        ("area,kind", vec!["column_missing"]),
        ("area,kind,name,colour", vec!["unknown_column"]),
        ("area,kind,name,名称,x", vec!["column_twice", "unknown_column"]),
    ] {
        let found = read(&Sheet::read(header.as_bytes()).unwrap()).unwrap_err();
        let found: Vec<&str> = found.iter().map(|wrong| wrong.code).collect();
        assert_eq!(found, codes, "{header}");
    }
}

#[test]
fn a_row_is_an_organization() {
    let table = table(
        "area,kind,name,status,established_on,approval.post,has_office,quota_posts,five_have.team,reopenings,错误信息\n\
         ３４０３０４００１,侨联工作站,\u{3000}大庆 街道\u{a0},已成立,2022年3月下旬,党委,有,３,是;2022/3/1;皖侨；7号,2020-05～2021-3-1;2021-04-01~2021-05-01,旧的错误\n\
         340304,FEDERATION,禹会区侨联,,,,,,,,\n",
    );
    let first = &table.rows[0].record;
    assert_eq!(
        (first.area.as_str(), first.facts.name.as_str()),
        ("340304001", "大庆 街道")
    );
    assert_eq!(
        (first.facts.kind, first.facts.life.status),
        (Kind::WorkStation, Status::Established)
    );
    let established = first.facts.life.established.unwrap();
    assert_eq!(
        (established.on.to_string().as_str(), established.precision),
        ("2022-03-21", Precision::TenDay)
    );
    let team = first.facts.five_have.team.as_ref().unwrap();
    assert_eq!((team.have, team.doc_no.as_deref()), (true, Some("皖侨；7号")));
    assert_eq!(first.facts.life.reopenings.len(), 2);
    assert!(first.facts.has_office && first.facts.quota_posts == Some(3));
    let second = &table.rows[1].record;
    assert_eq!(
        (second.facts.kind, second.facts.life.status),
        (Kind::Federation, Status::Preparing)
    );
    // The rows are equal after they are written and read again.
    let mut csv = CsvWriter::default();
    csv.row(COLUMNS.iter().map(crate::Column::header));
    for row in &table.rows {
        csv.row(cells(&row.record, Shown::default()));
    }
    let again = read(&Sheet::read(csv.finish().as_bytes()).unwrap()).unwrap();
    for (one, other) in table.rows.iter().zip(&again.rows) {
        assert_eq!(one.record, other.record);
        assert_eq!(differing(&again.layout, &one.record, &other.record), []);
    }
    // Invisible characters around a document number make no difference.
    let mut spaced = first.clone();
    let doc_no = |number: &str| {
        let team = first.facts.five_have.team.clone().unwrap();
        Some(qiaojian_domain::organization::ChecklistItem {
            doc_no: Some(number.to_owned()),
            ..team
        })
    };
    spaced.facts.five_have.team = doc_no(" \u{3000}皖侨；7号 ");
    assert_eq!(
        shown_cell(&spaced, Field::FiveTeam),
        shown_cell(first, Field::FiveTeam)
    );
    assert_eq!(differing(&again.layout, first, &spaced), []);
    spaced.facts.five_have.team = doc_no("\u{200b}");
    assert_eq!(shown_cell(&spaced, Field::FiveTeam), "是；2022-03-01");
    let (one, other) = (first, second);
    assert_eq!(
        differing(&again.layout, one, other).first(),
        Some(&Field::Area),
        "they differ"
    );
}

#[test]
fn everything_wrong_with_a_row_is_told_at_its_column() {
    let long = "长".repeat(2001);
    let csv = format!(
        "area,kind,name,id,parent,status,established_on,has_office,quota_posts,five_have.team,term_ends_on,note,,\n\
         ,club,,x,y,已开张,2022-13,也许,三,是;昨天,2022-03,{long},,\n\
         340304,侨联,禹会区侨联,,,,,,,,,,多余,还有\n"
    );
    assert_eq!(
        wrong(&csv),
        [
            "/note too_long",
            "/id wrong_value",
            "/parent wrong_value",
            "/kind wrong_value",
            "/status wrong_value",
            "/established_on wrong_value",
            "/has_office wrong_value",
            "/quota_posts wrong_value",
            "/five_have/team wrong_value",
            "/term_ends_on wrong_value",
            "/area missing_field",
            "/name missing_field",
            " outside_columns",
        ]
    );
}

#[test]
fn a_pointer_names_the_column_that_shows_it() {
    for (pointer, field) in [
        ("/approval/on", "approval.on"),
        ("/established_on", "established_on"),
        ("/five_have/team/doc_no", "five_have.team"),
        ("/reopenings/0/closed_on", "reopenings"),
        ("/standing_rules/learning", "standing_rules.learning"),
        ("/area", "area"),
        ("", ""),
    ] {
        assert_eq!(field_of(pointer), field);
    }
    for column in COLUMNS {
        assert_eq!(
            field_of(&format!("/{}", column.field.as_str().replace('.', "/"))),
            column.field.as_str()
        );
    }
}

/// Returns the violations of the only row of a file, in English.
fn told(bytes: &[u8]) -> Vec<String> {
    let table = read(&Sheet::read(bytes).unwrap()).unwrap();
    let told = table.rows[0].wrong.iter();
    told.map(|wrong| format!("{} {} {}", wrong.pointer, wrong.code, wrong.en))
        .collect()
}

#[test]
fn what_was_once_misread_is_read_or_refused_with_what_is_there() {
    for (bytes, pointer, quoted) in [
        (
            &include_bytes!("../tests/cases/2022.10-number.xlsx")[..],
            "/established_on",
            "“2022.10” is a number",
        ),
        (
            include_bytes!("../tests/cases/docno-date.xlsx"),
            "/approval/doc_no",
            "“2022-7” is a date",
        ),
        (
            include_bytes!("../tests/cases/name-NA.xlsx"),
            "/name",
            "“#N/A” is an error value",
        ),
    ] {
        let told = told(bytes);
        assert_eq!(told.len(), 1, "{told:?}");
        let expected = format!("{pointer} wrong_value {quoted}");
        assert!(told[0].starts_with(&expected), "{told:?}");
    }
    let month = include_bytes!("../tests/cases/month-cell.xlsx");
    let row = read(&Sheet::read(month).unwrap()).unwrap().rows.remove(0);
    let of_csv = table("地区代码,类别,名称,状态,成立日期\n340303002004,侨联工作站,甲站,已成立,2022年3月\n");
    assert_eq!(row.record, of_csv.rows[0].record);
}

#[test]
fn what_a_spreadsheet_made_of_a_cell_is_not_taken() {
    let wrong = |column: &str, value: &str| {
        let csv = format!("area,kind,name,{column}\n340304,侨联,甲,{value}\n");
        told(csv.as_bytes()).concat()
    };
    assert!(wrong("established_on", "2022.1").contains("2022-01 or 2022-10"));
    assert!(wrong("note", "#REF!").contains("an error value"));
    assert!(wrong("approval.doc_no", "#SPILL!").contains("an error value"));
    for (column, value) in [
        ("note", "#1"),
        ("note", "#A"),
        ("established_on", "2022.10"),
        ("established_on", "2022/3/1 0:00"),
        ("term_ends_on", "20270301"),
        ("approval.doc_no", "2022-7"),
    ] {
        assert_eq!(wrong(column, value), "", "{column} {value}");
    }
}

#[test]
fn a_code_is_read_whatever_keeps_its_zeros() {
    for written in [
        "340304001001",
        "'340304001001",
        "\"=\"\"340304001001\"\"\"",
        "=\"340304001001\"",
        "\u{202a}340304\u{200e}001001\u{2060}",
        "340304-p01",
    ] {
        let table = table(&format!("area,kind,name\n{written},侨联,\u{200e}甲\u{202c}\n"));
        let row = &table.rows[0];
        assert_eq!(row.wrong, [], "{written}");
        assert!(
            matches!(row.record.area.as_str(), "340304001001" | "340304-P01"),
            "{written}"
        );
        assert_eq!(row.record.facts.name, "甲");
    }
    let marked = read(&Sheet::read(include_bytes!("../tests/cases/code-LRM.xlsx")).unwrap()).unwrap();
    assert_eq!(
        (marked.rows[0].record.area.as_str(), &*marked.rows[0].wrong),
        ("340303002004", &[][..])
    );
    let rounded = told("area,kind,name\n3.40304E+11,侨联,甲\n".as_bytes());
    assert!(
        rounded[0].starts_with("/area wrong_value “3.40304E+11” is in scientific notation and has lost"),
        "{rounded:?}"
    );
    assert_eq!(rounded.len(), 1);
}
