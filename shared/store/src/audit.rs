//! Who did what, when. Entries are chained by hash in commit order, so that a changed or missing one shows.

use diesel::prelude::*;
use qiaojian_domain::Noun;
use qiaojian_domain::change::ReadUpTo;
use qiaojian_domain::digest::sha256_hex;
use qiaojian_domain::ids::{AreaId, TokenId};

use super::ledger::Recorded;
use crate::db::AnyConnection;
use crate::db::dialect::on_either;
use crate::db::schema::{audit_entries, ledger_clock};

/// Rows in one statement; a database takes so many parameters and no more.
const TOGETHER: usize = 500;

/// Who acts.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The caller's token; none when the system acts by itself.
    pub token: Option<TokenId>,
    /// The request (or the worker's pass) it belongs to.
    pub request_id: String,
}

impl Actor {
    /// The system itself, in the course of `what`.
    pub fn system(what: &str) -> Self {
        Self {
            token: None,
            request_id: what.to_owned(),
        }
    }
}

/// What was done.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// `create`, `update`, `delete` or a transition's verb.
    pub verb: &'a str,
    /// What it was done to.
    pub resource: Noun,
    /// Its id (or code).
    pub id: &'a str,
    /// Whose row it is.
    pub area: Option<AreaId>,
    /// Digest of the row before; none when it is new.
    pub before: Option<&'a str>,
    /// Digest of the row after; none when it is gone.
    pub after: Option<&'a str>,
}

/// One stored entry.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_entries, treat_none_as_default_value = false)]
pub struct AuditEntry {
    pub seq: i64,
    pub ordinal: i16,
    pub at: qiaojian_domain::clock::UtcTime,
    pub token_id: Option<TokenId>,
    pub area_id: Option<AreaId>,
    pub verb: String,
    pub resource: String,
    pub resource_id: String,
    pub before_digest: Option<String>,
    pub after_digest: Option<String>,
    pub request_id: String,
    pub prev_hash: String,
    pub hash: String,
}

impl AuditEntry {
    /// The hash this entry must have, over everything in it and the hash before it.
    fn expected_hash(&self) -> String {
        let optional = |text: &Option<String>| text.clone().unwrap_or_default();
        let id = |id: Option<uuid::Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
        let fields = [
            self.prev_hash.clone(),
            self.seq.to_string(),
            self.ordinal.to_string(),
            self.at.to_string(),
            id(self.token_id.map(|id| id.0)),
            id(self.area_id.map(|id| id.0)),
            self.verb.clone(),
            self.resource.clone(),
            self.resource_id.clone(),
            optional(&self.before_digest),
            optional(&self.after_digest),
            self.request_id.clone(),
        ];
        // The unit separator stands in no field: request ids are checked, the rest is ours.
        sha256_hex(fields.join("\u{1f}"))
    }
}

/// Where an entry stands in the chain.
pub(super) struct Place<'a> {
    pub recorded: Recorded,
    pub ordinal: i16,
    pub prev_hash: &'a str,
}

fn chained(place: &Place<'_>, actor: &Actor, entry: &Entry<'_>) -> AuditEntry {
    let Place {
        recorded,
        ordinal,
        prev_hash,
    } = *place;
    let mut row = AuditEntry {
        seq: recorded.seq,
        ordinal,
        at: recorded.at,
        token_id: actor.token,
        area_id: entry.area,
        verb: entry.verb.to_owned(),
        resource: entry.resource.as_str().to_owned(),
        resource_id: entry.id.to_owned(),
        before_digest: entry.before.map(str::to_owned),
        after_digest: entry.after.map(str::to_owned),
        request_id: actor.request_id.clone(),
        prev_hash: prev_hash.to_owned(),
        hash: String::new(),
    };
    row.hash = row.expected_hash();
    row
}

/// Whether the trail tells of a row, whatever has become of it.
pub(super) fn tells_of(conn: &mut AnyConnection, noun: Noun, id: &str) -> QueryResult<bool> {
    let of_row = audit_entries::table
        .filter(audit_entries::resource.eq(noun.as_str()))
        .filter(audit_entries::resource_id.eq(id));
    diesel::select(diesel::dsl::exists(of_row)).get_result(conn)
}

/// Appends entries, and gives the hash of the last.
pub(super) fn append(
    conn: &mut AnyConnection,
    first: &Place<'_>,
    actor: &Actor,
    entries: &[Entry<'_>],
) -> QueryResult<String> {
    let mut rows: Vec<AuditEntry> = Vec::with_capacity(entries.len());
    for (ordinal, entry) in (first.ordinal..).zip(entries) {
        let place = Place {
            recorded: first.recorded,
            ordinal,
            prev_hash: rows.last().map_or(first.prev_hash, |row| &row.hash),
        };
        let row = chained(&place, actor, entry);
        rows.push(row);
    }
    match rows.as_slice() {
        [one] => {
            diesel::insert_into(audit_entries::table)
                .values(one)
                .execute(conn)?;
        }
        many => {
            for rows in many.chunks(TOGETHER) {
                on_either!(conn, |conn| diesel::insert_into(audit_entries::table)
                    .values(rows)
                    .execute(conn))?;
            }
        }
    }
    let hash = rows
        .pop()
        .map_or_else(|| first.prev_hash.to_owned(), |row| row.hash);
    diesel::update(ledger_clock::table.find(1_i16))
        .set(ledger_clock::audit_hash.eq(&hash))
        .execute(conn)?;
    Ok(hash)
}

/// The end of the chain there: the hash of the last entry up to a place; empty where there is none.
///
/// # Errors
/// Returns an error if the database fails.
pub(super) fn end_at(conn: &mut AnyConnection, place: ReadUpTo) -> QueryResult<String> {
    let hash: Option<String> = audit_entries::table
        .filter(audit_entries::seq.le(place.seq))
        .filter(
            audit_entries::seq
                .lt(place.seq)
                .or(audit_entries::ordinal.le(place.ordinal)),
        )
        .order((audit_entries::seq.desc(), audit_entries::ordinal.desc()))
        .select(audit_entries::hash)
        .first(conn)
        .optional()?;
    Ok(hash.unwrap_or_default())
}

/// How the chain of entries holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    /// How many entries were read: all, or those up to the break.
    pub entries: u64,
    /// The first place where it does not hold, if any.
    pub first_break: Option<(i64, i16)>,
}

/// Whether something of this noun and verb was recorded after a tick.
///
/// # Errors
/// The database's.
pub fn has_since(conn: &mut AnyConnection, seq: i64, (noun, verb): (Noun, &str)) -> QueryResult<bool> {
    use audit_entries as e;
    let found = e::table
        .filter(e::seq.gt(seq))
        .filter(e::resource.eq(noun.as_str()).and(e::verb.eq(verb)));
    diesel::select(diesel::dsl::exists(found)).get_result(conn)
}

/// Reads the whole chain, in parts. Run it in one snapshot (`db::snapshot`), so that nothing is appended meanwhile.
///
/// # Errors
/// Returns an error if the database fails.
pub fn chain(conn: &mut AnyConnection) -> QueryResult<Chain> {
    let mut expected_prev = String::new();
    let mut after = (-1_i64, 0_i16);
    let mut entries = 0;
    loop {
        // `>=` narrows the index range; the rest settles ties within one tick.
        let part: Vec<AuditEntry> = audit_entries::table
            .filter(audit_entries::seq.ge(after.0))
            .filter(
                audit_entries::seq
                    .gt(after.0)
                    .or(audit_entries::ordinal.gt(after.1)),
            )
            .order((audit_entries::seq, audit_entries::ordinal))
            .limit(1000)
            .select(AuditEntry::as_select())
            .load(conn)?;
        let Some(last) = part.last() else { break };
        after = (last.seq, last.ordinal);
        for entry in &part {
            entries += 1;
            if entry.prev_hash != expected_prev || entry.hash != entry.expected_hash() {
                let first_break = Some((entry.seq, entry.ordinal));
                return Ok(Chain { entries, first_break });
            }
            expected_prev.clone_from(&entry.hash);
        }
    }
    let end: String = ledger_clock::table
        .find(1_i16)
        .select(ledger_clock::audit_hash)
        .first(conn)?;
    Ok(Chain {
        entries,
        first_break: (end != expected_prev).then_some(after),
    })
}
