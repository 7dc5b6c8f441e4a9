//! Tables in files: CSV, plain or packed with zstd, in UTF-8 or, as spreadsheets in China save it, in GB18030.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use qiaojian_shared::sheets;
use serde::de::DeserializeOwned;

/// Unpacked bytes at most. The whole country to village level takes 40 MB; a file beyond this is no area table.
const MOST_BYTES: u64 = 512 * 1024 * 1024;

/// A row, and where in the file it begins.
#[derive(Debug, PartialEq, Eq)]
pub struct Line<T> {
    /// From 1, as an editor counts.
    pub number: u64,
    pub row: T,
}

/// The rows of the file, which must have these columns, may have the `optional` ones, and has no others, in any order.
///
/// # Errors
/// When the file cannot be opened, is damaged, is in no known encoding, or has other columns or a row that does not fit. Each names
/// the file, and the row by its line.
pub fn read<T: DeserializeOwned>(
    path: &Path,
    columns: &[&str],
    optional: &[&str],
) -> anyhow::Result<Vec<Line<T>>> {
    let name = path.display();
    let bytes = unpack(path)?;
    let text = decode(&bytes).with_context(|| format!("cannot read {name}"))?;
    rows(&text, columns, optional).with_context(|| format!("cannot read {name}"))
}

fn unpack(path: &Path) -> anyhow::Result<Vec<u8>> {
    let name = path.display();
    let file = BufReader::new(File::open(path).with_context(|| format!("cannot open {name}"))?);
    let packed = path.extension().is_some_and(|extension| extension == "zst");
    let reader: Box<dyn Read> = if packed {
        Box::new(zstd::stream::read::Decoder::with_buffer(file)?)
    } else {
        Box::new(file)
    };
    let mut bytes = Vec::new();
    reader
        .take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .with_context(|| {
            if packed {
                format!("{name} is not a whole zstd file: copy or download it again")
            } else {
                format!("cannot read {name}")
            }
        })?;
    if bytes.len() as u64 > MOST_BYTES {
        bail!("{name} holds more than {} MiB", MOST_BYTES / 1024 / 1024);
    }
    Ok(bytes)
}

fn decode(bytes: &[u8]) -> anyhow::Result<Cow<'_, str>> {
    sheets::decode(bytes).map_err(|encoding| {
        anyhow!("it is neither UTF-8 nor GB18030 text (read as {encoding}): save it as CSV in UTF-8")
    })
}

fn rows<T: DeserializeOwned>(
    text: &str,
    columns: &[&str],
    optional: &[&str],
) -> anyhow::Result<Vec<Line<T>>> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::Headers)
        .from_reader(text.as_bytes());
    let header = reader.headers()?.clone();
    let missing: Vec<_> = columns
        .iter()
        .copied()
        .filter(|column| !header.iter().any(|it| it == *column))
        .collect();
    let unknown: Vec<_> = header
        .iter()
        .filter(|it| !columns.contains(it) && !optional.contains(it))
        .collect();
    let is_twice = |(place, it): (usize, &str)| header.iter().take(place).any(|before| before == it);
    if !missing.is_empty() || !unknown.is_empty() || header.iter().enumerate().any(is_twice) {
        bail!(
            "the first line must name the columns {}, each once; missing: {}; unknown: {}",
            columns.join(", "),
            or_none(&missing),
            or_none(&unknown)
        );
    }
    let mut rows = Vec::new();
    let mut row = csv::StringRecord::new();
    loop {
        let line = reader.position().line();
        let more = reader
            .read_record(&mut row)
            .with_context(|| format!("after line {line}"))?;
        if !more {
            return Ok(rows);
        }
        let number = row.position().map_or(line, csv::Position::line);
        rows.push(Line {
            number,
            row: row
                .deserialize(Some(&header))
                .with_context(|| format!("line {number}"))?,
        });
    }
}

fn or_none(names: &[&str]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::GB18030;

    use super::*;

    const COLUMNS: [&str; 2] = ["code", "name"];

    fn read_bytes(bytes: &[u8]) -> anyhow::Result<Vec<Line<(String, String)>>> {
        rows(&decode(bytes)?, &COLUMNS, &[])
    }

    fn sentence(bytes: &[u8]) -> String {
        format!("{:#}", read_bytes(bytes).unwrap_err())
    }

    #[test]
    fn every_encoding_a_spreadsheet_saves_gives_the_same_rows() {
        let text = "code,name\n340304,禹会区\n340302,龙子湖区\n";
        let expected =
            [(2, "340304", "禹会区"), (3, "340302", "龙子湖区")].map(|(number, code, name)| Line {
                number,
                row: (code.to_owned(), name.to_owned()),
            });
        let gb = GB18030.encode(text).0;
        assert_ne!(gb, text.as_bytes());
        let utf16: Vec<u8> = [0xFF, 0xFE]
            .into_iter()
            .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        let marked = ["\u{feff}", text].concat();
        for bytes in [text.as_bytes(), marked.as_bytes(), &gb, &utf16] {
            assert_eq!(read_bytes(bytes).unwrap(), expected);
        }
    }

    #[test]
    fn what_cannot_be_read_is_a_sentence() {
        assert!(sentence(b"code,name\n1,\xFF\xFF\n").contains("neither UTF-8 nor GB18030"));
        for (header, says) in [
            ("code\n", "missing: name; unknown: none"),
            ("code,name,colour\n", "missing: none; unknown: colour"),
            ("code,name,name\n", "each once"),
            ("", "missing: code, name"),
        ] {
            assert!(sentence(header.as_bytes()).contains(says), "{header:?}");
        }
        assert!(sentence(b"code,name\n1,a\n2\n").contains("line 3"));
    }
}
