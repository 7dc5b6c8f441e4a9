//! The key that seals secrets at rest, and the generation, hashing and comparison of secrets.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use qiaojian_domain::clock::Entropy;
use qiaojian_domain::digest::{base64url, from_base64url, sha256_hex};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

const NONCE_BYTES: usize = 24;

/// Why a sealed value cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It was sealed with another key, for another purpose, or was altered.
    #[error("the sealed value cannot be decrypted with this key")]
    DoesNotOpen,
    /// The key is not 32 bytes of base64url.
    #[error("the secret key must be 32 bytes, base64url without padding (43 characters)")]
    BadKey,
}

/// The key of this installation, shared by all replicas.
#[derive(Clone)]
pub struct SecretKey([u8; 32]);

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

impl SecretKey {
    /// Generates a new key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 32];
        entropy.fill(&mut bytes);
        Self(bytes)
    }

    /// Parses a key.
    ///
    /// # Errors
    /// [`SealError::BadKey`].
    pub fn from_text(text: &str) -> Result<Self, SealError> {
        let bytes = from_base64url(text.trim()).ok_or(SealError::BadKey)?;
        Ok(Self(bytes.try_into().map_err(|_| SealError::BadKey)?))
    }

    /// Returns its text form, for the key file.
    pub fn to_text(&self) -> String {
        base64url(self.0)
    }

    /// Derives a separate key for a value that only the holder of `secret` may read again.
    #[must_use]
    pub fn derive(&self, secret: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"qiaojian derived key\0");
        hasher.update(self.0);
        hasher.update(secret.as_bytes());
        Self(hasher.finalize().into())
    }

    /// Returns a digest that only the holder of this key can compute. Used for values that may contain a secret, so
    /// that a stolen database does not allow guessing it.
    pub fn keyed_digest(&self, text: &str) -> String {
        let mut bytes = b"qiaojian keyed digest\0".to_vec();
        bytes.extend_from_slice(&self.0);
        bytes.extend_from_slice(text.as_bytes());
        sha256_hex(bytes)
    }

    /// Seals a secret for one `purpose`: it can be opened only with the same key and purpose.
    ///
    /// # Errors
    /// Never in practice: the cipher rejects only texts beyond 256 GiB.
    pub fn seal(&self, purpose: &str, secret: &[u8], entropy: &dyn Entropy) -> Result<String, SealError> {
        let mut nonce = [0_u8; NONCE_BYTES];
        entropy.fill(&mut nonce);
        let sealed = XChaCha20Poly1305::new(&self.0.into())
            .encrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: secret,
                    aad: purpose.as_bytes(),
                },
            )
            .map_err(|_| SealError::DoesNotOpen)?;
        Ok(base64url([nonce.as_slice(), &sealed].concat()))
    }

    /// Opens a value sealed by [`SecretKey::seal`].
    ///
    /// # Errors
    /// [`SealError::DoesNotOpen`].
    pub fn open(&self, purpose: &str, sealed: &str) -> Result<Vec<u8>, SealError> {
        let bytes = from_base64url(sealed).ok_or(SealError::DoesNotOpen)?;
        let (nonce, text) = bytes
            .split_at_checked(NONCE_BYTES)
            .ok_or(SealError::DoesNotOpen)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| SealError::DoesNotOpen)?;
        XChaCha20Poly1305::new(&self.0.into())
            .decrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: text,
                    aad: purpose.as_bytes(),
                },
            )
            .map_err(|_| SealError::DoesNotOpen)
    }
}

/// Generates a secret for a caller: 32 random bytes as text after `prefix`. Shown once, stored as [`hash_secret`].
pub fn new_secret(prefix: &str, entropy: &dyn Entropy) -> String {
    let mut bytes = [0_u8; 32];
    entropy.fill(&mut bytes);
    format!("{prefix}{}", base64url(bytes))
}

/// Returns the stored form. The secret has 256 random bits, so a single round of SHA-256 is sufficient
/// (docs/decisions/0005).
pub fn hash_secret(secret: &str) -> String {
    sha256_hex(secret)
}

/// Returns whether `secret` has this hash, in constant time.
pub fn secret_matches(secret: &str, hash: &str) -> bool {
    hash_secret(secret).as_bytes().ct_eq(hash.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use qiaojian_domain::clock::SeededEntropy;

    use super::*;

    #[test]
    fn a_sealed_value_opens_only_with_its_key_and_purpose() {
        let entropy = SeededEntropy::new(1);
        let key = SecretKey::generate(&entropy);
        let sealed = key.seal("endpoint", "密".as_bytes(), &entropy).unwrap();
        assert_eq!(key.open("endpoint", &sealed).unwrap(), "密".as_bytes());
        assert_eq!(key.open("signing", &sealed), Err(SealError::DoesNotOpen));
        assert_eq!(
            SecretKey::generate(&entropy).open("endpoint", &sealed),
            Err(SealError::DoesNotOpen)
        );
        assert_eq!(key.open("endpoint", "AAAA"), Err(SealError::DoesNotOpen));
        assert_eq!(
            SecretKey::from_text(&key.to_text())
                .unwrap()
                .open("endpoint", &sealed)
                .unwrap(),
            "密".as_bytes()
        );
        assert!(key.derive("one").open("endpoint", &sealed).is_err());
    }

    #[test]
    fn a_secret_matches_only_its_own_hash() {
        let entropy = SeededEntropy::new(2);
        let secret = new_secret("qj_", &entropy);
        assert!(secret.starts_with("qj_"));
        assert!(secret_matches(&secret, &hash_secret(&secret)));
        assert!(!secret_matches(
            &new_secret("qj_", &entropy),
            &hash_secret(&secret)
        ));
    }
}
