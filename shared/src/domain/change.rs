//! The change feed: what of the ledger a phone is told, and how far it has read.

use std::fmt;
use std::str::FromStr;

use super::access::Scope;

text_enum! {
    /// What may have changed. Each word is a noun of the audit trail; a noun that is not in this list is told to nobody.
    pub enum Noun {
        /// An area.
        Area => "area",
        /// What was counted in an area.
        Counts => "counts",
        /// A programme, or the cohort of an area in it.
        Program => "program",
        /// A rule.
        Rule => "rule",
        /// An organization.
        Organization => "organization",
        /// What an area reached.
        Milestone => "milestone",
        /// A task, with the assignments it is given as.
        Task => "task",
        /// A task as given to one area and post.
        Assignment => "assignment",
        /// A bulletin, with its notices.
        Bulletin => "bulletin",
        /// A bulletin as addressed to one area and post.
        Notice => "notice",
        /// When bulletins are composed.
        Schedule => "schedule",
    }
}

impl Noun {
    /// Who reads these reads their changes.
    pub const fn scope(self) -> Scope {
        match self {
            Self::Area | Self::Program => Scope::AreaRead,
            Self::Counts => Scope::CountsRead,
            Self::Rule => Scope::RuleRead,
            Self::Organization | Self::Milestone => Scope::OrgRead,
            Self::Task | Self::Assignment => Scope::TaskRead,
            Self::Bulletin | Self::Notice | Self::Schedule => Scope::BulletinRead,
        }
    }

    /// Whether everybody with the scope reads them, whichever area they belong to.
    pub const fn is_reference(self) -> bool {
        matches!(self, Self::Program | Self::Rule)
    }
}

/// How far somebody has read the ledger: all of a tick, or its entries up to one. Written as `17` or `17.3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadUpTo {
    /// The tick.
    pub seq: i64,
    /// The last entry of it that was read; the largest number there is when all were.
    pub ordinal: i16,
}

impl ReadUpTo {
    /// Everything up to this tick.
    pub const fn all_of(seq: i64) -> Self {
        Self {
            seq,
            ordinal: i16::MAX,
        }
    }
}

impl fmt::Display for ReadUpTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ordinal {
            i16::MAX => write!(f, "{}", self.seq),
            ordinal => write!(f, "{}.{ordinal}", self.seq),
        }
    }
}

/// It is not the place of a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoPlace;

impl FromStr for ReadUpTo {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        // `parse` takes a sign, which no place has.
        if !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return Err(NoPlace);
        }
        match text.split_once('.') {
            None => Ok(Self::all_of(text.parse().map_err(|_| NoPlace)?)),
            Some((seq, ordinal)) => Ok(Self {
                seq: seq.parse().map_err(|_| NoPlace)?,
                ordinal: ordinal.parse().map_err(|_| NoPlace)?,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        for (text, seq, ordinal) in [
            ("0", 0, i16::MAX),
            ("17", 17, i16::MAX),
            ("17.0", 17, 0),
            ("17.3", 17, 3),
        ] {
            let place: ReadUpTo = text.parse().unwrap();
            assert_eq!(place, ReadUpTo { seq, ordinal });
            assert_eq!(place.to_string(), text);
        }
        for text in [
            "",
            ".",
            "1.",
            ".1",
            "-1",
            "+1",
            "1.-1",
            "1.2.3",
            "x",
            " 1",
            "9223372036854775808",
            "1.32768",
        ] {
            assert_eq!(text.parse::<ReadUpTo>(), Err(NoPlace), "{text}");
        }
    }

    #[test]
    fn a_tick_that_was_read_in_part_comes_before_all_of_it() {
        let place = |text: &str| text.parse::<ReadUpTo>().unwrap();
        assert!(place("16") < place("17.0") && place("17.0") < place("17.3") && place("17.3") < place("17"));
    }
}
