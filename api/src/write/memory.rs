//! Stored replies under their `Idempotency-Key`, so that the same request gets the same reply.

use std::sync::Arc;

use actix_web::http::StatusCode;
use chrono::TimeDelta;
use qiaojian_domain::clock::Entropy;
use qiaojian_domain::digest::sha256_hex;
use qiaojian_domain::ids::TokenId;
use qiaojian_store::Recording;
use qiaojian_store::idempotency::{self, RememberedReply};
use qiaojian_store::secrets::SecretKey;
use serde::{Deserialize, Serialize};

use super::Reply;
use crate::app::App;
use crate::problem::ApiError;

/// How long a reply is stored under its `Idempotency-Key`.
const REMEMBERED: TimeDelta = TimeDelta::days(30);
const SEAL_PURPOSE: &str = "idempotent reply";

/// The stored reply of a client under one key.
pub(super) struct Memory {
    token: TokenId,
    key_hash: String,
    fingerprint: String,
    secrets: SecretKey,
    entropy: Arc<dyn Entropy>,
}

/// The parts of a stored reply other than status and body.
#[derive(Serialize, Deserialize)]
struct RememberedHeaders {
    etag: Option<i64>,
    location: Option<String>,
}

impl Memory {
    /// Creates the access to the reply of the client with this token. `request` identifies a repetition of the same
    /// request.
    pub(super) fn of(app: &App, token: TokenId, key: &str, request: &str) -> Self {
        Self {
            token,
            key_hash: sha256_hex(key),
            fingerprint: app.secrets.keyed_digest(request),
            secrets: app.secrets.derive(key),
            entropy: Arc::clone(&app.entropy),
        }
    }

    /// Returns the client and the digest of the key.
    pub(super) fn key(&self) -> (TokenId, String) {
        (self.token, self.key_hash.clone())
    }

    /// Returns the stored reply to the same request, or that of `effect`, which is then stored.
    pub(super) fn recall_or(
        &self,
        recording: &mut Recording<'_, '_>,
        effect: &mut impl FnMut(&mut Recording<'_, '_>) -> Result<Reply, ApiError>,
    ) -> Result<Reply, ApiError> {
        let now = recording.now();
        if let Some(remembered) = idempotency::find(recording.conn(), self.token, &self.key_hash, now)? {
            return self.recall(&remembered);
        }
        let reply = effect(recording)?;
        let headers = RememberedHeaders {
            etag: reply.etag,
            location: reply.location.clone(),
        };
        let body = if reply.secret {
            self.secrets
                .seal(SEAL_PURPOSE, reply.body.as_bytes(), self.entropy.as_ref())
                .map_err(|error| ApiError::internal(&error))?
        } else {
            reply.body.clone()
        };
        let row = RememberedReply {
            token_id: self.token,
            key_hash: self.key_hash.clone(),
            fingerprint: self.fingerprint.clone(),
            status: i16::try_from(reply.status.as_u16()).unwrap_or(200),
            headers: serde_json::to_string(&headers)?,
            body,
            sealed: reply.secret,
            created_at: now,
            expires_at: now.plus(REMEMBERED),
        };
        idempotency::remember(recording.conn(), &row)?;
        Ok(reply)
    }

    fn recall(&self, remembered: &RememberedReply) -> Result<Reply, ApiError> {
        if remembered.fingerprint != self.fingerprint {
            return Err(ApiError::idempotency_key_reused());
        }
        let body = if remembered.sealed {
            let open = self
                .secrets
                .open(SEAL_PURPOSE, &remembered.body)
                .map_err(|error| ApiError::internal(&error))?;
            String::from_utf8(open).map_err(|error| ApiError::internal(&error))?
        } else {
            remembered.body.clone()
        };
        let headers: RememberedHeaders = serde_json::from_str(&remembered.headers)?;
        let status = u16::try_from(remembered.status)
            .ok()
            .and_then(|code| StatusCode::from_u16(code).ok());
        Ok(Reply {
            status: status.unwrap_or(StatusCode::OK),
            etag: headers.etag,
            location: headers.location,
            body,
            secret: remembered.sealed,
        })
    }
}
