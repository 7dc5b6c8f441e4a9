//! What is asked of the servers. The service and the yardstick get the same requests; the service's carry a token.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::fill::Filled;
use crate::http::Requests;

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Case {
    /// No database at all.
    Ping,
    /// One organization by id.
    Get,
    /// The first 50 organizations of a city or county.
    List,
    /// Coverage of the province by city and level.
    Figures,
    /// Records an organization.
    Post,
}

impl Case {
    /// All, in the order they are run: what writes comes last.
    pub const ALL: [Self; 5] = [Self::Ping, Self::Get, Self::List, Self::Figures, Self::Post];

    /// What the report calls it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Ping => "GET /healthz (no database)",
            Self::Get => "GET one organization",
            Self::List => "list of 50 in a subtree",
            Self::Figures => "figures of the province by city and level",
            Self::Post => "durable POST",
        }
    }

    /// The status of every reply.
    pub const fn status(self) -> u16 {
        match self {
            Self::Post => 201,
            _ => 200,
        }
    }

    /// The requests of this case.
    pub fn requests(self, filled: &Arc<Filled>, token: Option<&str>) -> Requests {
        let filled = Arc::clone(filled);
        let auth = token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
        match self {
            Self::Ping => Arc::new(move |_, out| get(out, &auth, format_args!("/healthz"))),
            Self::Get => Arc::new(move |random, out| {
                if let Some(id) = random.pick(&filled.ids) {
                    get(out, &auth, format_args!("/v1/organizations/{id}"));
                }
            }),
            Self::List => Arc::new(move |random, out| {
                if let Some(code) = random.pick(&filled.roots) {
                    get(out, &auth, format_args!("/v1/organizations?area={code}&limit=50"));
                }
            }),
            Self::Figures => Arc::new(move |_, out| get(out, &auth, format_args!("{FIGURES}"))),
            Self::Post => Arc::new(move |random, out| {
                if let Some(code) = random.pick(&filled.codes) {
                    post(out, &auth, code);
                }
            }),
        }
    }
}

/// The question of [`Case::Figures`].
pub const FIGURES: &str =
    "/v1/figures?metric=organization_coverage&area=340000&cohort=all&group_by=city,level";

fn get(out: &mut Vec<u8>, auth: &str, path: std::fmt::Arguments<'_>) {
    let mut text = String::with_capacity(1024);
    let _ = write!(text, "GET {path} HTTP/1.1\r\nHost: localhost\r\n{auth}\r\n");
    out.extend_from_slice(text.as_bytes());
}

/// Makes every name and `Idempotency-Key` different.
static COUNTER: AtomicU64 = AtomicU64::new(0);

fn post(out: &mut Vec<u8>, auth: &str, code: &str) {
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    // An enterprise's: an area has one federation of its own, but any number of these.
    let body = format!(
        r#"{{"area":"{code}","host":"enterprise","kind":"federation","name":"第{number}企业侨联","status":"established","established_on":"2022-05-24"}}"#
    );
    let run = std::process::id();
    let mut text = String::with_capacity(1024);
    let _ = write!(
        text,
        "POST /v1/organizations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Idempotency-Key: load-{run}-{number}\r\n{auth}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    out.extend_from_slice(text.as_bytes());
}
