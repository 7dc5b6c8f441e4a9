//! The mail relay, parsed from its URL.

use std::net::Ipv6Addr;
use std::path::PathBuf;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{SMTP_PORT, SUBMISSION_PORT, SUBMISSIONS_PORT};

use super::tls::Tls;
use crate::channels::SetupError;

/// The relay, and how to connect and log in to it.
pub(super) struct Relay {
    pub host: String,
    pub port: u16,
    pub security: Security,
    pub credentials: Option<Credentials>,
    /// The name that we send in EHLO.
    pub hello: ClientId,
}

/// When the connection is encrypted.
pub(super) enum Security {
    Never,
    /// After STARTTLS, which the relay must offer.
    StartTls(Tls),
    /// From the first byte.
    Always(Tls),
}

impl Relay {
    /// Parses a relay URL.
    pub(super) fn at(url: &str) -> Result<Self, SetupError> {
        let unreadable = |error: &dyn std::error::Error| SetupError::SmtpUrl(error.to_string());
        let url = RelayUrl::read(url).map_err(|error| unreadable(&error))?;
        let tls = || Tls::new(&url.host, url.ca.as_deref());
        let security = match url.security {
            Encrypted::Never => Security::Never,
            Encrypted::StartTls => Security::StartTls(tls()?),
            Encrypted::Always => Security::Always(tls()?),
        };
        Ok(Self {
            security,
            credentials: url.login.map(Credentials::from),
            hello: url.hello.map_or_else(ClientId::default, ClientId::Domain),
            port: url.port,
            host: url.host,
        })
    }
}

/// Errors in a URL. No error message contains a part of it, because it may contain a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum UrlError {
    #[error("it must begin with smtp:// or smtps://")]
    Scheme,
    #[error("its host is missing, or is not `host`, `host:port` or `[IPv6 address]:port`")]
    Host,
    #[error("its port is not a number from 1 to 65535")]
    Port,
    #[error("write user and password as `user:password@`, with special characters percent-encoded")]
    Login,
    #[error("its parameters are `tls=required` and `ca=<file>`, joined by `&`")]
    Parameter,
    #[error(
        "a certificate authority (`ca`) requires an encrypted connection; write smtps://, or add `tls=required`"
    )]
    CaWithoutTls,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encrypted {
    Never,
    StartTls,
    Always,
}

/// A parsed relay URL: `smtp[s]://[user:password@]host[:port][/name][?tls=required&ca=<file>]`.
#[derive(Clone, PartialEq, Eq)]
struct RelayUrl {
    host: String,
    port: u16,
    security: Encrypted,
    login: Option<(String, String)>,
    /// The path, if there is one: the name that we send in EHLO.
    hello: Option<String>,
    /// A file with additional trusted certificate authorities.
    ca: Option<PathBuf>,
}

/// Reads the parameters after the `?`.
fn read_parameters(text: &str) -> Result<(bool, Option<PathBuf>), UrlError> {
    let (mut tls_required, mut ca) = (false, None);
    for parameter in text.split('&').filter(|parameter| !parameter.is_empty()) {
        match parameter.split_once('=') {
            Some(("tls", "required")) => tls_required = true,
            Some(("ca", path)) if !path.is_empty() => {
                let path = percent_decoded(path).ok_or(UrlError::Parameter)?;
                ca = Some(PathBuf::from(path));
            }
            _ => return Err(UrlError::Parameter),
        }
    }
    Ok((tls_required, ca))
}

impl RelayUrl {
    fn read(url: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = url.trim().split_once("://").ok_or(UrlError::Scheme)?;
        let (rest, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (tls_required, ca) = read_parameters(parameters)?;
        let (security, usual_port) = match (scheme.to_ascii_lowercase().as_str(), tls_required) {
            ("smtp", false) => (Encrypted::Never, SMTP_PORT),
            ("smtp", true) => (Encrypted::StartTls, SUBMISSION_PORT),
            ("smtps", _) => (Encrypted::Always, SUBMISSIONS_PORT),
            _ => return Err(UrlError::Scheme),
        };
        if ca.is_some() && security == Encrypted::Never {
            return Err(UrlError::CaWithoutTls);
        }
        // The last one, because a password may contain an `@`.
        let (login, place) = match authority.rsplit_once('@') {
            Some((login, place)) => (Some(read_login(login)?), place),
            None => (None, authority),
        };
        let (host, port) = read_place(place)?;
        let name = path.trim_matches('/');
        Ok(Self {
            host,
            port: port.unwrap_or(usual_port),
            security,
            login,
            hello: (!name.is_empty()).then(|| name.to_owned()),
            ca,
        })
    }
}

fn read_login(login: &str) -> Result<(String, String), UrlError> {
    let (user, password) = login.split_once(':').ok_or(UrlError::Login)?;
    let decoded = |text| percent_decoded(text).ok_or(UrlError::Login);
    let (user, password) = (decoded(user)?, decoded(password)?);
    if user.is_empty() || password.is_empty() {
        return Err(UrlError::Login);
    }
    Ok((user, password))
}

fn read_place(place: &str) -> Result<(String, Option<u16>), UrlError> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or(UrlError::Host)?;
            host.parse::<Ipv6Addr>().map_err(|_| UrlError::Host)?;
            match after {
                "" => (host, None),
                after => (host, Some(after.strip_prefix(':').ok_or(UrlError::Host)?)),
            }
        }
        None => place
            .split_once(':')
            .map_or((place, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(UrlError::Host);
    }
    let port = port.map(read_port).transpose()?;
    Ok((host.to_owned(), port))
}

fn read_port(port: &str) -> Result<u16, UrlError> {
    match port.parse::<u16>() {
        Ok(0) | Err(_) => Err(UrlError::Port),
        Ok(port) => Ok(port),
    }
}

/// Decodes `%40` to `@`, and so on. A `%` that does not start a code is kept.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let code = if *byte == b'%' {
            after.split_first_chunk::<2>()
        } else {
            None
        };
        match code.and_then(|(digits, left)| Some((byte_of(*digits)?, left))) {
            Some((decoded, left)) => {
                bytes.push(decoded);
                rest = left;
            }
            None => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

fn byte_of(digits: [u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? * 16 + low?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_the_relay_is_and_how_to_come_before_it() {
        use Encrypted::{Always, Never, StartTls};
        let login = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        for (url, host, port, security, expected, hello) in [
            ("smtp://localhost:1025", "localhost", 1025, Never, None, None),
            (
                "smtp://mail.example.org",
                "mail.example.org",
                25,
                Never,
                None,
                None,
            ),
            ("SMTP://127.0.0.1", "127.0.0.1", 25, Never, None, None),
            (
                "smtp://user:password@mail.example.org?tls=required",
                "mail.example.org",
                587,
                StartTls,
                login("user", "password"),
                None,
            ),
            (
                "smtps://user:password@mail.example.org",
                "mail.example.org",
                465,
                Always,
                login("user", "password"),
                None,
            ),
            (
                "smtps://notice%40example.org:p%3Aw%2F%e4%be%a8@mail.example.org:4650?tls=required",
                "mail.example.org",
                4650,
                Always,
                login("notice@example.org", "p:w/侨"),
                None,
            ),
            (
                "smtp://a@b.example:100%sure@h:26",
                "h",
                26,
                Never,
                login("a@b.example", "100%sure"),
                None,
            ),
            (
                "smtp://[2001:db8::1]:2525/mail.bengbu.example",
                "2001:db8::1",
                2525,
                Never,
                None,
                Some("mail.bengbu.example"),
            ),
            ("smtp://[::1]", "::1", 25, Never, None, None),
        ] {
            let read = RelayUrl::read(url).unwrap();
            let wanted = RelayUrl {
                host: host.to_owned(),
                port,
                security,
                login: expected,
                hello: hello.map(str::to_owned),
                ca: None,
            };
            assert!(read == wanted, "{url}");
            assert!(Relay::at(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn a_certificate_authority_is_read_from_its_file() {
        let read = RelayUrl::read("smtp://h?tls=required&ca=/etc/our%20ca.pem").unwrap();
        assert_eq!(read.ca, Some(PathBuf::from("/etc/our ca.pem")));
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ca.pem");
        let url = format!("smtps://h?ca={}", file.display());
        assert!(matches!(Relay::at(&url), Err(SetupError::MailCa(_))), "not there");
        for (content, fits) in [
            ("", false),
            ("no certificate", false),
            (include_str!("../../../tests/ca.pem"), true),
        ] {
            std::fs::write(&file, content).unwrap();
            assert_eq!(Relay::at(&url).is_ok(), fits, "{content}");
        }
    }

    #[test]
    fn a_url_that_cannot_be_read_says_why() {
        for (url, error) in [
            ("localhost", UrlError::Scheme),
            ("http://localhost", UrlError::Scheme),
            ("smtp://", UrlError::Host),
            ("smtp://u:p@", UrlError::Host),
            ("smtp://two hosts", UrlError::Host),
            ("smtp://[mail.example.org]", UrlError::Host),
            ("smtp://[::1", UrlError::Host),
            ("smtp://[::1]25", UrlError::Host),
            ("smtp://h:", UrlError::Port),
            ("smtp://h:0", UrlError::Port),
            ("smtp://h:65536", UrlError::Port),
            ("smtp://::1", UrlError::Host),
            ("smtp://user@h", UrlError::Login),
            ("smtp://user:@h", UrlError::Login),
            ("smtp://user:%ff@h", UrlError::Login),
            ("smtp://h?tls=requierd", UrlError::Parameter),
            ("smtp://h?tls=opportunistic", UrlError::Parameter),
            ("smtps://h?timeout=5", UrlError::Parameter),
            ("smtps://h?ca=", UrlError::Parameter),
            ("smtp://h?ca=/etc/ca.pem", UrlError::CaWithoutTls),
        ] {
            assert_eq!(RelayUrl::read(url).err(), Some(error), "{url}");
        }
    }
}
