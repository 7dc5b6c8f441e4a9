//! A workbook is a zip. It is unpacked once to count its bytes, whatever it says of itself, before anything of it is kept.

use std::io::{Cursor, Read, sink};

use quick_xml::events::Event;
use zip::ZipArchive;

use super::{MOST_UNPACKED, faults};
use crate::domain::Violation;

/// Parts of a workbook at most; a table has a dozen.
const MOST_PARTS: usize = 1000;
/// Texts that the table of texts may claim to hold; room is made for them before any is read.
const MOST_STRINGS: u64 = 4_000_000;
/// The table of texts.
const STRINGS: &str = "sharedstrings.xml";
/// What it claims to hold.
const CLAIM: &[u8] = b"uniqueCount";
/// The formats of cells. Each of them repeats in memory what it refers to, so that few bytes become many.
const STYLES: &str = "styles.xml";
/// Formats of cells at most; a spreadsheet has a hundred, and one that grew for years some thousand.
const MOST_CELL_FORMATS: usize = 20_000;
/// Bytes of one tag among them at most; the text of a number format has 255 characters.
const MOST_TAG_BYTES: usize = 2048;

/// What a part may not be, by its text.
type Check = fn(&[u8]) -> Result<(), Violation>;

/// Refuses what would fill the memory.
pub(super) fn check(bytes: &[u8]) -> Result<(), Violation> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| faults::damaged())?;
    if archive.len() > MOST_PARTS {
        return Err(faults::too_large_unpacked());
    }
    let mut left = MOST_UNPACKED;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|_| faults::damaged())?;
        let name = part.name().map_err(|_| faults::damaged())?;
        let name = name.to_ascii_lowercase();
        let check_text: Option<Check> = match name.as_str() {
            name if name.ends_with(STRINGS) => Some(check_claim),
            name if name.ends_with(STYLES) => Some(check_styles),
            _ => None,
        };
        let mut part = part.take(left + 1);
        let mut text = Vec::new();
        let read = if check_text.is_some() {
            part.read_to_end(&mut text)
                .map(|read| u64::try_from(read).unwrap_or(u64::MAX))
        } else {
            std::io::copy(&mut part, &mut sink())
        };
        let read = read.map_err(|_| faults::damaged())?;
        left = left.checked_sub(read).ok_or_else(faults::too_large_unpacked)?;
        if let Some(check_text) = check_text {
            check_text(&text)?;
        }
    }
    Ok(())
}

/// The text, unless its encoding could hide what it says: spreadsheets write UTF-8.
fn check_plain(text: &[u8]) -> Result<&str, Violation> {
    let is_plain = |byte: &u8| *byte >= b' ' || matches!(byte, b'\t' | b'\r' | b'\n');
    std::str::from_utf8(text)
        .ok()
        .filter(|_| text.iter().all(is_plain))
        .ok_or_else(faults::damaged)
}

/// Refuses formats that no spreadsheet writes: too many, or one that is long.
fn check_styles(text: &[u8]) -> Result<(), Violation> {
    let mut reader = quick_xml::Reader::from_str(check_plain(text)?);
    reader.config_mut().check_end_names = false;
    let mut formats = 0;
    loop {
        match reader.read_event().map_err(|_| faults::damaged())? {
            Event::Start(tag) | Event::Empty(tag) => {
                formats += usize::from(tag.local_name().as_ref() == "xf");
                if tag.len() > MOST_TAG_BYTES || formats > MOST_CELL_FORMATS {
                    return Err(faults::too_many_formats());
                }
            }
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

/// The number of texts is believed by whoever reads them, so it has to be one that can be believed.
fn check_claim(text: &[u8]) -> Result<(), Violation> {
    check_plain(text)?;
    let mut rest = text;
    while let Some(at) = rest.windows(CLAIM.len()).position(|window| window == CLAIM) {
        rest = rest.get(at + CLAIM.len()..).unwrap_or_default();
        let digits: String = rest
            .iter()
            .skip_while(|byte| byte.is_ascii_whitespace() || matches!(byte, b'=' | b'"' | b'\''))
            .take_while(|byte| byte.is_ascii_digit())
            .map(|byte| char::from(*byte))
            .collect();
        let believable =
            digits.is_empty() || digits.parse().is_ok_and(|claimed: u64| claimed <= MOST_STRINGS);
        if !believable {
            return Err(faults::too_large_unpacked());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_that_would_fill_the_memory_is_refused() {
        for (text, refused) in [
            ("<sst count=\"3\" uniqueCount=\"3\"/>", false),
            ("<sst/>", false),
            ("<sst uniqueCount = '99999999999'/>", true),
            (
                "<!-- uniqueCount=\"1\" --><sst uniqueCount=\"18446744073709551615\"/>",
                true,
            ),
            ("<sst uni\u{1b}(BqueCount=\"99999999999\"/>", true),
        ] {
            assert_eq!(check_claim(text.as_bytes()).is_err(), refused, "{text}");
        }
        assert!(check_claim(&[0xFF, 0xFE, b'<', 0]).is_err());
    }

    #[test]
    fn formats_that_would_fill_the_memory_are_refused() {
        let styles = |formats: usize, code: &str| {
            format!(
                "<styleSheet><numFmts><numFmt numFmtId=\"165\" formatCode=\"{code}\"/></numFmts><cellXfs>{}</cellXfs></styleSheet>",
                "<x:xf numFmtId='165'/>".repeat(formats)
            )
        };
        for (text, code) in [
            (styles(MOST_CELL_FORMATS, "yyyy\\/m\\/d"), None),
            (styles(MOST_CELL_FORMATS + 1, "0"), Some("too_many_formats")),
            // A tag ends behind its quotes, whatever stands in them.
            (styles(1, &"<0>'".repeat(600)), Some("too_many_formats")),
            ("<styleSheet><numFmt".to_owned(), Some("damaged_file")),
            ("<sty\u{1b}leSheet/>".to_owned(), Some("damaged_file")),
        ] {
            let found = check_styles(text.as_bytes()).err().map(|fault| fault.code);
            assert_eq!(found, code, "{}", &text[..20]);
        }
    }
}
