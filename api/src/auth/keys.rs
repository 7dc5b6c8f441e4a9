//! The Ed25519 keys access tokens are signed with. They live in the database, sealed; every replica has the same.

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use qiaojian_domain::clock::{Clock, Entropy, UtcTime};
use qiaojian_domain::digest::base64url;
use qiaojian_store::StoreError;
use qiaojian_store::db::Db;
use qiaojian_store::secrets::SecretKey;
use qiaojian_store::signing_keys::{self, SigningKeyRow};
use serde::{Deserialize, Serialize};

/// What sealing a signing key is for.
const PURPOSE: &str = "signing key";

/// What an access token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    pub iss: String,
    /// The token (client) it was given to.
    pub sub: String,
    /// The area's code when it was issued; the area itself is the token's.
    pub area: String,
    pub post: String,
    pub scope: String,
    pub iat: i64,
    pub exp: i64,
    pub jti: String,
    /// The tick at which the client got the secret it was given for; 0 for its first.
    #[serde(default)]
    pub secret_seq: i64,
}

/// The keys as loaded from the database.
pub struct Keys {
    signing: (String, EncodingKey),
    verifying: Vec<(String, DecodingKey)>,
    public: Vec<(String, String)>,
}

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// They could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// They were sealed under another secret key.
    #[error(
        "the signing keys in the database were sealed under another secret key (QIAOJIAN_SECRET_KEY or the key file)"
    )]
    Sealed,
    /// There is no key to sign with.
    #[error("there is no signing key")]
    None,
}

impl Keys {
    /// Loads the keys, and makes the first one where there is none.
    pub async fn load(
        db: &Db,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
        secrets: &SecretKey,
    ) -> Result<Self, KeyError> {
        let mut rows = db
            .read(|conn| signing_keys::list(conn).map_err(StoreError::from))
            .await?;
        if rows.is_empty() {
            let first = new_row(clock.now(), entropy, secrets)?;
            rows = db
                .write(move |tx| {
                    // Another process may have made it meanwhile.
                    let rows = signing_keys::list(tx.conn)?;
                    if !rows.is_empty() {
                        return Ok(rows);
                    }
                    signing_keys::create(tx.conn, &first)?;
                    Ok::<_, StoreError>(vec![first.clone()])
                })
                .await?;
        }
        Self::from_rows(&rows, secrets)
    }

    fn from_rows(rows: &[SigningKeyRow], secrets: &SecretKey) -> Result<Self, KeyError> {
        let current = rows
            .iter()
            .find(|row| row.retired_at.is_none())
            .ok_or(KeyError::None)?;
        let private = secrets
            .open(PURPOSE, &current.sealed_private_key)
            .map_err(|_| KeyError::Sealed)?;
        let verifying = rows
            .iter()
            .filter_map(|row| {
                Some((
                    row.kid.clone(),
                    DecodingKey::from_ed_components(&row.public_key).ok()?,
                ))
            })
            .collect();
        let public = rows
            .iter()
            .map(|row| (row.kid.clone(), row.public_key.clone()))
            .collect();
        Ok(Self {
            signing: (current.kid.clone(), EncodingKey::from_ed_der(&private)),
            verifying,
            public,
        })
    }

    /// Signs an access token.
    pub fn sign(&self, claims: &Claims) -> Result<String, jsonwebtoken::errors::Error> {
        let (kid, key) = &self.signing;
        let header = Header {
            kid: Some(kid.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        jsonwebtoken::encode(&header, claims, key)
    }

    /// The claims of a token signed by one of our keys. Its time is the caller's to check, by the clock.
    pub fn verify(&self, token: &str) -> Option<Claims> {
        let kid = jsonwebtoken::decode_header(token).ok()?.kid?;
        let (_, key) = self.verifying.iter().find(|(known, _)| *known == kid)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.validate_exp = false;
        validation.set_required_spec_claims(&["exp", "sub", "iss"]);
        validation.set_issuer(&[ISSUER]);
        Some(
            jsonwebtoken::decode::<Claims>(token, key, &validation)
                .ok()?
                .claims,
        )
    }

    /// The public keys, for `/.well-known/jwks.json`.
    pub fn jwks(&self) -> serde_json::Value {
        let keys: Vec<_> = self
            .public
            .iter()
            .map(|(kid, x)| {
                serde_json::json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": kid, "x": x})
            })
            .collect();
        serde_json::json!({ "keys": keys })
    }
}

/// Who issues our tokens.
pub const ISSUER: &str = "qiaojian";

fn new_row(now: UtcTime, entropy: &dyn Entropy, secrets: &SecretKey) -> Result<SigningKeyRow, KeyError> {
    let mut seed = [0_u8; 32];
    entropy.fill(&mut seed);
    let key = SigningKey::from_bytes(&seed);
    let private = key.to_pkcs8_der().map_err(|_| KeyError::None)?;
    let public_key = base64url(key.verifying_key().to_bytes());
    let sealed_private_key = secrets
        .seal(PURPOSE, private.as_bytes(), entropy)
        .map_err(|_| KeyError::Sealed)?;
    // RFC 7638 would hash the key; the first bytes of it serve as well and are readable in a log.
    let kid = public_key.chars().take(12).collect();
    Ok(SigningKeyRow {
        kid,
        public_key,
        sealed_private_key,
        created_at: now,
        retired_at: None,
    })
}
