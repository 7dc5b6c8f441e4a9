//! Reading tables of areas from files: those accepted by `POST /v1/areas/import`, or CSV of any size, uncompressed or
//! compressed with zstd.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use qiaojian_domain::Violation;
use qiaojian_sheets::areas::{self, ListedRow};

use crate::zstd;

/// Maximum uncompressed size in bytes. The whole country down to village level takes 40 MB; a larger file is not an
/// area table.
const MOST_BYTES: u64 = 512 * 1024 * 1024;

/// Reads the rows of the file, each with its row number in the spreadsheet, or with its errors.
///
/// # Errors
/// Returns an error that names the file if it cannot be opened or is not a table of areas.
pub fn read(path: &Path) -> anyhow::Result<Vec<ListedRow>> {
    let bytes = unpack(path)?;
    areas::read_trusted(&bytes)
        .map_err(|wrong| anyhow!(in_a_line(&wrong)))
        .with_context(|| format!("cannot read {}", path.display()))
}

/// Returns the errors as one line of sentences, each preceded by its field.
pub fn in_a_line(wrong: &[Violation]) -> String {
    let sentences = wrong
        .iter()
        .map(|violation| match violation.pointer.trim_start_matches('/') {
            "" => violation.en.to_string(),
            field => format!("{field}: {}", violation.en),
        });
    sentences.collect::<Vec<_>>().join(" ")
}

fn unpack(path: &Path) -> anyhow::Result<Vec<u8>> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {name}"))?;
    if path.extension().is_some_and(|extension| extension == "zst") {
        bytes = zstd::unpack(&bytes, MOST_BYTES)
            .with_context(|| format!("{name} is not a complete zstd file; copy or download it again"))?;
    }
    if bytes.len() as u64 > MOST_BYTES {
        bail!("{name} contains more than {} MiB", MOST_BYTES / 1024 / 1024);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_above_the_header_is_read_past() {
        let bytes =
            "安徽省行政区划名录,,,,\ncode,level,parent,name,kind\n340000,province,,安徽省,administrative\n";
        let rows = areas::read_trusted(bytes.as_bytes()).unwrap();
        assert!(matches!(rows.as_slice(), [(3, Ok(_))]), "{rows:?}");
    }

    #[test]
    fn what_is_no_table_of_areas_is_a_sentence() {
        let sentence = |bytes| in_a_line(&areas::read_trusted(bytes).unwrap_err());
        for (bytes, says) in [
            (
                &b"code,level,parent,name,kind\n1,\xFF\xFF\n"[..],
                "neither UTF-8 nor GB18030",
            ),
            (b"code,level,parent,name\n", "The column “*性质 kind” is missing."),
            (
                b"code,level,parent,name,kind,colour\n",
                "“colour” is not a known column.",
            ),
            (
                b"code,code,level,parent,name,kind\n",
                "The column “code” appears more than once.",
            ),
            (b"", "The file has no header."),
            (b"\n\n", "The file has no header."),
            (b"PK\x03\x04", "damaged"),
        ] {
            assert!(sentence(bytes).contains(says), "{} | {says}", sentence(bytes));
        }
    }
}
