//! The change feed: which ledger entries clients receive, and how far a client has read.

use std::fmt;
use std::str::FromStr;

use super::Noun;
use super::access::Scope;

/// Who reads the changes of a noun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Those with the scope, of the rows in their own areas.
    Subtree(Scope),
    /// Everybody with the scope.
    Everybody(Scope),
    /// Nobody: its changes are in the audit trail only.
    Nobody,
}

impl Audience {
    /// Who reads the changes of `noun`: whoever reads the noun itself.
    pub const fn of(noun: Noun) -> Self {
        match noun {
            Noun::Area => Self::Subtree(Scope::AreaRead),
            Noun::Program => Self::Everybody(Scope::AreaRead),
            Noun::Counts => Self::Subtree(Scope::CountsRead),
            Noun::Rule => Self::Everybody(Scope::RuleRead),
            Noun::Organization | Noun::Milestone => Self::Subtree(Scope::OrgRead),
            Noun::Task | Noun::Assignment => Self::Subtree(Scope::TaskRead),
            Noun::Bulletin | Noun::Notice | Noun::Schedule => Self::Subtree(Scope::BulletinRead),
            // A merge or split of organizations also has an entry for each organization. The others are not read by a feed.
            Noun::OrganizationChange
            | Noun::Activity
            | Noun::Endpoint
            | Noun::Delivery
            | Noun::Token
            | Noun::Service => Self::Nobody,
        }
    }

    /// The scope that is needed; none where nobody is told.
    pub const fn scope(self) -> Option<Scope> {
        match self {
            Self::Subtree(scope) | Self::Everybody(scope) => Some(scope),
            Self::Nobody => None,
        }
    }
}

/// The nouns whose changes somebody is told.
pub fn told_nouns() -> impl Iterator<Item = Noun> {
    let is_told = |noun: &Noun| Audience::of(*noun).scope().is_some();
    Noun::ALL.iter().copied().filter(is_told)
}

/// How far somebody has read the ledger: all of a tick, or its entries up to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadUpTo {
    /// The ledger position (tick).
    pub seq: i64,
    /// The ordinal of the last entry read at this position; `i16::MAX` if all were read.
    pub ordinal: i16,
}

impl ReadUpTo {
    /// Returns the position after all entries of this tick.
    pub const fn all_of(seq: i64) -> Self {
        Self {
            seq,
            ordinal: i16::MAX,
        }
    }
}

/// A cursor of the change feed: the position up to which a client has read, and the hash of the last entry up to there.
/// Written as `17-9f3a…` or `17.3-9f3a…`; the start of the feed is `0`.
///
/// After a failover that lost commits, or after a backup was restored, the ledger reuses its numbers. The hash detects
/// this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedCursor {
    /// The position up to which the client has read.
    pub read: ReadUpTo,
    /// The first [`FeedCursor::HASH_LENGTH`] characters of the entry's hash; empty if there is no entry up to this
    /// position.
    hash: String,
}

impl FeedCursor {
    /// The number of hash characters that are kept: 64 bits, enough to distinguish two histories.
    const HASH_LENGTH: usize = 16;

    /// Creates a cursor at `read`, where `hash` is the hash of the last entry up to there.
    pub fn new(read: ReadUpTo, hash: &str) -> Self {
        let hash = hash.get(..Self::HASH_LENGTH).unwrap_or(hash).to_owned();
        Self { read, hash }
    }

    /// Returns the cursor at the start of the feed.
    pub fn beginning() -> Self {
        Self::new(ReadUpTo::all_of(0), "")
    }

    /// Returns whether `hash` is the hash of the last entry up to this cursor.
    pub fn matches(&self, hash: &str) -> bool {
        *self == Self::new(self.read, hash)
    }
}

impl fmt::Display for FeedCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ReadUpTo { seq, ordinal } = self.read;
        write!(f, "{seq}")?;
        if ordinal != i16::MAX {
            write!(f, ".{ordinal}")?;
        }
        if !self.hash.is_empty() {
            write!(f, "-{}", self.hash)?;
        }
        Ok(())
    }
}

/// The error returned when a text is not a cursor of the change feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoCursor;

impl FromStr for FeedCursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let (place, hash) = text.split_once('-').unwrap_or((text, ""));
        let (seq, ordinal) = match place.split_once('.') {
            None => (place, i16::MAX),
            Some((seq, ordinal)) => (seq, number(ordinal)?),
        };
        let read = ReadUpTo {
            seq: number(seq)?,
            ordinal,
        };
        let is_hash = hash.len() == Self::HASH_LENGTH
            && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        // Only the start of the feed has no hash.
        if is_hash || text == "0" {
            Ok(Self::new(read, hash))
        } else {
            Err(NoCursor)
        }
    }
}

/// Parses an unsigned number. `parse` alone would also accept a sign.
fn number<T: FromStr>(text: &str) -> Result<T, NoCursor> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().map_err(|_| NoCursor)
    } else {
        Err(NoCursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_is_written() {
        for (text, seq, ordinal) in [
            ("0", 0, i16::MAX),
            ("17-0123456789abcdef", 17, i16::MAX),
            ("17.0-0123456789abcdef", 17, 0),
            ("17.3-0123456789abcdef", 17, 3),
        ] {
            let cursor: FeedCursor = text.parse().unwrap();
            assert_eq!(cursor.read, ReadUpTo { seq, ordinal });
            assert_eq!(cursor.to_string(), text);
        }
        for text in [
            "",
            ".",
            "17",
            "17.3",
            "17-",
            "17-0123",
            "17-0123456789ABCDEF",
            "17-0123456789abcdef0",
            "1.-0123456789abcdef",
            ".1-0123456789abcdef",
            "-1",
            "+1-0123456789abcdef",
            "1.2.3-0123456789abcdef",
            "x",
            " 0",
            "9223372036854775808-0123456789abcdef",
            "1.32768-0123456789abcdef",
        ] {
            assert_eq!(text.parse::<FeedCursor>(), Err(NoCursor), "{text}");
        }
    }

    #[test]
    fn a_cursor_of_another_history_does_not_match() {
        let (one, other) = ("0123456789abcdef01", "0123456789abcdee01");
        let cursor = FeedCursor::new(ReadUpTo::all_of(17), one);
        assert!(cursor.matches(one) && !cursor.matches(other) && !cursor.matches(""));
        assert!(FeedCursor::beginning().matches(""));
    }

    #[test]
    fn a_tick_that_was_read_in_part_comes_before_all_of_it() {
        let place = |seq, ordinal| ReadUpTo { seq, ordinal };
        let all = ReadUpTo::all_of;
        assert!(all(16) < place(17, 0) && place(17, 0) < place(17, 3) && place(17, 3) < all(17));
    }
}
