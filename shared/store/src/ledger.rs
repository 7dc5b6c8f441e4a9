//! The ledger clock: the one order in which the system learns things.
//!
//! A transaction that writes facts takes the next `(seq, at)` inside that transaction. The row is locked until the commit, so
//! commit order is the order of knowing; `at` never goes back, on any replica, whatever the clocks do. A reader's own snapshot
//! therefore holds exactly what was known at the clock it shows, for ever.

use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use qiaojian_domain::change::ReadUpTo;
use qiaojian_domain::clock::UtcTime;
use serde::Serialize;

use super::audit::{self, Actor};
use crate::db::schema::{audit_entries, ledger_clock};
use crate::db::{AnyConnection, Tx};

/// When the system learnt something: the place in the order, and the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Recorded {
    /// Its place in the order; the cursor of the change feed.
    pub seq: i64,
    /// UTC. Strictly later than every earlier one.
    pub at: UtcTime,
}

/// A position in the ledger, to be remembered and compared later.
///
/// After a failover that lost commits, or after a backup was restored, the ledger uses sequence numbers again. The hash says
/// whether a number still means what it meant: it is the end of the audit chain at that number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The tick.
    pub seq: i64,
    /// The hash of the last audit entry up to it; empty where there is none.
    pub hash: String,
}

impl Position {
    /// Whether the ledger still contains this position. One lookup in the primary key.
    ///
    /// # Errors
    /// The database's.
    pub fn is_current(&self, conn: &mut AnyConnection) -> QueryResult<bool> {
        Ok(known(conn)?.seq >= self.seq && audit::end_at(conn, ReadUpTo::all_of(self.seq))? == self.hash)
    }
}

/// The position of the reader's snapshot.
///
/// # Errors
/// The database's.
pub fn position(conn: &mut AnyConnection) -> QueryResult<Position> {
    let (seq, hash) = ledger_clock::table
        .find(1_i16)
        .select((ledger_clock::seq, ledger_clock::audit_hash))
        .first(conn)?;
    Ok(Position { seq, hash })
}

/// The position at an earlier tick.
///
/// # Errors
/// The database's.
pub fn position_at(conn: &mut AnyConnection, seq: i64) -> QueryResult<Position> {
    let hash = audit::end_at(conn, ReadUpTo::all_of(seq))?;
    Ok(Position { seq, hash })
}

/// What the reader's snapshot knows: a `known_at` of this moment gives the same answer for ever.
///
/// # Errors
/// The database's.
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

/// Writes the clock as it is, to see whether anything can be written.
///
/// # Errors
/// The database's.
pub fn rewrite(conn: &mut AnyConnection) -> QueryResult<()> {
    diesel::update(ledger_clock::table.find(1_i16))
        .set(ledger_clock::seq.eq(ledger_clock::seq))
        .execute(conn)
        .map(drop)
}

/// A moment of knowing that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Knowing {
    /// The place in the ledger, and the moment.
    pub known: Recorded,
    /// Whether it is the present of the reader's snapshot.
    pub is_present: bool,
}

/// What was known at `at`: the last tick up to it. A later moment than the clock's is clamped to the clock.
///
/// # Errors
/// The database's.
pub fn known_at(conn: &mut AnyConnection, at: Option<UtcTime>) -> QueryResult<Knowing> {
    let clock = known(conn)?;
    let Some(at) = at.filter(|at| *at < clock.at) else {
        return Ok(Knowing {
            known: clock,
            is_present: true,
        });
    };
    // Every tick that changed anything has an audit entry; both grow together, so the newest by time is the newest by place.
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

/// A write of facts under way: who does it, and when it will have been learnt.
pub struct Recording<'a, 'tx> {
    tx: &'a mut Tx<'tx>,
    actor: &'a Actor,
    recorded: Recorded,
    audit_hash: String,
    entries: i16,
}

impl<'a, 'tx> Recording<'a, 'tx> {
    /// Takes the next tick. From here to the commit no other process writes facts.
    ///
    /// # Errors
    /// The database's.
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

    /// Takes another tick in the same transaction, for what rewrites what was just written.
    ///
    /// # Errors
    /// The database's.
    pub fn tick(&mut self) -> QueryResult<()> {
        (self.recorded, self.audit_hash) = next_tick(self.tx)?;
        self.entries = 0;
        Ok(())
    }

    /// The connection, inside the transaction.
    pub fn conn(&mut self) -> &mut AnyConnection {
        self.tx.conn
    }

    /// When this will have been learnt.
    pub fn recorded(&self) -> Recorded {
        self.recorded
    }

    /// The position before this tick. Ask before anything is audited.
    pub fn before(&self) -> Position {
        Position {
            seq: self.recorded.seq - 1,
            hash: self.audit_hash.clone(),
        }
    }

    /// The present by this process's clock: for business dates and operational rows.
    pub fn now(&self) -> UtcTime {
        self.tx.now
    }

    /// Who does it.
    pub fn actor(&self) -> &Actor {
        self.actor
    }

    /// Appends to the audit trail. Every write does.
    ///
    /// # Errors
    /// The database's.
    pub fn audit(&mut self, entry: &audit::Entry<'_>) -> QueryResult<()> {
        self.audit_all(std::slice::from_ref(entry))
    }

    /// The same for many, with few statements.
    ///
    /// # Errors
    /// The database's, or that a tick has no room for so many: it holds 32,767.
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

/// The next place in the ledger, and the end of the audit chain.
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
