//! The Ed25519 keys that sign access tokens. They are stored sealed in the database and shared by all replicas.

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

/// The purpose under which a signing key is sealed.
const PURPOSE: &str = "signing key";

/// The claims of an access token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    pub iss: String,
    /// The token (client) for which it was issued.
    pub sub: String,
    /// The area's code at the time of issue. The area itself is determined by the token.
    pub area: String,
    pub post: String,
    pub scope: String,
    pub iat: i64,
    pub exp: i64,
    pub jti: String,
    /// The tick at which the client received the secret that this token was issued for; 0 for its first secret.
    #[serde(default)]
    pub secret_seq: i64,
}

/// The keys loaded from the database.
pub struct Keys {
    signing: (String, EncodingKey),
    verifying: Vec<(String, DecodingKey)>,
    public: Vec<(String, String)>,
}

/// The reason why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The keys could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys were sealed under another secret key.
    #[error(
        "the signing keys in the database were sealed under another secret key (QIAOJIAN_SECRET_KEY or the key file)"
    )]
    Sealed,
    /// There is no key to sign with.
    #[error("there is no signing key")]
    None,
}

impl Keys {
    /// Loads the keys, creating the first one if there is none.
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
                    // Another process may have created the key in the meantime.
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

    /// Returns the claims of a token that was signed by one of our keys. The caller must check the expiry against the
    /// clock.
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

    /// Returns the public keys for `/.well-known/jwks.json`.
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

/// The issuer of our tokens.
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
    // RFC 7638 would hash the key. Its first characters serve as well and are readable in a log.
    let kid = public_key.chars().take(12).collect();
    Ok(SigningKeyRow {
        kid,
        public_key,
        sealed_private_key,
        created_at: now,
        retired_at: None,
    })
}
