//! Canonical JSON (RFC 8785) and SHA-256, used for frozen, compared and hash-chained data.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// Returns the canonical JSON text of a value (RFC 8785). This always succeeds for our own types; a failure, such as a
/// map whose keys are not strings, is a programming error.
///
/// # Errors
/// Returns an error if the value cannot be written as JSON.
pub fn canonical<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    serde_json_canonicalizer::to_string(value)
}

/// Returns the SHA-256 digest in lower-case hexadecimal.
pub fn sha256_hex(bytes: impl AsRef<[u8]>) -> String {
    let digest: [u8; 32] = Sha256::digest(bytes.as_ref()).into();
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        text
    })
}

/// Returns the SHA-256 digest of the canonical JSON text.
///
/// # Errors
/// Returns an error if the value cannot be written as JSON.
pub fn digest_of<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    canonical(value).map(sha256_hex)
}

/// Encodes bytes as base64url without padding.
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes base64url without padding. Returns `None` if the text is not valid.
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
