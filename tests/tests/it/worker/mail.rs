//! Mail, against a real server on a real socket: taken, refused, hung up on.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use qiaojian_shared::domain::delivery::{
    AttemptOutcome, Channel, DeliveryState, EndpointStatus, OnUncertain,
};
use qiaojian_shared::domain::schedule::Approval;
use qiaojian_worker::{MailConfig, Worker};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::office::{Office, compose, count, until_idle, with_office};

/// What the server does with the next message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Take,
    /// Answers RCPT with this.
    Refuse(&'static str),
    /// Hangs up after the message, before its answer.
    HangUp,
    /// Reads the message and never answers.
    Hang,
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
                tokio::spawn(converse(stream, manner, Arc::clone(&taken)));
            }
        });
        server
    }

    fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }
}

async fn converse(stream: TcpStream, manner: Manner, taken: Arc<Mutex<Vec<String>>>) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 test.invalid ESMTP\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let verb = line.split([' ', ':']).next().unwrap_or("").to_ascii_uppercase();
        let reply = match (verb.as_str(), manner) {
            ("EHLO", _) => "250-test.invalid\r\n250 8BITMIME",
            ("RCPT", Manner::Refuse(reply)) => reply,
            ("DATA", _) => {
                write.write_all(b"354 go on\r\n").await?;
                let mut message = String::new();
                while let Some(line) = lines.next_line().await? {
                    if line == "." {
                        break;
                    }
                    message += &line;
                    message.push('\n');
                }
                match manner {
                    Manner::HangUp => return Ok(()),
                    Manner::Hang => std::future::pending().await,
                    _ => taken.lock().unwrap().push(message),
                }
                "250 taken as 4711"
            }
            ("QUIT", _) => "221 bye",
            _ => "250 ok",
        };
        write.write_all(format!("{reply}\r\n").as_bytes()).await?;
    }
    Ok(())
}

async fn office_with_mail(office: &Office, server: &Server) -> Worker {
    office
        .endpoint("340300", Channel::Email, OnUncertain::Resend)
        .await;
    let mut plan = Office::campaign();
    plan.starts_period = "2022-05".parse().unwrap();
    office.schedule(plan, Approval::Automatic).await;
    let mut config = office.config();
    config.send_timeout = Duration::from_millis(300);
    config.mail = Some(MailConfig {
        smtp_url: format!("smtp://127.0.0.1:{}", server.port),
        from: "安徽省侨联 <notice@example.org>".to_owned(),
    });
    office.worker_with(office.db.clone(), config, compose)
}

#[test]
fn a_mail_carries_the_page_the_text_and_a_stable_id() {
    with_office(async |office| {
        let server = Server::start(&[]).await;
        let worker = office_with_mail(office, &server).await;
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
        ] {
            assert!(
                mails[0].contains(&part),
                "{part} is missing in:\n{}",
                &mails[0][..800.min(mails[0].len())]
            );
        }
        let attempts = office
            .read(move |conn| qiaojian_shared::store::deliveries::attempts(conn, delivery.id))
            .await;
        assert_eq!(attempts[0].detail.as_deref(), Some("taken as 4711"));
    });
}

#[test]
fn a_server_that_hangs_up_or_hangs_gets_the_same_message_again() {
    with_office(async |office| {
        let server = Server::start(&[Manner::HangUp, Manner::Hang]).await;
        let worker = office_with_mail(office, &server).await;
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
        until_idle(&worker).await;
        assert_eq!(office.the_delivery().await.state, DeliveryState::Sent);
        assert_eq!(server.taken().len(), 1);
    });
}

#[test]
fn what_a_server_answers_decides_what_is_next() {
    for (reply, state, status) in [
        ("451 try later", DeliveryState::Queued, EndpointStatus::Active),
        (
            "550 <office@340300.example.org> no such user",
            DeliveryState::Dead,
            EndpointStatus::Active,
        ),
        ("535 who are you", DeliveryState::Queued, EndpointStatus::Paused),
    ] {
        with_office(async |office| {
            let server = Server::start(&[Manner::Refuse(reply)]).await;
            let worker = office_with_mail(office, &server).await;
            until_idle(&worker).await;
            let delivery = office.the_delivery().await;
            assert_eq!(delivery.state, state, "{reply}");
            let said = reply.split_once(' ').unwrap().1.replace("office@", "***@");
            let attempts = office
                .read(move |conn| qiaojian_shared::store::deliveries::attempts(conn, delivery.id))
                .await;
            for kept in [delivery.last_error, attempts[0].detail.clone()] {
                assert!(kept.as_ref().unwrap().contains(&said), "{kept:?}");
            }
            assert_eq!(
                office.endpoint_row(delivery.endpoint_id).await.status,
                status,
                "{reply}"
            );
            assert!(server.taken().is_empty());
        });
    }
}

#[test]
fn without_mail_settings_mail_waits_for_a_worker_that_has_them() {
    with_office(async |office| {
        let server = Server::start(&[]).await;
        let mailing = office_with_mail(office, &server).await;
        office
            .endpoint("341800", Channel::File, OnUncertain::Resend)
            .await;
        let worker = office.worker();
        for _ in 0..3 {
            until_idle(&worker).await;
            office.advance(TimeDelta::days(2));
        }
        for row in office.deliveries().await {
            let expected = if row.channel == Channel::Email {
                DeliveryState::Queued
            } else {
                DeliveryState::Sent
            };
            assert_eq!(row.state, expected);
            if row.channel == Channel::Email {
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
