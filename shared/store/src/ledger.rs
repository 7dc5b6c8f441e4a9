//! The ledger clock: the total order in which the system records facts (transaction time).
//!
//! A transaction that writes facts takes the next `(seq, at)` inside that transaction. The row is locked until the
//! commit, so the commit order equals the order of transaction times; `at` never decreases, on any replica, whatever
//! the system clocks do. A reader's snapshot therefore permanently contains exactly what had been recorded at the clock
//! position it shows.

use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use qiaojian_domain::change::ReadUpTo;
use qiaojian_domain::clock::UtcTime;

use super::audit::{self, Actor};
use super::recorded::Recorded;
use crate::db::schema::{audit_entries, ledger_clock};
use crate::db::{AnyConnection, Tx};

/// A ledger position that can be stored and compared later.
///
/// After a failover that lost commits, or after a backup was restored, the ledger reuses sequence numbers. The hash
/// shows whether a number still has the same meaning: it is the end of the audit chain at that number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The sequence number.
    pub seq: i64,
    /// The hash of the last audit entry up to `seq`; empty if there is none.
    pub hash: String,
}

impl Position {
    /// Returns whether the ledger still contains this position. Costs one primary-key lookup.
    ///
    /// # Errors
    /// Returns an error if the database fails.
    pub fn is_current(&self, conn: &mut AnyConnection) -> QueryResult<bool> {
        Ok(known(conn)?.seq >= self.seq && audit::end_at(conn, ReadUpTo::all_of(self.seq))? == self.hash)
    }
}

/// Returns the position of the reader's snapshot.
///
/// # Errors
/// Returns an error if the database fails.
pub fn position(conn: &mut AnyConnection) -> QueryResult<Position> {
    let (seq, hash) = ledger_clock::table
        .find(1_i16)
        .select((ledger_clock::seq, ledger_clock::audit_hash))
        .first(conn)?;
    Ok(Position { seq, hash })
}

/// Returns the position at an earlier sequence number.
///
/// # Errors
/// Returns an error if the database fails.
pub fn position_at(conn: &mut AnyConnection, seq: i64) -> QueryResult<Position> {
    let hash = audit::end_at(conn, ReadUpTo::all_of(seq))?;
    Ok(Position { seq, hash })
}

/// Returns the transaction time of the reader's snapshot. A later query with this `known_at` always gives the same
/// answer.
///
/// # Errors
/// Returns an error if the database fails.
pub fn known(conn: &mut AnyConnection) -> QueryResult<Recorded> {
    let (seq, at): (i64, i64) = ledger_clock::table
        .find(1_i16)
        .select((ledger_clock::seq, ledger_clock::at_us))
        .first(conn)?;
    Ok(Recorded {
        seq,
        at: UtcTime::from_micros(at),
    })
}

/// Rewrites the ledger clock unchanged, to test whether the database accepts writes.
///
/// # Errors
/// Returns an error if the database fails.
pub fn rewrite(conn: &mut AnyConnection) -> QueryResult<()> {
    diesel::update(ledger_clock::table.find(1_i16))
        .set(ledger_clock::seq.eq(ledger_clock::seq))
        .execute(conn)
        .map(drop)
}

/// A requested transaction time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Knowing {
    /// The ledger position and the instant.
    pub known: Recorded,
    /// Whether it is the latest state of the reader's snapshot.
    pub is_present: bool,
}

/// Resolves `at` to the last ledger position up to it. An `at` later than the ledger clock is clamped to the clock.
///
/// # Errors
/// Returns an error if the database fails.
pub fn known_at(conn: &mut AnyConnection, at: Option<UtcTime>) -> QueryResult<Knowing> {
    let clock = known(conn)?;
    let Some(at) = at.filter(|at| *at < clock.at) else {
        return Ok(Knowing {
            known: clock,
            is_present: true,
        });
    };
    // Every tick that changed anything has an audit entry. Time and position increase together, so the latest by time
    // is also the latest by position.
    let seq: Option<i64> = audit_entries::table
        .filter(audit_entries::at.le(at))
        .order((audit_entries::at.desc(), audit_entries::seq.desc()))
        .select(audit_entries::seq)
        .first(conn)
        .optional()?;
    Ok(Knowing {
        known: Recorded {
            seq: seq.unwrap_or(0),
            at,
        },
        is_present: false,
    })
}

/// A write of facts in progress: its actor and its transaction time.
pub struct Recording<'a, 'tx> {
    tx: &'a mut Tx<'tx>,
    actor: &'a Actor,
    recorded: Recorded,
    audit_hash: String,
    entries: i16,
}

impl<'a, 'tx> Recording<'a, 'tx> {
    /// Takes the next tick. Until the commit no other process can write facts.
    ///
    /// # Errors
    /// Returns an error if the database fails.
    pub fn begin(tx: &'a mut Tx<'tx>, actor: &'a Actor) -> QueryResult<Self> {
        let (recorded, audit_hash) = next_tick(tx)?;
        Ok(Self {
            tx,
            actor,
            recorded,
            audit_hash,
            entries: 0,
        })
    }

    /// Takes another tick in the same transaction, for a write that replaces what was just written.
    ///
    /// # Errors
    /// Returns an error if the database fails.
    pub fn tick(&mut self) -> QueryResult<()> {
        (self.recorded, self.audit_hash) = next_tick(self.tx)?;
        self.entries = 0;
        Ok(())
    }

    /// Returns the connection, inside the transaction.
    pub fn conn(&mut self) -> &mut AnyConnection {
        self.tx.conn
    }

    /// Returns the transaction time of this write.
    pub fn recorded(&self) -> Recorded {
        self.recorded
    }

    /// Returns the position before this tick. Call it before anything is audited.
    pub fn before(&self) -> Position {
        Position {
            seq: self.recorded.seq - 1,
            hash: self.audit_hash.clone(),
        }
    }

    /// Returns the current time by this process's clock: for business dates and operational rows.
    pub fn now(&self) -> UtcTime {
        self.tx.now
    }

    /// Returns the actor.
    pub fn actor(&self) -> &Actor {
        self.actor
    }

    /// Appends an entry to the audit trail. Every write must do so.
    ///
    /// # Errors
    /// Returns an error if the database fails.
    pub fn audit(&mut self, entry: &audit::Entry<'_>) -> QueryResult<()> {
        self.audit_all(std::slice::from_ref(entry))
    }

    /// Like [`audit`](Self::audit) for many entries, with few statements.
    ///
    /// # Errors
    /// Returns an error if the database fails, or if the tick would hold more than 32,767 entries.
    pub fn audit_all(&mut self, entries: &[audit::Entry<'_>]) -> QueryResult<()> {
        let entries_then = i16::try_from(entries.len())
            .ok()
            .and_then(|more| self.entries.checked_add(more))
            .ok_or_else(|| {
                diesel::result::Error::QueryBuilderError("too many audit entries for one tick".into())
            })?;
        let first = audit::Place {
            recorded: self.recorded,
            ordinal: self.entries,
            prev_hash: &self.audit_hash,
        };
        let hash = audit::append(self.tx.conn, &first, self.actor, entries)?;
        self.audit_hash = hash;
        self.entries = entries_then;
        Ok(())
    }
}

/// Takes the next ledger position, and returns it with the end of the audit chain.
fn next_tick(tx: &mut Tx<'_>) -> QueryResult<(Recorded, String)> {
    let now = tx.now.micros();
    let next = case_when(ledger_clock::at_us.lt(now), now.into_sql::<BigInt>())
        .otherwise(ledger_clock::at_us + 1_i64);
    let (seq, at, audit_hash): (i64, i64, String) = diesel::update(ledger_clock::table.find(1_i16))
        .set((
            ledger_clock::seq.eq(ledger_clock::seq + 1_i64),
            ledger_clock::at_us.eq(next),
        ))
        .returning((ledger_clock::seq, ledger_clock::at_us, ledger_clock::audit_hash))
        .get_result(tx.conn)?;
    let at = UtcTime::from_micros(at);
    Ok((Recorded { seq, at }, audit_hash))
}
