//! Mail, against a real server on a real socket: taken, refused, hung up on.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use qiaojian_domain::clock::Clock as _;
use qiaojian_domain::delivery::{
    AttemptOutcome, Channel, DeliveryState, EndpointStatus, MOST_DOUBTS, OnUncertain,
};
use qiaojian_domain::ids::DeliveryId;
use qiaojian_domain::schedule::Approval;
use qiaojian_store::areas::Subtree;
use qiaojian_store::deliveries::{self, AttemptRow};
use qiaojian_tests::Backend;
use qiaojian_worker::{MailConfig, Worker};
use rstest_reuse::apply;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::office::{CITIES, Office, compose, count, until_idle, with_office};
use crate::both_databases;

/// What the server does in the next conversation. A step is a verb, `GREETING` for what is said first, or `MESSAGE` for what is
/// said when the message has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Take,
    /// Answers this step with this.
    Say(&'static str, &'static str),
    /// Hangs up instead of answering this step.
    HangUp(&'static str),
    /// Never answers this step.
    Hang(&'static str),
    /// Takes, and says no more than it has to: replies without a text.
    Curt,
}

/// How a server encrypts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encrypts {
    Never,
    FromTheFirstByte,
    AfterStartTls,
}

/// An SMTP server that keeps the messages it takes.
struct Server {
    port: u16,
    taken: Arc<Mutex<Vec<String>>>,
    /// The last is next; takes when empty.
    manners: Arc<Mutex<Vec<Manner>>>,
}

impl Server {
    async fn start(manners: &[Manner]) -> Self {
        Self::encrypting(Encrypts::Never, manners).await
    }

    async fn encrypting(encrypts: Encrypts, manners: &[Manner]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            taken: Arc::default(),
            manners: Arc::new(Mutex::new(manners.iter().rev().copied().collect())),
        };
        let (taken, manners) = (Arc::clone(&server.taken), Arc::clone(&server.manners));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let manner = manners.lock().unwrap().pop().unwrap_or(Manner::Take);
                let taken = Arc::clone(&taken);
                tokio::spawn(async move {
                    match encrypts {
                        Encrypts::Never => converse(stream, true, manner, taken).await,
                        Encrypts::FromTheFirstByte => {
                            let stream = acceptor().accept(stream).await?;
                            converse(stream, true, manner, taken).await
                        }
                        Encrypts::AfterStartTls => {
                            let stream = acceptor().accept(ask_for_tls(stream).await?).await?;
                            converse(stream, false, manner, taken).await
                        }
                    }
                });
            }
        });
        server
    }

    fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }
}

/// With a certificate for 127.0.0.1.
fn acceptor() -> TlsAcceptor {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(include_bytes!("tls/server.pem"))
        .map(Result::unwrap)
        .collect();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// Until the client is told to begin with TLS.
async fn ask_for_tls(mut stream: TcpStream) -> std::io::Result<TcpStream> {
    stream.write_all(b"220 test.invalid ESMTP\r\n").await?;
    let mut lines = BufReader::new(&mut stream);
    for answer in ["250-test.invalid\r\n250 STARTTLS\r\n", "220 go on\r\n"] {
        let mut line = String::new();
        lines.read_line(&mut line).await?;
        lines.write_all(answer.as_bytes()).await?;
    }
    Ok(stream)
}

/// What is said at this step; nothing for hanging up.
async fn reply(manner: Manner, step: &str, usual: &'static str) -> Option<&'static str> {
    match manner {
        Manner::Say(at, reply) if at == step => Some(reply),
        Manner::HangUp(at) if at == step => None,
        Manner::Hang(at) if at == step => std::future::pending().await,
        Manner::Curt if step != "EHLO" => usual.get(..3),
        _ => Some(usual),
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite,
    greet: bool,
    manner: Manner,
    taken: Arc<Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    let (read, mut write) = tokio::io::split(stream);
    let mut lines = BufReader::new(read).lines();
    if greet {
        let Some(greeting) = reply(manner, "GREETING", "220 test.invalid ESMTP").await else {
            return Ok(());
        };
        write.write_all(format!("{greeting}\r\n").as_bytes()).await?;
    }
    while let Some(line) = lines.next_line().await? {
        let verb = line.split([' ', ':']).next().unwrap_or("").to_ascii_uppercase();
        let usual = match verb.as_str() {
            "EHLO" => "250-test.invalid\r\n250-AUTH PLAIN\r\n250 8BITMIME",
            "AUTH" => "235 come in",
            "DATA" => "354 go on",
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        let Some(said) = reply(manner, &verb, usual).await else {
            return Ok(());
        };
        write.write_all(format!("{said}\r\n").as_bytes()).await?;
        if verb != "DATA" || !said.starts_with("354") {
            continue;
        }
        let mut message = String::new();
        while let Some(line) = lines.next_line().await? {
            if line == "." {
                break;
            }
            message += &line;
            message.push('\n');
        }
        let Some(said) = reply(manner, "MESSAGE", "250 taken as 4711").await else {
            return Ok(());
        };
        if said.starts_with('2') {
            taken.lock().unwrap().push(message);
        }
        write.write_all(format!("{said}\r\n").as_bytes()).await?;
    }
    Ok(())
}

/// How long a server that hangs is waited for in these tests.
const PATIENCE: Duration = Duration::from_millis(300);

/// What the tests change about a worker's patience.
#[derive(Clone, Copy)]
enum Patient {
    Always,
    /// Waits [`PATIENCE`] for all that comes before the message.
    NotBeforeMessage,
    /// Waits [`PATIENCE`] for the answer to the message.
    NotForAnswer,
}

/// A mail to be sent, and a worker that sends through this server.
async fn office_with_mail(office: &Office, server: &Server, patient: Patient) -> Worker {
    office
        .endpoint("340300", Channel::Email, OnUncertain::Resend)
        .await;
    let mut plan = Office::campaign();
    plan.starts_period = "2022-05".parse().unwrap();
    office.schedule(plan, Approval::Automatic).await;
    mailing(office, server, patient)
}

fn mailing(office: &Office, server: &Server, patient: Patient) -> Worker {
    mailing_to(office, server, "smtp://notice:secret@127.0.0.1:PORT", patient)
}

fn mailing_to(office: &Office, server: &Server, url: &str, patient: Patient) -> Worker {
    let mut config = office.config();
    match patient {
        Patient::Always => {}
        Patient::NotBeforeMessage => config.mail_limits.before_message = PATIENCE,
        Patient::NotForAnswer => config.mail_limits.message = PATIENCE,
    }
    config.mail = Some(MailConfig {
        smtp_url: url.replace("PORT", &server.port.to_string()),
        from: "安徽省侨联 <notice@example.org>".to_owned(),
    });
    office.worker_with(office.db.clone(), config, compose)
}

async fn attempts(office: &Office, id: DeliveryId) -> Vec<AttemptRow> {
    office.read(move |conn| deliveries::attempts(conn, id)).await
}

#[apply(both_databases)]
fn a_mail_carries_the_page_the_text_and_a_stable_id(#[case] backend: Backend) {
    with_office(backend, async |office| {
        let server = Server::start(&[]).await;
        let worker = office_with_mail(office, &server, Patient::Always).await;
        until_idle(&worker).await;
        let delivery = office.the_delivery().await;
        assert_eq!(delivery.state, DeliveryState::Sent);
        let mails = server.taken();
        assert_eq!(mails.len(), 1);
        for part in [
            format!("Message-ID: <{}@example.org>", delivery.id),
            "To: office@340300.example.org".to_owned(),
            "multipart/alternative".to_owned(),
            "text/plain".to_owned(),
            "text/html".to_owned(),
            "Date: Fri, 24 Jun 2022 04:00:00 +0000".to_owned(),
            "Auto-Submitted: auto-generated".to_owned(),
        ] {
            assert!(
                mails[0].contains(&part),
                "{part} is missing in:\n{}",
                &mails[0][..800.min(mails[0].len())]
            );
        }
        let attempts = attempts(office, delivery.id).await;
        assert_eq!(attempts[0].detail.as_deref(), Some("taken as 4711"));
    });
}

#[apply(both_databases)]
fn a_server_that_hangs_up_or_hangs_on_the_message_gets_the_same_message_again(#[case] backend: Backend) {
    with_office(backend, async |office| {
        let server = Server::start(&[Manner::HangUp("MESSAGE"), Manner::Hang("MESSAGE")]).await;
        let worker = office_with_mail(office, &server, Patient::NotForAnswer).await;
        for uncertain in 1..3 {
            until_idle(&worker).await;
            let waiting = office.the_delivery().await;
            assert_eq!(
                (waiting.state, waiting.uncertain_count),
                (DeliveryState::Queued, uncertain)
            );
            assert_eq!(waiting.last_class, Some(AttemptOutcome::Uncertain));
            office.advance(TimeDelta::minutes(1));
        }
        until_idle(&mailing(office, &server, Patient::Always)).await;
        assert_eq!(office.the_delivery().await.state, DeliveryState::Sent);
        assert_eq!(server.taken().len(), 1);
    });
}

#[apply(both_databases)]
fn who_never_says_whether_it_took_the_message_is_not_sent_it_for_ever(#[case] backend: Backend) {
    with_office(backend, async |office| {
        let server = Server::start(&[Manner::HangUp("MESSAGE"); 20]).await;
        let worker = office_with_mail(office, &server, Patient::Always).await;
        for _ in 0..10 {
            until_idle(&worker).await;
            office.advance(TimeDelta::hours(6));
        }
        let parked = office.the_delivery().await;
        assert_eq!(
            (parked.state, parked.uncertain_count),
            (DeliveryState::NeedsReview, MOST_DOUBTS)
        );
        assert_eq!(attempts(office, parked.id).await.len(), 3);
    });
}

#[apply(both_databases)]
fn what_goes_wrong_before_the_message_is_no_doubt_and_nobodys_fault_but_ours(#[case] backend: Backend) {
    let manners = [
        Manner::Hang("GREETING"),
        Manner::HangUp("GREETING"),
        Manner::Say("GREETING", "421 too busy"),
        Manner::Say("GREETING", "554 not you"),
        Manner::Hang("EHLO"),
        Manner::HangUp("EHLO"),
        Manner::Say("EHLO", "550 not you"),
        Manner::Hang("AUTH"),
        Manner::HangUp("AUTH"),
        Manner::Say("AUTH", "454 later"),
        Manner::Say("AUTH", "535 wrong password"),
        Manner::Hang("MAIL"),
        Manner::HangUp("MAIL"),
        Manner::Say("MAIL", "451 later"),
        Manner::Say("MAIL", "550 not from you"),
        Manner::Say("MAIL", "530 who are you"),
        Manner::Hang("RCPT"),
        Manner::HangUp("RCPT"),
        Manner::Say("RCPT", "421 closing"),
        Manner::Say("RCPT", "535 who are you"),
        Manner::Hang("DATA"),
        Manner::HangUp("DATA"),
        Manner::Say("DATA", "451 later"),
        Manner::Say("DATA", "250 what now"),
        // A refusal is no doubt either, and the relay's own.
        Manner::Say("MESSAGE", "451 no room"),
    ];
    with_office(backend, async |office| {
        let server = Server::start(&manners).await;
        let worker = office_with_mail(office, &server, Patient::NotBeforeMessage).await;
        for (tried, manner) in manners.iter().enumerate() {
            until_idle(&worker).await;
            let waiting = office.the_delivery().await;
            assert_eq!(
                (waiting.state, waiting.uncertain_count, waiting.last_class),
                (DeliveryState::Queued, 0, Some(AttemptOutcome::Transient)),
                "{manner:?}: {:?}",
                waiting.last_error
            );
            let evidence = attempts(office, waiting.id).await;
            assert_eq!(evidence.len(), tried + 1, "{manner:?}");
            let endpoint = office.endpoint_row(waiting.endpoint_id).await;
            assert_eq!(
                (endpoint.status, endpoint.fail_streak, endpoint.blocked_until),
                (EndpointStatus::Active, 0, None),
                "{manner:?}"
            );
            let again_in = waiting.not_before.as_chrono() - office.clock.now().as_chrono();
            assert!(again_in <= TimeDelta::hours(1), "{manner:?}: {again_in}");
            office.advance(TimeDelta::hours(1));
        }
        assert!(server.taken().is_empty());
        until_idle(&mailing(office, &server, Patient::Always)).await;
        assert_eq!(office.the_delivery().await.state, DeliveryState::Sent);
        assert_eq!(server.taken().len(), 1);
    });
}

#[apply(both_databases)]
fn a_refused_login_is_tried_once_for_all_mail(#[case] backend: Backend) {
    for manner in [
        Manner::Say("AUTH", "535 wrong password"),
        Manner::Say("MAIL", "530 who are you"),
    ] {
        with_office(backend, async |office| {
            let server = Server::start(&[manner, manner]).await;
            for city in CITIES {
                office.endpoint(city, Channel::Email, OnUncertain::Resend).await;
            }
            office.schedule(Office::campaign(), Approval::Automatic).await;
            let worker = mailing(office, &server, Patient::Always);
            until_idle(&worker).await;
            let tried = async || {
                let rows = office.deliveries().await;
                let mut asked = 0;
                for row in &rows {
                    let attempts = attempts(office, row.id).await;
                    let details = attempts.iter().filter_map(|attempt| attempt.detail.as_ref());
                    asked += details.filter(|detail| !detail.starts_with("not sent")).count();
                }
                asked
            };
            assert_eq!(tried().await, 1, "{manner:?}");
            let trouble = worker.status().trouble;
            assert_eq!(trouble.len(), 1);
            assert!(trouble[0].contains("refused our login"), "{trouble:?}");
            // Half an hour later one tries again, and all wait again.
            office.advance(TimeDelta::minutes(31));
            until_idle(&worker).await;
            assert_eq!(tried().await, 2);
            // A worker with another setting tries at once.
            let mended = mailing(office, &server, Patient::Always);
            office.advance(TimeDelta::hours(7));
            until_idle(&mended).await;
            assert_eq!(server.taken().len(), 12);
            assert_eq!(mended.status().trouble, Vec::<String>::new());
        });
    }
}

#[apply(both_databases)]
fn a_reply_without_a_text_is_a_reply(#[case] backend: Backend) {
    with_office(backend, async |office| {
        let server = Server::start(&[Manner::Curt]).await;
        let worker = office_with_mail(office, &server, Patient::Always).await;
        until_idle(&worker).await;
        assert_eq!(office.the_delivery().await.state, DeliveryState::Sent);
        assert_eq!(server.taken().len(), 1);
    });
    with_office(backend, async |office| {
        let server = Server::start(&[Manner::Say("RCPT", "550")]).await;
        let worker = office_with_mail(office, &server, Patient::Always).await;
        until_idle(&worker).await;
        assert_eq!(office.the_delivery().await.state, DeliveryState::Dead);
    });
}

#[apply(both_databases)]
fn the_certificate_of_an_authority_of_ours_is_believed(#[case] backend: Backend) {
    for (encrypts, scheme, parameter) in [
        (Encrypts::FromTheFirstByte, "smtps", ""),
        (Encrypts::AfterStartTls, "smtp", "tls=required&"),
    ] {
        with_office(backend, async |office| {
            let server = Server::encrypting(encrypts, &[]).await;
            let ca = office.test_db.directory().join("our ca.pem");
            std::fs::write(&ca, include_str!("tls/ca.pem")).unwrap();
            let ca = ca.display().to_string().replace(' ', "%20");
            let url = format!("{scheme}://notice:secret@127.0.0.1:PORT?{parameter}");
            office_with_mail(office, &server, Patient::Always).await;
            let stranger = mailing_to(office, &server, &url, Patient::Always);
            until_idle(&stranger).await;
            let waiting = office.the_delivery().await;
            assert_eq!(
                (waiting.state, waiting.uncertain_count),
                (DeliveryState::Queued, 0)
            );
            assert!(
                waiting.last_error.unwrap().contains("certificate"),
                "{encrypts:?}"
            );
            office.advance(TimeDelta::minutes(1));
            let ours = mailing_to(office, &server, &format!("{url}ca={ca}"), Patient::Always);
            until_idle(&ours).await;
            assert_eq!(
                office.the_delivery().await.state,
                DeliveryState::Sent,
                "{encrypts:?}"
            );
            assert_eq!(server.taken().len(), 1);
        });
    }
}

#[apply(both_databases)]
fn what_a_person_has_sent_again_carries_the_date_of_that(#[case] backend: Backend) {
    with_office(backend, async |office| {
        let server = Server::start(&[Manner::Say("DATA", "554 no"), Manner::HangUp("MESSAGE")]).await;
        let worker = office_with_mail(office, &server, Patient::Always).await;
        until_idle(&worker).await;
        let dead = office.the_delivery().await;
        assert_eq!(dead.state, DeliveryState::Dead);
        office.advance(TimeDelta::days(2));
        let id = dead.id;
        office
            .record(move |r| deliveries::redeliver(r, &Subtree::everything(), id, None, "x"))
            .await
            .unwrap();
        until_idle(&worker).await;
        // Tried again by itself it is the same mail.
        office.advance(TimeDelta::minutes(1));
        until_idle(&worker).await;
        let mails = server.taken();
        assert_eq!(mails.len(), 1);
        assert!(mails[0].contains("Date: Sun, 26 Jun 2022 04:00:00 +0000"));
    });
}

#[apply(both_databases)]
fn what_a_server_says_of_the_recipient_or_the_message_decides_what_is_next(#[case] backend: Backend) {
    for (step, reply, state, streak) in [
        ("RCPT", "451 try later", DeliveryState::Queued, 1),
        (
            "RCPT",
            "550 <office@340300.example.org> no such user",
            DeliveryState::Dead,
            0,
        ),
        ("DATA", "554 no valid recipients", DeliveryState::Dead, 0),
        ("MESSAGE", "552 too big", DeliveryState::Dead, 0),
    ] {
        with_office(backend, async |office| {
            let server = Server::start(&[Manner::Say(step, reply)]).await;
            let worker = office_with_mail(office, &server, Patient::Always).await;
            until_idle(&worker).await;
            let delivery = office.the_delivery().await;
            assert_eq!((delivery.state, delivery.uncertain_count), (state, 0), "{reply}");
            let said = reply.split_once(' ').unwrap().1.replace("office@", "***@");
            let attempts = attempts(office, delivery.id).await;
            for kept in [delivery.last_error, attempts[0].detail.clone()] {
                assert!(kept.as_ref().unwrap().contains(&said), "{kept:?}");
            }
            let endpoint = office.endpoint_row(delivery.endpoint_id).await;
            assert_eq!(
                (endpoint.status, endpoint.fail_streak),
                (EndpointStatus::Active, streak),
                "{reply}"
            );
            assert!(server.taken().is_empty());
        });
    }
}

#[apply(both_databases)]
fn how_a_server_says_goodbye_does_not_matter(#[case] backend: Backend) {
    for manner in [
        Manner::Hang("QUIT"),
        Manner::HangUp("QUIT"),
        Manner::Say("QUIT", "500 what"),
    ] {
        with_office(backend, async |office| {
            let server = Server::start(&[manner]).await;
            let worker = office_with_mail(office, &server, Patient::Always).await;
            until_idle(&worker).await;
            let sent = office.the_delivery().await;
            assert_eq!(
                (sent.state, sent.uncertain_count),
                (DeliveryState::Sent, 0),
                "{manner:?}"
            );
            assert_eq!(server.taken().len(), 1, "{manner:?}");
        });
    }
}

#[apply(both_databases)]
fn without_mail_settings_mail_waits_for_a_worker_that_has_them(#[case] backend: Backend) {
    with_office(backend, async |office| {
        let server = Server::start(&[]).await;
        let mailing = office_with_mail(office, &server, Patient::Always).await;
        office
            .endpoint("341800", Channel::File, OnUncertain::Resend)
            .await;
        let worker = office.worker();
        for _ in 0..3 {
            until_idle(&worker).await;
            office.advance(TimeDelta::days(2));
        }
        for row in office.deliveries().await {
            let expected = if row.channel == Some(Channel::Email) {
                DeliveryState::Queued
            } else {
                DeliveryState::Sent
            };
            assert_eq!(row.state, expected);
            if row.channel == Some(Channel::Email) {
                assert_eq!(
                    (row.attempt, row.lease_gen, row.last_class),
                    (0, 0, None),
                    "nobody tried"
                );
            }
            let endpoint = office.endpoint_row(row.endpoint_id).await;
            assert_eq!(
                (endpoint.status, endpoint.fail_streak),
                (EndpointStatus::Active, 0)
            );
        }
        until_idle(&mailing).await;
        assert_eq!(server.taken().len(), 1);
        assert_eq!(count(&office.deliveries().await, DeliveryState::Sent), 2);
    });
}
