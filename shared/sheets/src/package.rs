//! Checks and repacks a workbook, which is a zip archive. Before it is read, it is unpacked once, regardless of its
//! declared size, and checked for content that would become large in memory. Parts that a table does not need are
//! omitted. Parts that were not checked are not read.

use std::collections::{HashMap, HashSet};
use std::io::{Cursor, Read, Write as _};

use qiaojian_domain::Violation;
use quick_xml::events::{BytesStart, Event};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::places::{Edits, Notes, Range};
use super::{MOST_CELLS, MOST_SHEETS, MOST_UNPACKED, faults};

/// The maximum number of parts of a workbook; a table has a dozen.
const MOST_PARTS: usize = 1000;
/// The maximum number of cell formats and of the fonts, fills and borders that they refer to. A typical spreadsheet has
/// a hundred, one that grew for years some thousand. Each format copies in memory what it refers to, so a few bytes can
/// become many.
const MOST_FORMATS: usize = 20_000;
/// The maximum number of names and of links between parts.
const MOST_NAMES: usize = 20_000;
/// The maximum number of tags of a part: a cell has two to four, and rows and formats have some more.
const MOST_TAGS: usize = 8 * MOST_CELLS;
/// The maximum number of merged cells that are read. A single one in the table is already rejected.
const MOST_MERGED: usize = 200_000;
/// The maximum size of a tag that is kept in memory, in bytes. The text of a number format has at most 255 characters.
const MOST_TAG_BYTES: usize = 2048;
/// The maximum size of a link, in bytes. An address has at most 2,083 characters.
const MOST_LINK_BYTES: usize = 8192;
/// Parts that a table does not need: pictures, drawings, printer settings, descriptions.
const BESIDE: [&str; 12] = [
    "customxml/",
    "docprops/",
    "xl/activex/",
    "xl/charts/",
    "xl/comments",
    "xl/ctrlprops/",
    "xl/drawings/",
    "xl/embeddings/",
    "xl/externallinks/",
    "xl/media/",
    "xl/pivotcache/",
    "xl/printersettings/",
];

/// A workbook reduced to the parts that a table needs, none of which exhausts the memory.
pub(super) struct Package {
    pub bytes: Vec<u8>,
    notes: HashMap<String, Notes>,
    /// The link ids of the sheets, in order.
    sheets: Vec<String>,
    /// The targets of the workbook's links, by id.
    links: HashMap<String, String>,
}

impl Package {
    /// Returns the notes of a sheet, by its index among the sheets.
    pub fn notes(&self, sheet: usize) -> Notes {
        let part = self.sheets.get(sheet).and_then(|link| self.links.get(link));
        match part.and_then(|part| self.notes.get(part)) {
            Some(notes) => notes.clone(),
            // The part is unknown, so the notes of all parts are combined.
            None => self.notes.values().cloned().fold(Notes::default(), Notes::and),
        }
    }
}

/// Checks a workbook.
pub(super) fn checked(bytes: &[u8]) -> Result<Package, Violation> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| faults::damaged())?;
    if archive.len() > MOST_PARTS {
        return Err(faults::too_large_unpacked());
    }
    let names = archive.file_names().filter_map(Result::ok);
    let names: Vec<String> = names.map(|name| name.to_ascii_lowercase()).collect();
    if let Some(what) = other_format(&names) {
        return Err(faults::other_format(what));
    }
    let mut package = Package {
        bytes: Vec::new(),
        notes: HashMap::new(),
        sheets: Vec::new(),
        links: HashMap::new(),
    };
    let mut kept = ZipWriter::new(Cursor::new(Vec::new()));
    let as_it_is = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut left = MOST_UNPACKED;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|_| faults::damaged())?;
        let name = part.name().map_err(|_| faults::damaged())?.into_owned();
        let mut content = Vec::new();
        let read = part
            .take(left + 1)
            .read_to_end(&mut content)
            .map_err(|_| faults::damaged())?;
        let read = u64::try_from(read).unwrap_or(u64::MAX);
        left = left.checked_sub(read).ok_or_else(faults::too_large_unpacked)?;
        let lower = name.to_ascii_lowercase();
        if BESIDE.iter().any(|beside| lower.starts_with(beside)) {
            continue;
        }
        let Some(text) = plain_text(&content) else {
            // Spreadsheets write UTF-8; another encoding could hide content.
            if lower.ends_with(".xml") || lower.ends_with(".rels") {
                return Err(faults::damaged());
            }
            continue;
        };
        let seen = look_through(text)?;
        let plain = seen.edits.applied_to(text);
        kept.start_file(name, as_it_is).map_err(|_| faults::damaged())?;
        kept.write_all(plain.as_bytes()).map_err(|_| faults::damaged())?;
        package.sheets.extend(seen.sheet_links);
        if lower.ends_with("workbook.xml.rels") {
            package.links.extend(seen.links);
        }
        if seen.notes != Notes::default() {
            package.notes.insert(part_name(&lower).to_owned(), seen.notes);
        }
    }
    package.bytes = kept.finish().map_err(|_| faults::damaged())?.into_inner();
    Ok(package)
}

/// Returns the format of a zip archive that is not an XLSX workbook, judged by its parts.
fn other_format(names: &[String]) -> Option<(&'static str, &'static str)> {
    let has = |part: &str| names.iter().any(|name| name == part);
    if has("xl/workbook.bin") {
        Some(("Excel 二进制工作簿（.xlsb）", "an Excel binary workbook (.xlsb)"))
    } else if has("mimetype") && has("content.xml") {
        Some((
            "OpenDocument 文件（如 .ods）",
            "an OpenDocument file, such as .ods",
        ))
    } else if has("word/document.xml") {
        Some(("Word 文档", "a Word document"))
    } else if has("ppt/presentation.xml") {
        Some(("演示文稿", "a presentation"))
    } else {
        None
    }
}

/// Returns the name of a part as used in links.
fn part_name(lower: &str) -> &str {
    lower.trim_start_matches(['.', '/']).trim_start_matches("xl/")
}

/// Returns the content as text if it is UTF-8 without control characters.
fn plain_text(content: &[u8]) -> Option<&str> {
    let is_plain = |byte: &u8| *byte >= b' ' || matches!(byte, b'\t' | b'\r' | b'\n');
    std::str::from_utf8(content)
        .ok()
        .filter(|_| content.iter().all(is_plain))
}

/// Counts what the reader keeps in memory item by item, and collects what is needed later.
#[derive(Default)]
struct Seen {
    sheets: HashSet<String>,
    targets: HashSet<String>,
    formats: usize,
    names: usize,
    texts: usize,
    tags: usize,
    sheet_links: Vec<String>,
    links: Vec<(String, String)>,
    notes: Notes,
    row: u32,
    edits: Edits,
}

/// Checks a part and rejects it if it contains more than a table needs. Uses the same parser that reads the part
/// afterwards.
fn look_through(text: &str) -> Result<Seen, Violation> {
    let mut reader = quick_xml::Reader::from_str(text);
    reader.config_mut().check_end_names = false;
    let mut seen = Seen::default();
    loop {
        let begin = reader.buffer_position();
        match reader.read_event().map_err(|_| faults::damaged())? {
            Event::Start(tag) | Event::Empty(tag) => {
                seen.note(&tag)?;
                seen.note_of_sheet(&tag, usize::try_from(begin).unwrap_or(usize::MAX))?;
            }
            Event::Eof => return Ok(seen),
            _ => {}
        }
    }
}

impl Seen {
    fn note(&mut self, tag: &BytesStart<'_>) -> Result<(), Violation> {
        count(&mut self.tags, MOST_TAGS, faults::too_many_cells)?;
        match tag.local_name().as_ref() {
            "sheet" => {
                // A sheet that is listed twice would be read twice.
                let link = attribute(tag, "id")?.unwrap_or_default();
                self.sheet_links.push(link.clone());
                let is_new = self.sheets.insert(link);
                if self.sheets.len() > MOST_SHEETS {
                    return Err(faults::too_many_sheets());
                }
                if !is_new {
                    return Err(faults::damaged());
                }
            }
            "Relationship" => {
                count(&mut self.names, MOST_NAMES, faults::too_many_formats)?;
                if tag.len() > MOST_LINK_BYTES {
                    return Err(faults::too_many_formats());
                }
                let is_external = attribute(tag, "TargetMode")?.is_some_and(|mode| mode == "External");
                let target = attribute(tag, "Target")?.unwrap_or_default().to_ascii_lowercase();
                let target = part_name(&target);
                if !is_external && !self.targets.insert(target.to_owned()) {
                    return Err(faults::damaged());
                }
                let id = attribute(tag, "Id")?.unwrap_or_default();
                self.links.push((id, target.to_owned()));
                return Ok(());
            }
            "definedName" => count(&mut self.names, MOST_NAMES, faults::too_many_formats)?,
            "mergeCell" => return count(&mut self.names, MOST_MERGED, faults::too_many_formats),
            "si" => return count(&mut self.texts, MOST_CELLS, faults::too_many_cells),
            "xf" | "numFmt" | "font" | "fill" | "border" | "dxf" | "cellStyle" => {
                count(&mut self.formats, MOST_FORMATS, faults::too_many_formats)?;
            }
            // The reader trusts the declared number of texts and allocates memory for it.
            "sst" => {
                let claimed = attribute(tag, "uniqueCount")?;
                let is_believable = |claimed: String| {
                    claimed
                        .trim()
                        .parse()
                        .is_ok_and(|claimed: usize| claimed <= MOST_CELLS)
                };
                if !claimed.is_none_or(is_believable) {
                    return Err(faults::too_large_unpacked());
                }
            }
            "name" => {}
            _ => return Ok(()),
        }
        if tag.len() > MOST_TAG_BYTES {
            return Err(faults::too_many_formats());
        }
        Ok(())
    }
}

impl Seen {
    /// Collects the notes of a sheet and the edits for content that its reader cannot handle. The tag begins at
    /// `begin`.
    fn note_of_sheet(&mut self, tag: &BytesStart<'_>, begin: usize) -> Result<(), Violation> {
        let text: &str = tag;
        match tag.local_name().as_ref() {
            "row" => {
                let number = attribute(tag, "r")?.and_then(|number| number.trim().parse().ok());
                self.row = number.unwrap_or(self.row.saturating_add(1));
                if text.contains("hidden")
                    && attribute(tag, "hidden")?.is_some_and(|hidden| hidden != "0" && hidden != "false")
                {
                    self.notes.hidden.push(self.row);
                }
            }
            "mergeCell" => {
                let range = attribute(tag, "ref")?.as_deref().and_then(Range::parse);
                self.notes.merged.push(range.ok_or_else(faults::damaged)?);
            }
            // The declared size of a sheet is not needed.
            "dimension" => {
                let range = attribute(tag, "ref")?;
                if let Some(range) = range.filter(|range| Range::parse_cells(range).is_none()) {
                    self.edits.replace(text, begin, &range, "A1");
                }
            }
            // An error value is read as the text that it displays, because new spreadsheets introduce new ones.
            "c" if text.contains("\"e\"") => self.edits.replace(text, begin, "t=\"e\"", "t=\"str\""),
            _ => {}
        }
        Ok(())
    }
}

fn count(so_far: &mut usize, most: usize, fault: fn() -> Violation) -> Result<(), Violation> {
    *so_far += 1;
    if *so_far > most { Err(fault()) } else { Ok(()) }
}

/// Returns the value of an attribute. Attributes that are not well-formed could be interpreted in two ways and are
/// rejected.
fn attribute(tag: &BytesStart<'_>, name: &str) -> Result<Option<String>, Violation> {
    let mut found = None;
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|_| faults::damaged())?;
        if attribute.key.local_name().as_ref() == name {
            let value: &str = attribute.value.as_ref();
            found = Some(value.to_owned());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Option<&'static str> {
        look_through(text).err().map(|fault| fault.code)
    }

    #[test]
    fn a_claim_that_would_fill_the_memory_is_refused() {
        for (text, refused) in [
            ("<sst count=\"3\" uniqueCount=\"3\"/>", false),
            ("<sst/>", false),
            ("<sst uniqueCount = '99999999999'/>", true),
            (
                "<!-- uniqueCount=\"1\" --><x:sst uniqueCount=\"18446744073709551615\"/>",
                true,
            ),
            ("<sst uniqueCount=\"many\"/>", true),
            // A less strict parser would find the declared number.
            ("<sst a=\"\" a=\"\"uniqueCount=\"40000000000\"/>", true),
            ("<sst uniqueCount=40000000000/>", true),
        ] {
            assert_eq!(fault(text).is_some(), refused, "{text}");
        }
        assert_eq!(
            plain_text("<sst uni\u{1b}(BqueCount=\"99999999999\"/>".as_bytes()),
            None
        );
        assert_eq!(plain_text(&[0xFF, 0xFE, b'<', 0]), None);
    }

    #[test]
    fn what_would_fill_the_memory_one_by_one_is_refused() {
        let styles = |formats: usize, code: &str| {
            format!(
                "<styleSheet><numFmts><numFmt numFmtId=\"165\" formatCode=\"{code}\"/></numFmts><cellXfs>{}</cellXfs></styleSheet>",
                "<x:xf numFmtId='165'/>".repeat(formats - 1)
            )
        };
        for (text, code) in [
            (styles(MOST_FORMATS, "yyyy\\/m\\/d"), None),
            (styles(MOST_FORMATS + 1, "0"), Some("too_many_formats")),
            ("<font/>".repeat(MOST_FORMATS + 1), Some("too_many_formats")),
            ("<definedName/>".repeat(MOST_NAMES + 1), Some("too_many_formats")),
            (
                format!("<Relationship Target=\"{}\"/>", "x".repeat(9000)),
                Some("too_many_formats"),
            ),
            ("<si/>".repeat(MOST_CELLS + 1), Some("too_many_cells")),
            (
                (0..=MOST_SHEETS)
                    .map(|id| format!("<sheet r:id=\"{id}\"/>"))
                    .collect(),
                Some("too_many_sheets"),
            ),
            // Two sheets that refer to the same part would be read twice.
            (
                "<sheet r:id=\"a\"/><sheet r:id=\"a\"/>".to_owned(),
                Some("damaged_file"),
            ),
            (
                "<Relationship Target=\"worksheets/a.xml\"/><Relationship Target=\"/xl/worksheets/A.xml\"/>"
                    .to_owned(),
                Some("damaged_file"),
            ),
            (
                "<Relationship Target=\"http://a\" TargetMode=\"External\"/>".repeat(2),
                None,
            ),
            // Tags that are not kept may be long.
            (
                format!("<dataValidation sqref=\"{}\"/>", "A1 ".repeat(2000)),
                None,
            ),
            ("<a/>".repeat(MOST_TAGS + 1), Some("too_many_cells")),
            // A tag ends after its quotes, regardless of their content.
            (styles(1, &"<0>'".repeat(600)), Some("too_many_formats")),
            ("<styleSheet><numFmt".to_owned(), Some("damaged_file")),
        ] {
            assert_eq!(fault(&text), code, "{}", &text[..15]);
        }
    }
}
