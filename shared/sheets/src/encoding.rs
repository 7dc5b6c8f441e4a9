//! Decodes the text of a file: UTF-8 or UTF-16 with a byte order mark, UTF-8 without one, or GB18030, which
//! spreadsheets in China write.

use std::borrow::Cow;

use encoding_rs::{Encoding, GB18030, UTF_8};

/// Decodes by the byte order mark, if there is one. Otherwise valid UTF-8 is read as UTF-8, because GB18030 text is
/// valid UTF-8 only by chance, and anything else as GB18030.
///
/// # Errors
/// Returns the name of the encoding that was tried if the text is not valid in it.
pub(super) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, &'static str> {
    let (encoding, mark) = Encoding::for_bom(bytes).unwrap_or_else(|| {
        let encoding = if std::str::from_utf8(bytes).is_ok() {
            UTF_8
        } else {
            GB18030
        };
        (encoding, 0)
    });
    encoding
        .decode_without_bom_handling_and_without_replacement(bytes.get(mark..).unwrap_or_default())
        .ok_or_else(|| encoding.name())
}
