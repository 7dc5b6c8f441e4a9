//! A workbook is a zip. It is unpacked once to count its bytes, whatever it says of itself, before anything of it is kept.

use std::io::{Cursor, Read, sink};

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
        let holds_strings = name.to_ascii_lowercase().ends_with(STRINGS);
        let mut part = part.take(left + 1);
        let mut text = Vec::new();
        let read = if holds_strings {
            part.read_to_end(&mut text)
                .map(|read| u64::try_from(read).unwrap_or(u64::MAX))
        } else {
            std::io::copy(&mut part, &mut sink())
        };
        let read = read.map_err(|_| faults::damaged())?;
        left = left.checked_sub(read).ok_or_else(faults::too_large_unpacked)?;
        if holds_strings {
            check_claim(&text)?;
        }
    }
    Ok(())
}

/// The number of texts is believed by whoever reads them, so it has to be one that can be believed. Texts in an encoding that could hide
/// it are refused: spreadsheets write UTF-8.
fn check_claim(text: &[u8]) -> Result<(), Violation> {
    let is_plain = |byte: &u8| *byte >= b' ' || matches!(byte, b'\t' | b'\r' | b'\n');
    if std::str::from_utf8(text).is_err() || !text.iter().all(is_plain) {
        return Err(faults::damaged());
    }
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
}
