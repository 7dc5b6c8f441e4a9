//! The text of a file: in UTF-8 or UTF-16 with a mark, in UTF-8 without, or, as spreadsheets in China save it, in GB18030.

use std::borrow::Cow;

use encoding_rs::{Encoding, GB18030, UTF_8};

/// The text, by its byte order mark or else by what it can be: valid UTF-8 is UTF-8, and nothing but chance makes GB18030 text
/// valid UTF-8.
///
/// # Errors
/// The name of the encoding it was read as, and is not.
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
