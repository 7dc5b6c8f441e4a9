//! Tests with valid and invalid files.

mod bombs;

use proptest::prelude::*;
use qiaojian_domain::dates::Precision;
use rust_xlsxwriter::{ExcelDateTime, Format as CellFormat, Workbook};

use super::*;

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

fn number(text: &str) -> Cell {
    Cell::Number(text.to_owned())
}

fn read_text(bytes: &[u8]) -> Vec<(u32, Vec<(u32, Cell)>)> {
    let sheet = Sheet::read(bytes).unwrap();
    sheet
        .rows
        .into_iter()
        .map(|row| (row.number, row.cells))
        .collect()
}

fn fault(bytes: &[u8]) -> &'static str {
    Sheet::read(bytes).unwrap_err().code
}

/// Returns a workbook with the header `a`, `b` and the given content on its first sheet.
fn workbook(fill: impl FnOnce(&mut Workbook)) -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write_row(0, 0, ["a", "b"]).unwrap();
    fill(&mut book);
    book.save_to_buffer().unwrap()
}

#[test]
fn csv_is_read_as_a_spreadsheet_reads_it() {
    let plain = "a,b\r\n1,\"x, \"\"y\"\"\nz\"\r\n\r\n,\n 3 ,'=1+1\n\"\",\u{3000}\n4";
    let expected = vec![
        (2, vec![(0, text("1")), (1, text("x, \"y\"\nz"))]),
        (4 + 1, vec![(0, text(" 3 ")), (1, text("=1+1"))]),
        (7, vec![(0, text("4"))]),
    ];
    assert_eq!(read_text(plain.as_bytes()), expected);
    let marked = ["\u{feff}", plain].concat();
    let gb = encoding_rs::GB18030.encode(plain).0;
    let utf16: Vec<u8> = [0xFF, 0xFE]
        .into_iter()
        .chain(
            plain
                .replace("a,b", "a\tb")
                .replace("1,\"", "1\t\"")
                .replace(",'", "\t'")
                .encode_utf16()
                .flat_map(u16::to_le_bytes),
        )
        .collect();
    assert_eq!(read_text(marked.as_bytes()), expected);
    assert_eq!(read_text(&gb), expected);
    assert_eq!(read_text(&utf16)[0], expected[0], "separated by tabs");
    assert_eq!(
        Sheet::read("\n\na,,b\n".as_bytes()).unwrap().header,
        ["a", "", "b"]
    );
    assert_eq!(Sheet::read("\n\na,b\n".as_bytes()).unwrap().header_row, 3);
}

#[test]
fn what_is_no_table_is_told_apart() {
    let rows = |count: usize| format!("a\n{}", "1\n".repeat(count));
    for (bytes, code) in [
        (Vec::new(), "no_header"),
        (b"\n , \n".to_vec(), "no_header"),
        (
            b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1 and so on".to_vec(),
            "old_format",
        ),
        (b"%PDF-1.7".to_vec(), "unknown_format"),
        (b"{\"a\": 1}".to_vec(), "unknown_format"),
        (b"[{\"a\": 1}]".to_vec(), "unknown_format"),
        (b"<html>".to_vec(), "unknown_format"),
        (b"a\0b".to_vec(), "unknown_format"),
        (b"a,\xFF\xFF\n".to_vec(), "unknown_encoding"),
        (b"PK\x03\x04 no zip".to_vec(), "damaged_file"),
        (b"a,b\n1,\"2\n".to_vec(), "open_quote"),
        (rows(MOST_ROWS + 1).into_bytes(), "too_many_rows"),
        (
            format!("a\n{}x\n", ",".repeat(100)).into_bytes(),
            "too_many_columns",
        ),
        (
            format!("a\n{}\n", "𠮷".repeat(MOST_KEPT_UNITS / 2 + 1)).into_bytes(),
            "cell_too_long",
        ),
        (
            format!(
                "a\n{}",
                format!("{}x\n", "x,".repeat(99)).repeat(MOST_CELLS / 100)
            )
            .into_bytes(),
            "too_many_cells",
        ),
    ] {
        assert_eq!(
            fault(&bytes),
            code,
            "{:?}",
            String::from_utf8_lossy(&bytes[..bytes.len().min(20)])
        );
    }
    assert_eq!(
        Sheet::read(rows(MOST_ROWS).as_bytes()).unwrap().rows.len(),
        MOST_ROWS
    );
    let long = "长".repeat(MOST_CHARS + 1);
    let read = Sheet::read(format!("a\n{long}\n").as_bytes()).unwrap();
    assert_eq!(read.rows[0].cells, [(0, Cell::TooLong(long))]);
    // Blank cells may be anywhere and are not counted.
    let wide = format!("a\n1{}\n", ", ".repeat(1_000_000));
    assert_eq!(read_text(wide.as_bytes()), [(2, vec![(0, text("1"))])]);
}

#[test]
fn a_workbook_is_read_cell_by_cell() {
    let bytes = workbook(|book| {
        let date = CellFormat::new().set_num_format("yyyy\\/m\\/d");
        let sheet = book.worksheet_from_index(0).unwrap();
        sheet.write_number(1, 0, 340_304_001_001.0).unwrap();
        let day = ExcelDateTime::from_ymd(2022, 3, 1).unwrap();
        sheet.write_datetime_with_format(1, 1, day, &date).unwrap();
        sheet.write_boolean(3, 0, true).unwrap();
        sheet.write_formula(3, 1, "=1+1").unwrap();
        sheet.write_number(4, 0, 0.5).unwrap();
        sheet.write_string(4, 1, "'-x").unwrap();
        sheet.write_blank(5, 1, &date).unwrap();
        book.add_worksheet()
            .set_name(HELP_SHEET)
            .unwrap()
            .write_string(0, 0, "…")
            .unwrap();
        book.add_worksheet().set_hidden(true);
    });
    assert_eq!(
        read_text(&bytes),
        [
            (
                2,
                vec![
                    (0, number("340304001001")),
                    (1, Cell::Date("2022/3/1".to_owned(), read_precise("2022-03-01")))
                ]
            ),
            (
                4,
                vec![
                    (0, Cell::Truth("TRUE".to_owned())),
                    (1, Cell::Formula("0".to_owned()))
                ]
            ),
            (5, vec![(0, number("0.5")), (1, text("-x"))]),
        ]
    );
}

#[test]
fn a_date_cell_is_what_its_format_shows() {
    let at = ExcelDateTime::from_ymd(2022, 3, 15)
        .unwrap()
        .and_hms(8, 30, 0)
        .unwrap();
    let formats = [
        ("yyyy\"年\"m\"月\"", "2022年3月", Some("2022-03")),
        ("mmm\\-yy", "2022-03", Some("2022-03")),
        ("yyyy\\-m", "2022-3", Some("2022-03")),
        ("yyyy/m/d h:mm", "2022/3/15 8:30", Some("2022-03-15")),
        ("dd/mm/yyyy", "2022-03-15", Some("2022-03-15")),
        ("m\"月\"d\"日\"", "3月15日", None),
        ("yyyy", "2022", None),
        ("h:mm", "8:30", None),
    ];
    let bytes = workbook(|book| {
        let sheet = book.worksheet_from_index(0).unwrap();
        for (row, (format, ..)) in (1..).zip(&formats) {
            let format = CellFormat::new().set_num_format(*format);
            sheet.write_datetime_with_format(row, 0, &at, &format).unwrap();
        }
        // 2022年3月 and 3月15日 in the built-in formats of a Chinese spreadsheet.
        for (row, index) in [(9, 57), (10, 58)] {
            let format = CellFormat::new().set_num_format_index(index);
            sheet.write_datetime_with_format(row, 0, &at, &format).unwrap();
        }
    });
    let more = [("", "2022年3月", Some("2022-03")), ("", "3月15日", None)];
    for ((row, cells), (format, shown, date)) in read_text(&bytes).iter().zip(formats.iter().chain(&more)) {
        let date = date.map(|date| read_precise(date).unwrap());
        assert_eq!(
            *cells,
            [(0, Cell::Date((*shown).to_owned(), date))],
            "{row} {format}"
        );
    }
}

#[test]
fn what_a_workbook_may_not_be() {
    let merged = |rows: (u32, u32)| {
        workbook(|book| {
            let sheet = book.worksheet_from_index(0).unwrap();
            sheet
                .merge_range(rows.0, 0, rows.1, 1, "x", &CellFormat::new())
                .unwrap();
        })
    };
    assert_eq!(fault(&merged((0, 0))), "merged_header");
    assert_eq!(fault(&merged((0, 2))), "merged_header");
    let below = Sheet::read(&merged((3, 4))).unwrap_err();
    assert_eq!(below.code, "merged_cells");
    assert!(below.en.contains("A4:B5"), "{}", below.en);
    let other = |hidden: bool| {
        workbook(|book| {
            let sheet = book.add_worksheet();
            sheet.set_name("别的").unwrap().set_hidden(hidden);
            sheet.write_string(7, 7, "x").unwrap();
        })
    };
    assert_eq!(fault(&other(false)), "several_sheets");
    assert_eq!(fault(&other(true)), "hidden_sheet");
    let help = workbook(|book| {
        book.worksheet_from_index(0)
            .unwrap()
            .set_name(HELP_SHEET)
            .unwrap();
    });
    assert_eq!(fault(&help), "help_sheet_first");
    let at = |row: u32, column: u16| {
        workbook(|book| {
            let sheet = book.worksheet_from_index(0).unwrap();
            sheet.write_string(row, column, "x").unwrap();
        })
    };
    assert_eq!(fault(&at(SHEET_ROWS - 2, 16_383)), "too_many_columns");
    assert_eq!(fault(&at(SHEET_ROWS - 1, 0)), "damaged_file");
    assert_eq!(
        read_text(&at(SHEET_ROWS - 2, 1)),
        [(SHEET_ROWS - 1, vec![(1, text("x"))])]
    );
    let many = workbook(|book| {
        for _ in 0..MOST_SHEETS {
            book.add_worksheet();
        }
    });
    assert_eq!(fault(&many), "too_many_sheets");
}

#[test]
fn dates_as_people_write_them() {
    for (written, on, precision, shown) in [
        ("2022-03-01", "2022-03-01", Precision::Day, "2022-03-01"),
        ("2022/3/1", "2022-03-01", Precision::Day, "2022-03-01"),
        ("2022.3.1", "2022-03-01", Precision::Day, "2022-03-01"),
        ("2022-03-01 00:00:00", "2022-03-01", Precision::Day, "2022-03-01"),
        ("2022/3/1 0:00", "2022-03-01", Precision::Day, "2022-03-01"),
        ("20220301", "2022-03-01", Precision::Day, "2022-03-01"),
        ("2022.10", "2022-10-01", Precision::Month, "2022-10"),
        ("2022.01", "2022-01-01", Precision::Month, "2022-01"),
        ("2022.2", "2022-02-01", Precision::Month, "2022-02"),
        (" ２０２２年３月１日", "2022-03-01", Precision::Day, "2022-03-01"),
        ("2022-03", "2022-03-01", Precision::Month, "2022-03"),
        ("2022年3月", "2022-03-01", Precision::Month, "2022-03"),
        ("2022年3月下旬", "2022-03-21", Precision::TenDay, "2022-03下旬"),
        ("2022-03上旬", "2022-03-01", Precision::TenDay, "2022-03上旬"),
        ("2022年3月 中旬", "2022-03-11", Precision::TenDay, "2022-03中旬"),
    ] {
        let read = read_precise(written).unwrap_or_else(|| panic!("{written}"));
        assert_eq!(
            (read.on.to_string().as_str(), read.precision),
            (on, precision),
            "{written}"
        );
        assert_eq!(show_precise(read), shown);
        assert_eq!(read_precise(shown), Some(read));
    }
    for wrong in [
        "",
        "2022",
        "2022-13-01",
        "2022.1",
        "２０２２.１",
        "202203",
        "20221301",
        "2022-03-01 25:00",
        "2022-03 0",
        "2022-02-30",
        "44621",
        "1-2-3",
        "0022-03-01",
        "22-3-1",
        "Mar-22",
        "2022-03-01下旬",
        "下旬",
        "2022-03-01T00:00:00",
        "-2022-03",
        "2022-+3-01",
        "旬",
    ] {
        assert_eq!(read_precise(wrong), None, "{wrong}");
    }
    assert_eq!(read_day("2022-03"), None);
}

#[test]
fn cells_that_would_be_formulas_are_guarded_and_come_back() {
    for (cell, written) in [
        ("=1+1", "'=1+1"),
        ("+86", "'+86"),
        ("-x", "'-x"),
        ("@a", "'@a"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("＝x", "'＝x"),
        ("'=x", "''=x"),
        ("'quoted", "'quoted"),
        ("''", "''"),
        ("a=b", "a=b"),
        ("", ""),
    ] {
        assert_eq!(neutralise(cell), written);
        assert_eq!(without_guard(written), cell);
    }
    assert_eq!(clean("\u{a0}\u{3000} 禹会区 \u{200b}\u{feff}"), "禹会区");
    assert_eq!(clean("\u{202a}禹会区\u{2060}\u{200e}"), "禹会区");
    assert_eq!(half_width("３４０\u{200e}３０４－Ｐ０１"), "340304-P01");
}

/// A text that a register may contain: no control characters except line breaks.
fn any_cell() -> impl Strategy<Value = String> {
    let char = prop_oneof![
        3 => proptest::char::any().prop_filter("no control character", |c| !c.is_control()),
        2 => prop::sample::select(vec!['=', '+', '-', '@', '\'', '"', ',', '\n', '；', ' ', '\u{a0}', '_', 'x', '0', '&', '<']),
    ];
    prop::collection::vec(char, 0..12).prop_map(|chars| chars.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_damaged_workbook_is_told_whatever_is_wrong_with_it(at in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = workbook(|book| {
            let sheet = book.worksheet_from_index(0).unwrap();
            sheet.write_row(1, 0, ["340304", "侨联"]).unwrap();
        });
        for (at, byte) in at {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Err(fault) = Sheet::read(&bytes) {
            prop_assert!(!fault.code.is_empty());
        }
    }

    #[test]
    fn what_is_written_is_read_again(rows in prop::collection::vec(prop::collection::vec(any_cell(), 3), 1..6)) {
        let header = ["a", "b", "c"];
        let mut csv = CsvWriter::default();
        csv.row(header);
        let headers: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
        let mut xlsx = XlsxWriter::begin(&SheetStyle::plain("数据", &headers), 1).unwrap();
        for row in &rows {
            csv.row(row);
            xlsx.row(row).unwrap();
        }
        let expected: Vec<(u32, Vec<(u32, Cell)>)> = (2_u32..)
            .zip(&rows)
            .map(|(number, row)| {
                let cells = (0_u32..).zip(row).map(|(column, cell)| (column, text(cell)));
                (number, cells.filter(|(_, cell)| !clean(cell.text()).is_empty()).collect())
            })
            .filter(|(_, cells): &(u32, Vec<_>)| !cells.is_empty())
            .collect();
        prop_assert_eq!(&read_text(csv.finish().as_bytes()), &expected);
        prop_assert_eq!(&read_text(&xlsx.finish().unwrap()), &expected);
    }
}
