//! Waiting for PostgreSQL, which may be unavailable when a process starts. The process answers 503 in the meantime if
//! it has a socket, and continues by itself.

use std::time::Duration;

use anyhow::Context as _;
use qiaojian_api::Listening;
use qiaojian_store::StoreError;
use qiaojian_store::db::{DatabaseUrl, DbError, OpenError};
use tokio::sync::oneshot;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Interval between attempts to connect to an unavailable database.
const RETRY: Duration = Duration::from_secs(1);
/// If preparation takes longer than this, callers get a 503 instead of waiting.
const PATIENCE: Duration = Duration::from_millis(500);

/// Prepares a process with `prepare`. While PostgreSQL is unavailable it is retried every second; any other failure
/// ends it. Returns `None` if the process was asked to stop before it was ready.
///
/// # Errors
/// Returns any error of `prepare` that is not temporary.
pub async fn ready<T>(
    database: &DatabaseUrl,
    listening: Option<&Listening>,
    stop: &CancellationToken,
    mut prepare: impl AsyncFnMut() -> anyhow::Result<T>,
) -> anyhow::Result<Option<T>> {
    let mut stand_in = StandIn {
        listening,
        running: None,
    };
    let mut told = String::new();
    let outcome = loop {
        let Some(attempt) = stop
            .run_until_cancelled(stand_in.beside(Box::pin(prepare())))
            .await
        else {
            break Ok(None);
        };
        match attempt {
            Ok(prepared) => break Ok(Some(prepared)),
            Err(error) if waits_for(database, &error) => {
                if let Err(error) = stand_in.start() {
                    break Err(error);
                }
                tell_a_change(&mut told, format!("{error:#}"));
            }
            Err(error) => break Err(error),
        }
        if stop.run_until_cancelled(sleep(RETRY)).await.is_none() {
            break Ok(None);
        }
    };
    stand_in.end().await;
    if !told.is_empty() && matches!(outcome, Ok(Some(_))) {
        tracing::info!("The database is available; continuing.");
    }
    outcome
}

/// Logs each reason once, not each attempt.
fn tell_a_change(told: &mut String, reason: String) {
    if *told != reason {
        tracing::warn!(%reason, "The database is unavailable; retrying every second…");
        *told = reason;
    }
}

/// Whether the error is temporary. An embedded database is never unavailable: an error would only occur again.
fn waits_for(database: &DatabaseUrl, error: &anyhow::Error) -> bool {
    matches!(database, DatabaseUrl::Postgres(_))
        && error.chain().any(|cause| {
            let of_store = match cause.downcast_ref::<StoreError>() {
                Some(StoreError::Db(error)) => Some(error),
                _ => None,
            };
            cause.downcast_ref::<OpenError>().is_some_and(OpenError::is_away)
                || of_store
                    .or_else(|| cause.downcast_ref::<DbError>())
                    .is_some_and(DbError::broke_connection)
        })
}

/// The placeholder server that answers on the socket in place of the service.
struct StandIn<'a> {
    listening: Option<&'a Listening>,
    running: Option<(CancellationToken, oneshot::Receiver<std::io::Result<()>>)>,
}

impl StandIn<'_> {
    /// Runs `work`. If it takes long, the placeholder server answers in the meantime.
    async fn beside<T>(
        &mut self,
        mut work: impl Future<Output = anyhow::Result<T>> + Unpin,
    ) -> anyhow::Result<T> {
        tokio::select! {
            outcome = &mut work => return outcome,
            () = sleep(PATIENCE) => {}
        }
        self.start()?;
        work.await
    }

    fn start(&mut self) -> anyhow::Result<()> {
        if let (Some(listening), None) = (self.listening, &self.running) {
            let stop = CancellationToken::new();
            let ended = listening
                .stand_in(stop.clone())
                .context("cannot answer while the database is unavailable")?;
            self.running = Some((stop, ended));
        }
        Ok(())
    }

    /// Stops the placeholder server, so that the service can use the socket.
    async fn end(&mut self) {
        let Some((stop, ended)) = self.running.take() else {
            return;
        };
        stop.cancel();
        if let Ok(Err(error)) = ended.await {
            tracing::warn!(%error, "The server that answers while the database is unavailable failed.");
        }
    }
}

#[cfg(test)]
mod tests {
    use qiaojian_domain::Noun;

    use super::*;

    #[test]
    fn only_what_passes_by_itself_is_waited_for() {
        let postgres = DatabaseUrl::Postgres("postgres://h/q".to_owned());
        let gone = || DbError::Unreachable("gone".to_owned());
        for error in [
            anyhow::Error::from(OpenError::Away("refused".to_owned())),
            anyhow::Error::from(gone()),
            anyhow::Error::from(StoreError::Db(gone())).context("cannot add the demo's areas"),
            anyhow::Error::from(StoreError::Db(DbError::CommitUnknown)),
        ] {
            assert!(waits_for(&postgres, &error), "{error:#}");
            assert!(!waits_for(&DatabaseUrl::Sqlite("q.db".into()), &error));
        }
        for error in [
            anyhow::Error::from(OpenError::Refused("no password".to_owned())),
            anyhow::Error::from(DbError::Locked),
            anyhow::Error::from(StoreError::NotFound(Noun::Area)),
            anyhow::anyhow!("another"),
        ] {
            assert!(!waits_for(&postgres, &error), "{error:#}");
        }
    }

    #[tokio::test]
    async fn it_ends_when_ready_when_asked_to_stop_and_when_waiting_is_no_use() {
        let postgres = DatabaseUrl::Postgres("postgres://h/q".to_owned());
        let stop = CancellationToken::new();
        let at_once = ready(&postgres, None, &stop, async || Ok::<_, anyhow::Error>(7));
        assert_eq!(at_once.await.unwrap(), Some(7));
        let refused = ready(&postgres, None, &stop, async || {
            Err::<(), _>(anyhow::Error::from(OpenError::Refused("no password".to_owned())))
        });
        assert!(refused.await.is_err());
        let asked_to_stop = ready(&postgres, None, &stop, async || {
            stop.cancel();
            Err::<(), _>(anyhow::Error::from(OpenError::Away("refused".to_owned())))
        });
        assert_eq!(asked_to_stop.await.unwrap(), None);
    }
}
