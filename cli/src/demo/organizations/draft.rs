//! Draft organizations of the demo.

use chrono::{Datelike as _, NaiveDate};
use qiaojian_domain::access::Post;
use qiaojian_domain::area::Level;
use qiaojian_domain::dates::Precision;
use qiaojian_domain::organization::{
    Basis, ChecklistItem, Facts, FiveHave, Host, Kind, Life, PreciseDate, StandingRules, Status,
};

use super::super::areas::AreaRow;
use super::super::days::{LAST_DAY, is_workday, workdays_after, workdays_before};
use super::super::plan::OrganizationSpec;
use super::super::random::Random;
use super::ILLUSTRATIVE;

/// An organization whose document number and parent are not yet determined, because both depend on all others.
pub struct Draft<'a> {
    pub spec: OrganizationSpec,
    /// Its area.
    pub at: &'a AreaRow,
    /// The office that approved it, if the approval is recorded.
    pub approving_body: Option<String>,
}

/// Returns a date with the precision of a month.
pub fn month_of(date: NaiveDate) -> PreciseDate {
    PreciseDate {
        on: date.with_day(1).unwrap_or(date),
        precision: Precision::Month,
    }
}

impl<'a> Draft<'a> {
    /// Creates an established organization. Fields that depend on its level (posts, office) are filled in; the five
    /// haves are drawn at random.
    pub fn established(
        at: &'a AreaRow,
        kind: Kind,
        name: String,
        established: PreciseDate,
        random: &mut Random,
    ) -> Self {
        let (quota_posts, posts_filled) = posts(at.level, random);
        let facts = Facts {
            host: Host::Area,
            kind,
            name,
            life: Life {
                status: Status::Established,
                approved: None,
                established: Some(established),
                unveiled: None,
                closed: None,
                reopenings: Vec::new(),
            },
            approval_post: None,
            approval_doc_no: None,
            basis: Basis::New,
            replaces: None,
            has_office: matches!(at.level, Level::Province | Level::City | Level::County),
            affiliation: None,
            quota_posts,
            posts_filled,
            five_have: five_have(random),
            standing_rules: StandingRules::default(),
            term_ends_on: None,
            note: Some(ILLUSTRATIVE.to_owned()),
        };
        Self {
            spec: OrganizationSpec {
                area: at.code.clone(),
                parent: None,
                preparing_since: None,
                facts,
            },
            at,
            approving_body: None,
        }
    }

    /// Creates an organization in preparation since a day: it is not yet approved, and is not counted.
    pub fn preparing(at: &'a AreaRow, name: String, since: NaiveDate, random: &mut Random) -> Self {
        let mut draft = Self::established(at, Kind::Federation, name, PreciseDate::day(LAST_DAY), random);
        draft.spec.preparing_since = Some(since);
        let facts = &mut draft.spec.facts;
        facts.life.status = Status::Preparing;
        facts.life.established = None;
        facts.has_office = false;
        facts.posts_filled = Some(0);
        facts.five_have = FiveHave::default();
        draft
    }

    /// Sets the approval by `body`, some days before the founding.
    pub fn approved_by(mut self, post: Post, body: String, days_before: u32) -> Self {
        let facts = &mut self.spec.facts;
        facts.life.approved = facts
            .life
            .established
            .map(|established| PreciseDate::day(workdays_before(established.earliest(), days_before)));
        facts.approval_post = Some(post);
        self.approving_body = Some(body);
        self
    }

    /// Sets the unveiling to the day of the founding (一步到位、一同挂牌).
    pub fn unveiled_at_once(mut self) -> Self {
        self.spec.facts.life.unveiled = self.spec.facts.life.established;
        self
    }

    /// Sets the unveiling to some working days later, or to none if that is after the campaign's last day.
    pub fn unveiled_after(mut self, workdays: u32) -> Self {
        let life = &mut self.spec.facts.life;
        life.unveiled = life
            .established
            .map(|established| match established.precision {
                Precision::Day => PreciseDate::day(workdays_after(established.on, workdays)),
                // A date without a known day has no following day.
                Precision::TenDay | Precision::Month => established,
            })
            .filter(|unveiled| unveiled.counts_from() <= LAST_DAY);
        self
    }

    /// Sets the basis.
    pub fn on_basis(mut self, basis: Basis) -> Self {
        self.spec.facts.basis = basis;
        self
    }

    /// Sets the institution that was abolished in its favour (撤一建一).
    pub fn replacing(mut self, institution: &str) -> Self {
        self.spec.facts.replaces = Some(institution.to_owned());
        self.on_basis(Basis::ReplaceOne)
    }

    /// Sets the authority it is affiliated with.
    pub fn affiliated(mut self, authority: &str) -> Self {
        self.spec.facts.affiliation = Some(authority.to_owned());
        self
    }

    /// Adds text to the note that says it is illustrative.
    pub fn noted(mut self, text: &str) -> Self {
        self.spec.facts.note = Some(format!("{ILLUSTRATIVE}{text}"));
        self
    }

    /// Returns the day from which it counts; `None` while it is in preparation.
    pub fn counts_from(&self) -> Option<NaiveDate> {
        self.spec.counts_from()
    }
}

/// Returns the five haves of a new organization: always the organization itself, and most of the rest.
fn five_have(random: &mut Random) -> FiveHave {
    let mut item = |percent| {
        Some(ChecklistItem {
            have: random.chance(percent),
            on: None,
            doc_no: None,
        })
    };
    FiveHave {
        organization: item(100),
        team: item(90),
        funding: item(60),
        venue: item(75),
        activity: item(65),
    }
}

/// Returns the authorised and the filled posts at a level. Below county level, posts are held in addition to another
/// office, so there is no quota.
fn posts(level: Level, random: &mut Random) -> (Option<i32>, Option<i32>) {
    let (low, high) = match level {
        Level::Province => (20, 20),
        Level::City => (4, 8),
        Level::County => (1, 3),
        Level::Township | Level::Park => return (None, Some(signed(random.between(1, 3)))),
        Level::Village => return (None, Some(1)),
    };
    let quota = random.between(low, high);
    let vacant = random.between(0, 1).min(quota.saturating_sub(1));
    (Some(signed(quota)), Some(signed(quota - vacant)))
}

fn signed(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Returns a day of the campaign with the precision of a typical report: most give the day, some only the ten-day
/// period.
pub fn reported_on(day: NaiveDate, random: &mut Random) -> PreciseDate {
    debug_assert!(is_workday(day));
    let ten_day = PreciseDate {
        on: day
            .with_day(match day.day() {
                1..=10 => 1,
                11..=20 => 11,
                _ => 21,
            })
            .unwrap_or(day),
        precision: Precision::TenDay,
    };
    if random.chance(15) && ten_day.counts_from() <= LAST_DAY {
        ten_day
    } else {
        PreciseDate::day(day)
    }
}
