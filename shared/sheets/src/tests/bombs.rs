//! Small files that would become large in memory.

use std::io::Write as _;

use zip::write::SimpleFileOptions;

use super::{Cell, Sheet, fault, read_text, text};

/// Returns a zip archive of these parts.
fn zip(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn a_zip_bomb_is_refused_before_it_is_kept() {
    let zeros = vec![b' '; 65 * 1024 * 1024];
    let bomb = zip(&[("xl/worksheets/sheet1.xml", &zeros)]);
    assert!(bomb.len() < 200_000);
    assert_eq!(fault(&bomb), "unpacks_too_large");
    // A file with a false size: the sizes declared in the local header and the directory are small.
    let mut lying = bomb;
    let size = u32::try_from(zeros.len()).unwrap().to_le_bytes();
    let places: Vec<usize> = (0..lying.len() - 4)
        .filter(|at| lying[*at..*at + 4] == size)
        .collect();
    assert!(!places.is_empty());
    for at in places {
        lying[at..at + 4].copy_from_slice(&100_u32.to_le_bytes());
    }
    assert!(matches!(fault(&lying), "unpacks_too_large" | "damaged_file"));
    let claim = b"<sst xmlns=\"x\" uniqueCount=\"99999999999\"></sst>";
    assert_eq!(
        fault(&zip(&[("xl/sharedStrings.xml", claim)])),
        "unpacks_too_large"
    );
    for part in ["word/document.xml", "xl/workbook.bin"] {
        assert_eq!(fault(&zip(&[(part, b"<a/>")])), "unknown_format");
    }
    let ods = zip(&[
        ("mimetype", b"application/vnd.oasis.opendocument.spreadsheet"),
        ("content.xml", b"<a/>"),
    ]);
    assert!(Sheet::read(&ods).unwrap_err().en.contains(".ods"));
    assert_eq!(fault(&zip(&[("other.xml", b"<a/>")])), "damaged_file");
}

/// Returns the parts of a handwritten workbook with one sheet, its shared texts, and further content of the workbook
/// part.
fn by_hand(sheet: &str, strings: &str, more: &str) -> Vec<(&'static str, Vec<u8>)> {
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
    let link = |id: &str, of: &str, target: &str| {
        format!("<Relationship Id=\"{id}\" Type=\"{OFFICE}/{of}\" Target=\"{target}\"/>")
    };
    let links = |links: String| format!("<Relationships xmlns=\"{PACKAGE}\">{links}</Relationships>");
    let inner = [
        link("r1", "worksheet", "worksheets/sheet1.xml"),
        link("r2", "sharedStrings", "sharedStrings.xml"),
    ];
    let parts = [
        (
            "_rels/.rels",
            links(link("r1", "officeDocument", "xl/workbook.xml")),
        ),
        ("xl/_rels/workbook.xml.rels", links(inner.concat())),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><sheets><sheet name=\"a\" sheetId=\"1\" r:id=\"r1\"/>{more}</sheets></workbook>"
            ),
        ),
        (
            "xl/sharedStrings.xml",
            format!("<sst xmlns=\"{MAIN}\">{strings}</sst>"),
        ),
        (
            "xl/worksheets/sheet1.xml",
            format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{sheet}</sheetData></worksheet>"),
        ),
    ];
    parts
        .into_iter()
        .map(|(name, text)| (name, text.into_bytes()))
        .collect()
}

fn zipped(parts: &[(&'static str, Vec<u8>)]) -> Vec<u8> {
    let parts: Vec<(&str, &[u8])> = parts.iter().map(|(name, bytes)| (*name, &**bytes)).collect();
    zip(&parts)
}

#[test]
fn few_bytes_never_become_much() {
    let cell =
        |row: usize, column: char, text: usize| format!("<c r=\"{column}{row}\" t=\"s\"><v>{text}</v></c>");
    let header = format!("<row r=\"1\">{}{}</row>", cell(1, 'A', 0), cell(1, 'B', 0));
    let rows = |count: usize, text: usize| -> String {
        let row = |number| format!("<row r=\"{number}\">{}</row>", cell(number, 'A', text));
        header.clone() + &(2..count + 2).map(row).collect::<String>()
    };
    let strings = |second: &str| format!("<si><t>a</t></si><si><t xml:space=\"preserve\">{second}</t></si>");
    let good = by_hand(&rows(3, 1), &strings("x"), "");
    assert_eq!(read_text(&zipped(&good)).len(), 3);
    // Pictures and the like are omitted, regardless of their content.
    let mut with_picture = good.clone();
    with_picture.push(("xl/media/image1.png", vec![0x89, b'P', 0xFF, 0]));
    with_picture.push((
        "docProps/app.xml",
        format!("<a b=\"{}\"/>", "x".repeat(5000)).into_bytes(),
    ));
    assert_eq!(read_text(&zipped(&with_picture)).len(), 3);
    // A part that cannot be checked is not read either.
    let mut hidden = good.clone();
    hidden[2].1 = String::from_utf8(hidden[2].1.clone())
        .unwrap()
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(fault(&zipped(&hidden)), "damaged_file");

    let blank = "\u{3000}".repeat(300_000);
    let nul = "x_x0000_y";
    let sheets: String = (0..20)
        .map(|number| format!("<sheet name=\"b{number}\" sheetId=\"2\" r:id=\"b{number}\"/>"))
        .collect();
    for (sheet, second, more, code) in [
        (rows(100, 1), blank.as_str(), "", "too_much_text"),
        (rows(1, 1), nul, "", "nul_character"),
        (rows(1, 1), "x", sheets.as_str(), "too_many_sheets"),
    ] {
        let bomb = zipped(&by_hand(&sheet, &strings(second), more));
        assert!(bomb.len() < 20_000, "{code}: {}", bomb.len());
        assert_eq!(fault(&bomb), code);
    }
}

#[test]
fn what_other_programs_write_is_not_damaged() {
    let sheet = "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>a</t></is></c></row>\
        <row r=\"2\"><c r=\"A2\" t=\"e\"><v>#SPILL!</v></c><c r=\"B2\" s=\"0\" t=\"e\"><v>#N/A</v></c></row>\
        <row><c t=\"e\"><f>B1</f><v>#BUSY!</v></c></row>";
    let with = |before: &str, after: &str| {
        let mut parts = by_hand(sheet, "", "");
        let part = String::from_utf8(parts[4].1.clone()).unwrap();
        let part = part
            .replace("<sheetData>", &format!("{before}<sheetData>"))
            .replace("</sheetData>", &format!("</sheetData>{after}"));
        parts[4].1 = part.into_bytes();
        zipped(&parts)
    };
    let expected = [
        (2, vec![(0, text("#SPILL!")), (1, text("#N/A"))]),
        (3, vec![(0, Cell::Formula("#BUSY!".to_owned()))]),
    ];
    for dimension in [
        "",
        "<dimension ref=\"1:4\"/>",
        "<dimension ref=\"A:B\"></dimension>",
        "<dimension ref=\"B2:A1\"/>",
        "<dimension ref=\"\"/>",
        "<sheetPr/><dimension ref=\"A1:B3\"/>",
    ] {
        assert_eq!(read_text(&with(dimension, "")), expected, "{dimension}");
    }
    let merged = |range: &str| {
        with(
            "",
            &format!("<mergeCells><mergeCell ref=\"{range}\"/></mergeCells>"),
        )
    };
    assert_eq!(fault(&merged("A:C")), "merged_header");
    assert_eq!(fault(&merged("2:3")), "merged_cells");
    assert_eq!(read_text(&merged("A9:C12")), expected, "of nothing");
    assert_eq!(fault(&merged("nowhere")), "damaged_file");
}
