//! Canonical JSON (RFC 8785) and SHA-256: what is frozen, compared and chained.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// The canonical text of a value (RFC 8785). Our own types always have one; a value that has none (a map with keys that are
/// not strings) is an error of ours.
///
/// # Errors
/// When the value cannot be written as JSON.
pub fn canonical<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    serde_json_canonicalizer::to_string(value)
}

/// SHA-256 in lower-case hexadecimal.
pub fn sha256_hex(bytes: impl AsRef<[u8]>) -> String {
    let digest: [u8; 32] = Sha256::digest(bytes.as_ref()).into();
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        text
    })
}

/// SHA-256 of the canonical text.
///
/// # Errors
/// When the value cannot be written as JSON.
pub fn digest_of<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    canonical(value).map(sha256_hex)
}

/// Bytes as base64url without padding.
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of base64url text; `None` when it is not that.
pub fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_does_not_depend_on_the_order_of_keys() {
        let one = serde_json::json!({"b": 1, "a": [1.0, "侨"]});
        let two = serde_json::json!({"a": [1, "侨"], "b": 1});
        assert_eq!(canonical(&one).unwrap(), r#"{"a":[1,"侨"],"b":1}"#);
        assert_eq!(digest_of(&one).unwrap(), digest_of(&two).unwrap());
        assert_eq!(
            sha256_hex(""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
