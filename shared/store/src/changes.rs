//! The change feed: changes in a caller's subtree, in order of transaction time.
//!
//! The audit trail contains every write of facts, in commit order: the row of the ledger clock is locked from the tick
//! to the commit, so a reader that sees a tick sees all before it, and a snapshot shows the ledger up to its clock
//! without gaps (docs/decisions/0008). The versions of organizations and areas determine who sees an entry: readers
//! whose subtree contained the row before the change or contains it after it, in the tree of that time. A repeated read
//! therefore returns the same changes.

mod addressed;

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use qiaojian_domain::Noun;
use qiaojian_domain::change::{Audience, FeedCursor, ReadUpTo};
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::AreaId;

use addressed::{addressed_bulletins, given_tasks};

use super::StoreResult;
use super::{audit, ledger};
use crate::areas::Subtree;
use crate::db::AnyConnection;
use crate::db::dialect::on_either;
use crate::db::schema::audit_entries;
use crate::tree_at::{Organizations, Tree};

/// Entries read in one statement.
const CHUNK: usize = 200;
/// Maximum number of chunks read for one response: a reader that is far behind has to request the rest, rather than
/// delay others.
const CHUNKS: usize = 5;

/// The reader of the feed.
#[derive(Debug, Clone)]
pub struct Reader {
    /// The reader's area.
    pub area: AreaId,
    /// What the reader sees, in the current tree.
    pub visible: Subtree,
    /// The nouns that the reader may read.
    pub nouns: HashSet<Noun>,
}

/// A change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub seq: i64,
    pub at: UtcTime,
    pub noun: Noun,
    pub id: String,
    pub verb: String,
    /// The current code of the area that owns the row, if the reader still sees that area, and otherwise the code it
    /// had then. `None` if the area is outside the reader's subtree.
    pub area: Option<String>,
    /// Whether this change removed it from the reader's view: it was voided, was closed as an area, or moved elsewhere.
    pub gone: bool,
}

/// A page of changes, complete up to `read`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    pub items: Vec<Change>,
    pub read: FeedCursor,
    /// Whether there may be more.
    pub more: bool,
}

/// Returns the changes after `since` that `reader` may see, at most `limit`, oldest first. Run it in one snapshot
/// (`db::snapshot`). `None` if the ledger does not contain `since`: it has not got that far, or it was rolled back and
/// continued differently.
///
/// # Errors
/// Returns an error if the database fails.
pub fn since(
    conn: &mut AnyConnection,
    reader: &Reader,
    since: &FeedCursor,
    limit: usize,
) -> StoreResult<Option<Changes>> {
    let end = ledger::known(conn)?.seq;
    if since.read.seq > end || !since.matches(&audit::end_at(conn, since.read)?) {
        return Ok(None);
    }
    let mut items = Vec::new();
    let mut read = since.read;
    let mut more = true;
    let mut tree = Tree::default();
    'chunks: for _ in 0..CHUNKS {
        let entries = entries_after(conn, read)?;
        let is_last = entries.len() < CHUNK;
        let scene = Scene::of(conn, reader, &mut tree, &entries)?;
        for entry in &entries {
            let change = scene.change(entry);
            if change.is_some() && items.len() == limit {
                break 'chunks;
            }
            items.extend(change);
            read = entry.place();
        }
        if is_last {
            read = ReadUpTo::all_of(end);
            more = false;
            break;
        }
    }
    let read = FeedCursor::new(read, &audit::end_at(conn, read)?);
    Ok(Some(Changes { items, read, more }))
}

/// Returns the current end of the ledger; later changes come after this cursor.
///
/// # Errors
/// Returns an error if the database fails.
pub fn present(conn: &mut AnyConnection) -> QueryResult<FeedCursor> {
    let here = ledger::position(conn)?;
    Ok(FeedCursor::new(ReadUpTo::all_of(here.seq), &here.hash))
}

/// The columns of an audit entry that the feed uses.
#[derive(Debug, Clone, Queryable)]
struct Entry {
    seq: i64,
    ordinal: i16,
    at: UtcTime,
    area: Option<AreaId>,
    verb: String,
    resource: String,
    id: String,
}

impl Entry {
    fn place(&self) -> ReadUpTo {
        ReadUpTo {
            seq: self.seq,
            ordinal: self.ordinal,
        }
    }

    fn noun(&self) -> Option<Noun> {
        self.resource.parse().ok()
    }
}

fn entries_after(conn: &mut AnyConnection, place: ReadUpTo) -> QueryResult<Vec<Entry>> {
    use audit_entries as e;
    // `>=` narrows the index range; the second condition resolves ties within one tick.
    on_either!(conn, |conn| e::table
        .filter(e::seq.ge(place.seq))
        .filter(e::seq.gt(place.seq).or(e::ordinal.gt(place.ordinal)))
        .order((e::seq, e::ordinal))
        .limit(i64::try_from(CHUNK).unwrap_or(i64::MAX))
        .select((
            e::seq,
            e::ordinal,
            e::at,
            e::area_id,
            e::verb,
            e::resource,
            e::resource_id
        ))
        .load(conn))
}

/// The data required to filter entries for a reader.
struct Scene<'a> {
    reader: &'a Reader,
    tree: &'a Tree,
    organizations: Organizations,
    /// Tasks assigned to areas that the reader sees.
    given: HashSet<String>,
    /// Publication times of bulletins addressed to areas that the reader sees.
    addressed: HashMap<String, UtcTime>,
}

impl<'a> Scene<'a> {
    fn of(
        conn: &mut AnyConnection,
        reader: &'a Reader,
        tree: &'a mut Tree,
        entries: &[Entry],
    ) -> StoreResult<Self> {
        let ids = |noun: Noun| -> Vec<&str> {
            let of_noun = entries.iter().filter(|entry| entry.noun() == Some(noun));
            let ids: HashSet<&str> = of_noun.map(|entry| entry.id.as_str()).collect();
            if reader.nouns.contains(&noun) {
                ids.into_iter().collect()
            } else {
                Vec::new()
            }
        };
        let organizations = Organizations::load(conn, &ids(Noun::Organization))?;
        let owners = entries.iter().filter_map(|entry| entry.area);
        let areas = owners.chain(organizations.areas()).chain([reader.area]);
        tree.load(conn, areas)?;
        Ok(Self {
            given: given_tasks(conn, &reader.visible, &ids(Noun::Task))?,
            addressed: addressed_bulletins(conn, &reader.visible, &ids(Noun::Bulletin))?,
            reader,
            tree,
            organizations,
        })
    }

    /// Returns the change that the reader sees of an entry, if any.
    fn change(&self, entry: &Entry) -> Option<Change> {
        let noun = entry.noun().filter(|noun| self.reader.nouns.contains(noun))?;
        let (before, after) = self.owners(noun, entry);
        let before = before.filter(|area| self.saw(*area, entry.seq - 1));
        let after = after.filter(|area| self.saw(*area, entry.seq));
        let is_told = before.is_some()
            || after.is_some()
            || matches!(Audience::of(noun), Audience::Everybody(_))
            || self.reaches(noun, entry);
        is_told.then(|| Change {
            seq: entry.seq,
            at: entry.at,
            noun,
            id: entry.id.clone(),
            verb: entry.verb.clone(),
            area: match (after, before) {
                (Some(area), _) => self.code(area, entry.seq),
                (None, Some(area)) => self.code(area, entry.seq - 1),
                (None, None) => None,
            },
            gone: before.is_some() && after.is_none(),
        })
    }

    /// Returns the areas that owned the row before and after the entry.
    fn owners(&self, noun: Noun, entry: &Entry) -> (Option<AreaId>, Option<AreaId>) {
        match noun {
            Noun::Organization => (
                self.organizations.area_at(&entry.id, entry.seq - 1),
                self.organizations.area_at(&entry.id, entry.seq),
            ),
            // The row always stays with its area; only areas themselves can disappear.
            Noun::Area => (entry.area, entry.area),
            _ => (None, entry.area),
        }
    }

    /// Returns whether an area belonged to the reader's subtree at that ledger position.
    fn saw(&self, area: AreaId, seq: i64) -> bool {
        let path = self.tree.at(area, seq).map(|at| &at.path);
        let own = self.tree.at(self.reader.area, seq).map(|at| &at.path);
        own.zip(path).is_some_and(|(own, path)| path.starts_with(own))
    }

    /// Returns whether a row of an outside area is addressed to the reader's subtree.
    fn reaches(&self, noun: Noun, entry: &Entry) -> bool {
        match noun {
            Noun::Task => self.given.contains(&entry.id),
            Noun::Bulletin => self
                .addressed
                .get(&entry.id)
                .is_some_and(|out_at| entry.verb == "publish" || entry.at > *out_at),
            _ => false,
        }
    }

    /// Returns the code for finding an area: the current one, or, if the area has left the reader's subtree, the one it
    /// had then.
    fn code(&self, area: AreaId, seq: i64) -> Option<String> {
        let now = self.tree.at(area, i64::MAX);
        let visible = now.filter(|now| self.reader.visible.contains(&now.path));
        visible
            .or_else(|| self.tree.at(area, seq))
            .map(|at| at.code.clone())
    }
}
