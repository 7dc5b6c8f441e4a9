//! PostgreSQL specifics: URL validation, connection settings, and the classification of libpq's connection errors.

use diesel::connection::{Connection, SimpleConnection};
use diesel::prelude::*;
use diesel::result::{ConnectionError, DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::Text;
use diesel::{PgConnection, QueryResult};

use super::OpenError;

/// libpq parameters that apply unless the URL sets them. By default libpq waits indefinitely for a host that does not
/// respond, and takes hours to detect a dead link.
const DEFAULTS: [(&str, &str); 5] = [
    ("connect_timeout", "5"),
    ("keepalives_idle", "15"),
    ("keepalives_interval", "5"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "10000"),
];

/// Settings of every connection.
const SETTINGS: &str = "SET TIME ZONE 'UTC'; SET lock_timeout = '5s'; SET statement_timeout = '60s'; \
     SET idle_in_transaction_session_timeout = '60s'; SET client_min_messages = warning; SET application_name = 'qiaojian'";

/// libpq's own message quotes the text it could not parse, which may be a password. These messages replace it.
const BAD_URL: &str = "it must be postgres://user:password@host:port/database, with every character of the user name and password but \
     letters, digits and `-._~` percent-encoded (`@` is %40, `/` is %2F, `%` is %25); or leave the password out and set PGPASSWORD";
const BAD_PARAMETER: &str = "a parameter after the `?` is unknown to libpq or has no value, or a character in it must be percent-encoded";

/// Fragments of libpq's messages about a URL that it could not parse.
const ABOUT_THE_URL: [&str; 5] = [
    "percent-encoded",
    "unexpected spaces",
    "in URI",
    "to internal parser routine",
    "connection info string",
];
/// Message fragments of permanent failures: the server was reached, or is known to be the wrong one, and an operator
/// has to intervene.
const FOR_GOOD: [&str; 10] = [
    "authentication failed",
    "no password supplied",
    "pg_hba.conf",
    "does not exist",
    "is not permitted to log in",
    "permission denied",
    "not currently accepting connections",
    "SSL was required",
    "does not support SSL",
    "certificate",
];
/// Message fragments that show libpq got as far as contacting the server. Without one of them, a connection setting is
/// wrong.
const ON_THE_WAY: [&str; 3] = [
    "connection to server",
    "could not translate host name",
    "could not create socket",
];

/// Connects and applies `SETTINGS`.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that connects, and sets what every connection needs"
)]
pub(super) fn establish(url: &str) -> Result<PgConnection, OpenError> {
    let mut conn = PgConnection::establish(&with_defaults(url)).map_err(|error| refused(&error))?;
    conn.batch_execute(SETTINGS)
        .map_err(|error| setup_failed(&error))?;
    speak_english(&mut conn)?;
    Ok(conn)
}

/// Classifies a statement that failed while a connection was being set up.
pub(super) fn setup_failed(error: &DieselError) -> OpenError {
    let line = one_line(&error.to_string());
    match error {
        DieselError::DatabaseError(
            DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand,
            _,
        ) => OpenError::Away(line),
        _ => OpenError::Setup(line),
    }
}

/// Rejects a URL that libpq would reject or misinterpret. Does not connect.
pub(super) fn check(url: &str) -> Result<(), OpenError> {
    let (address, query) = address_and_query(url);
    let hosts = address.split_once('/').map_or(address, |(hosts, _)| hosts);
    let fits = !url.contains(|character: char| character.is_whitespace() || character.is_control())
        && url.split('%').skip(1).all(begins_with_a_byte)
        // An unencoded `@` or `/` in the password ends up here.
        && !address.contains('@')
        && hosts.split(',').all(has_a_port_or_none);
    if !fits {
        return Err(OpenError::BadUrl(BAD_URL));
    }
    match query.and_then(ssl_mode) {
        Some(mode) if !cfg!(feature = "postgres-tls") && !matches!(mode, "disable" | "allow" | "prefer") => {
            Err(OpenError::NoTls(mode.to_owned()))
        }
        _ => Ok(()),
    }
}

/// Returns the part after the credentials (hosts and database name) and the query parameters. Splits where libpq does:
/// the credentials end at the first `@`, unless a `/` precedes it.
fn address_and_query(url: &str) -> (&str, Option<&str>) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let behind = rest
        .split_once('@')
        .filter(|(credentials, _)| !credentials.contains('/'))
        .map_or(rest, |(_, behind)| behind);
    match behind.split_once('?') {
        Some((address, query)) => (address, Some(query)),
        None => (behind, None),
    }
}

/// Returns whether the text after a `%` begins with two hexadecimal digits other than 00.
fn begins_with_a_byte(text: &str) -> bool {
    text.get(..2)
        .is_some_and(|digits| digits != "00" && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Returns whether the host has a valid port or none. If the host is omitted, libpq interprets the user as the host and
/// the password as the port, and quotes it.
fn has_a_port_or_none(host: &str) -> bool {
    let port = match host.strip_prefix('[') {
        Some(address) => match address.split_once(']') {
            Some((_, behind)) => behind,
            None => return false,
        },
        None => host.find(':').and_then(|at| host.get(at..)).unwrap_or_default(),
    };
    match port.strip_prefix(':') {
        Some(number) => number.is_empty() || number.parse::<u16>().is_ok_and(|number| number > 0),
        None => port.is_empty(),
    }
}

fn ssl_mode(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| match pair {
        // JDBC's notation, which libpq also accepts.
        "ssl=true" => Some("require"),
        _ => pair.strip_prefix("sslmode="),
    })
}

/// Returns the URL with every default from `DEFAULTS` that it does not set itself.
fn with_defaults(url: &str) -> String {
    let (_, query) = address_and_query(url);
    let is_set = |name: &str| {
        query.is_some_and(|query| {
            query
                .split('&')
                .any(|pair| pair.split_once('=').is_some_and(|(key, _)| key == name))
        })
    };
    let added: Vec<String> = DEFAULTS
        .iter()
        .filter(|(name, _)| !is_set(name))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let joint = match query {
        None => "?",
        Some(query) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{url}{joint}{}", added.join("&"))
}

/// Classifies a connection error from libpq.
fn refused(error: &ConnectionError) -> OpenError {
    match error {
        ConnectionError::BadConnection(message) => meaning(message),
        ConnectionError::CouldntSetupConfiguration(error) => setup_failed(error),
        ConnectionError::InvalidCString(_) | ConnectionError::InvalidConnectionUrl(_) => {
            OpenError::BadUrl(BAD_URL)
        }
        other => OpenError::Refused(one_line(&other.to_string())),
    }
}

/// Classifies libpq's message by its words, because a failed connection has no error code. If the server uses another
/// language, an unrecognised message counts as unavailable: retrying is logged and recovers by itself, exiting would
/// not.
fn meaning(message: &str) -> OpenError {
    let line = one_line(message);
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| line.contains(phrase));
    if says(&["URI query parameter"]) {
        OpenError::BadUrl(BAD_PARAMETER)
    } else if says(&ABOUT_THE_URL) {
        OpenError::BadUrl(BAD_URL)
    } else if says(&FOR_GOOD) || !says(&ON_THE_WAY) {
        OpenError::Refused(line)
    } else {
        OpenError::Away(line)
    }
}

/// Joins libpq's lines into one and drops its hints (the lines that start with a tab), because our messages are more
/// specific.
fn one_line(message: &str) -> String {
    let lines: Vec<String> = message
        .lines()
        .filter(|line| !line.starts_with('\t'))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| !line.is_empty())
        .collect();
    lines.join("; ")
}

/// Ensures that the server reports errors in English: locks and deadlocks are recognised by their English messages
/// (`db/error.rs`).
fn speak_english(conn: &mut PgConnection) -> Result<(), OpenError> {
    let locale = ask(conn, "current_setting('lc_messages')").map_err(|error| setup_failed(&error))?;
    // Runs as a separate statement outside a transaction: it requires a superuser, and a failure leaves the connection
    // as it was.
    if is_english(&locale) || conn.batch_execute("SET lc_messages = 'C'").is_ok() {
        return Ok(());
    }
    let statement = ask(
        conn,
        "format('ALTER ROLE %I SET lc_messages = %L', current_user, 'C')",
    )
    .map_err(|error| setup_failed(&error))?;
    Err(OpenError::Language { locale, statement })
}

fn ask(conn: &mut PgConnection, expression: &str) -> QueryResult<String> {
    diesel::select(diesel::dsl::sql::<Text>(expression)).get_result(conn)
}

fn is_english(locale: &str) -> bool {
    let language = locale.split(['.', '_', '@']).next().unwrap_or_default();
    ["C", "POSIX", "en", "English"].contains(&language)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDED: &str = "connect_timeout=5&keepalives_idle=15&keepalives_interval=5&keepalives_count=3&tcp_user_timeout=10000";

    #[test]
    fn a_url_gets_what_it_does_not_say_itself() {
        for (url, expected) in [
            ("postgres://h/q", format!("postgres://h/q?{ADDED}")),
            ("postgres://h", format!("postgres://h?{ADDED}")),
            ("postgres://h/q?", format!("postgres://h/q?{ADDED}")),
            (
                "postgres://h/q?sslmode=disable",
                format!("postgres://h/q?sslmode=disable&{ADDED}"),
            ),
            (
                "postgres://h/q?sslmode=disable&",
                format!("postgres://h/q?sslmode=disable&{ADDED}"),
            ),
            // A question mark in a password does not start the parameters.
            ("postgres://u:a?b@h/q", format!("postgres://u:a?b@h/q?{ADDED}")),
        ] {
            assert_eq!(with_defaults(url), expected);
        }
        assert_eq!(
            with_defaults("postgres://a,b/q?tcp_user_timeout=1&connect_timeout=30&keepalives_count=9"),
            "postgres://a,b/q?tcp_user_timeout=1&connect_timeout=30&keepalives_count=9&keepalives_idle=15&keepalives_interval=5"
        );
    }

    #[test]
    fn a_url_that_would_be_misread_is_refused_without_quoting_it() {
        for url in [
            "postgres://u:ge%heim@h/q",
            "postgres://u:ge%00heim@h/q",
            "postgres://u:ge%é@h/q",
            "postgres://u:ge@heim@h/q",
            "postgres://u:ge/heim@h/q",
            "postgres://u:ge heim@h/q",
            "postgres://u:geheim",
            "postgres://u:geheim/q",
            "postgres://h:99999/q",
            "postgres://[::1/q",
            "postgres://h\n/q",
        ] {
            let Err(error @ OpenError::BadUrl(_)) = check(url) else {
                panic!("{url} is accepted");
            };
            let said = error.to_string();
            assert!(!said.contains("heim") && !said.contains('\n'), "{said}");
        }
        for url in [
            "postgres://",
            "postgres:///q",
            "postgres://u@/q",
            "postgres://u:ge%40heim@h:5432/q",
            "postgres://u:a?b:c@h:/q",
            "postgres://a:5432,b:5433/q?target_session_attrs=read-write",
            "postgres://[::1]:5432,[::2]/q",
            "postgres://%2Fvar%2Frun/q",
        ] {
            assert!(check(url).is_ok(), "{url} is refused");
        }
    }

    #[cfg(not(feature = "postgres-tls"))]
    #[test]
    fn tls_without_the_feature_is_a_sentence() {
        for url in [
            "postgres://h/q?sslmode=require",
            "postgres://u:a?b@h/q?connect_timeout=3&sslmode=verify-full",
            "postgres://h/q?ssl=true",
        ] {
            let error = check(url).unwrap_err().to_string();
            assert!(error.contains("--features postgres-tls"), "{error}");
        }
        assert!(check("postgres://h/q?sslmode=prefer").is_ok());
        assert!(check("postgres://u:x?sslmode=require@h/q").is_ok());
    }

    #[test]
    fn what_passes_by_itself_is_told_from_what_does_not() {
        let at = "connection to server at \"127.0.0.1\", port 5432 failed: ";
        for says in [
            "Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?\n",
            "timeout expired\n",
            "No route to host\n",
            "server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally\n\tbefore or while processing the request.\n",
            "FATAL:  the database system is starting up\n",
            "FATAL:  the database system is shutting down\n",
            "FATAL:  the database system is in recovery mode\n",
            "FATAL:  sorry, too many clients already\n",
            "FATAL:  too many connections for role \"q\"\n",
            "session is read-only\n",
        ] {
            let error = meaning(&format!("{at}{says}"));
            assert!(error.is_away(), "{error}");
            assert!(!error.to_string().contains(['\n', '\t']), "{error}");
        }
        let nowhere = "could not translate host name \"db\" to address: Name or service not known\n";
        assert!(meaning(nowhere).is_away());
        for says in [
            "FATAL:  password authentication failed for user \"q\"\n",
            "FATAL:  database \"q\" does not exist\n",
            "FATAL:  role \"q\" does not exist\n",
            "fe_sendauth: no password supplied\n",
            "FATAL:  no pg_hba.conf entry for host \"10.0.0.7\", user \"q\", database \"q\", no encryption\n",
            "server does not support SSL, but SSL was required\n",
            "SSL error: certificate verify failed\n",
        ] {
            let error = meaning(&format!("{at}{says}"));
            assert!(matches!(error, OpenError::Refused(_)), "{error}");
        }
        // With several hosts, libpq stops at the first that refuses.
        let several =
            format!("{at}Connection refused\n{at}FATAL:  password authentication failed for user \"q\"\n");
        assert!(!meaning(&several).is_away());
        for says in [
            "invalid sslmode value: \"requir\"\n",
            "invalid integer value \"soon\" for connection option \"connect_timeout\"\n",
        ] {
            assert!(matches!(meaning(says), OpenError::Refused(_)), "{says}");
        }
        for says in [
            "invalid percent-encoded token: \"ge%heim\"\n",
            "forbidden value %00 in percent-encoded value: \"ge%00heim\"\n",
            "unexpected spaces found in \"ge heim\", use percent-encoded spaces (%20) instead\n",
            "invalid URI query parameter: \"geheim\"\n",
            "missing key/value separator \"=\" in URI query parameter: \"geheim\"\n",
            "missing \"=\" after \"geheim\" in connection info string\n",
        ] {
            let error = meaning(says);
            assert!(matches!(error, OpenError::BadUrl(_)), "{says}");
            assert!(!error.to_string().contains("heim"), "{error}");
        }
    }

    #[test]
    fn several_lines_become_one() {
        let message = "connection to server at \"a\" failed: Connection refused\n\tIs the server running?\n\
                       connection to server at \"b\" failed: FATAL:  the database system is starting up\n";
        assert_eq!(
            one_line(message),
            "connection to server at \"a\" failed: Connection refused; \
             connection to server at \"b\" failed: FATAL: the database system is starting up"
        );
    }

    #[test]
    fn a_server_that_is_not_there_is_away() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        // `PgConnection` does not implement `Debug`, which `unwrap_err` requires.
        let error = establish(&format!("postgres://u:geheim@127.0.0.1:{port}/q"))
            .err()
            .unwrap();
        assert!(error.is_away(), "{error}");
        let said = error.to_string();
        assert!(
            said.contains("check DATABASE_URL and that the server is running") && !said.contains("geheim"),
            "{said}"
        );
    }

    #[test]
    fn english_goes_by_several_names() {
        for locale in [
            "C",
            "POSIX",
            "C.UTF-8",
            "en_US.UTF-8",
            "en_GB",
            "English_United States.1252",
        ] {
            assert!(is_english(locale), "{locale}");
        }
        for locale in ["zh_CN.UTF-8", "de_DE@euro", "", "et_EE", "Chinese_China.936"] {
            assert!(!is_english(locale), "{locale}");
        }
    }
}
