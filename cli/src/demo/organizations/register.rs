//! The organizations founded so far, the areas that are still free, and what can only be determined when all are known.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike as _, NaiveDate};
use qiaojian_domain::area::Level;
use qiaojian_domain::organization::{Kind, StandingRules};

use super::super::areas::{AreaRow, Tree};
use super::super::days::{BASELINE, ymd};
use super::super::names;
use super::super::plan::OrganizationSpec;
use super::draft::Draft;

/// The prefix of codes in 安庆.
const IN_ANQING: &str = "3408";
/// When 安庆 reported its standing rules (see the task with that content).
const ANQING_RULES_ON: NaiveDate = ymd(2022, 5, 12);

/// The organizations of the demo while they are being generated. An area has at most one.
pub struct Register<'a, 't> {
    pub tree: &'t Tree<'a>,
    drafts: Vec<Draft<'a>>,
    taken: BTreeSet<&'a str>,
    /// The day from which the federation of an area counts.
    federations: BTreeMap<&'a str, NaiveDate>,
}

impl<'a, 't> Register<'a, 't> {
    /// Creates an empty register.
    pub fn over(tree: &'t Tree<'a>) -> Self {
        Self {
            tree,
            drafts: Vec::new(),
            taken: BTreeSet::new(),
            federations: BTreeMap::new(),
        }
    }

    /// Adds an organization.
    ///
    /// # Errors
    /// Returns an error if its area already has one, which means that the plan contradicts itself.
    pub fn add(&mut self, draft: Draft<'a>) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.taken.insert(&draft.at.code),
            "the demo founds two organizations in {}",
            draft.at.code
        );
        if let (Kind::Federation, Some(from)) = (draft.spec.facts.kind, draft.counts_from()) {
            self.federations.insert(&draft.at.code, from);
        }
        self.drafts.push(draft);
        Ok(())
    }

    /// Whether an area has no organization yet.
    pub fn is_free(&self, code: &str) -> bool {
        !self.taken.contains(code)
    }

    /// Whether an area's own federation existed on `day`.
    pub fn has_federation(&self, code: &str, day: NaiveDate) -> bool {
        self.federations.get(code).is_some_and(|from| *from <= day)
    }

    /// Returns the counties of a city whose federation existed on `day`. Townships and villages are founded after the
    /// county.
    pub fn counties_with_federation(&self, city: &str, day: NaiveDate) -> Vec<&'a AreaRow> {
        self.tree
            .children(city, Level::County)
            .filter(|county| self.has_federation(&county.code, day))
            .collect()
    }

    /// Returns the townships of a county.
    pub fn townships(&self, county: &str) -> Vec<&'a AreaRow> {
        self.tree.children(county, Level::Township).collect()
    }

    /// Returns the townships of a county that have no organization yet.
    pub fn free_townships(&self, county: &str) -> Vec<&'a AreaRow> {
        self.tree
            .children(county, Level::Township)
            .filter(|township| self.is_free(&township.code))
            .collect()
    }

    /// Returns the villages of a township without an organization, each with its everyday name. Villages whose name
    /// follows no pattern are left out.
    pub fn free_villages(&self, township: &str) -> Vec<(&'a AreaRow, String)> {
        self.tree
            .children(township, Level::Village)
            .filter(|village| self.is_free(&village.code))
            .filter_map(|village| Some((village, names::village(&village.name)?)))
            .collect()
    }

    /// Returns the finished plan in the order of founding, with parents and document numbers set.
    pub fn into_specs(mut self) -> Vec<OrganizationSpec> {
        self.drafts.sort_by_key(|draft| {
            // Those in preparation come last.
            let day = draft.counts_from().unwrap_or(NaiveDate::MAX);
            (day, draft.at.level, draft.at.code.clone())
        });
        number_documents(&mut self.drafts);
        set_standing_rules(&mut self.drafts);
        let Self {
            tree,
            drafts,
            federations,
            ..
        } = self;
        let parent = |draft: &Draft<'a>| {
            let day = draft.counts_from().unwrap_or(NaiveDate::MAX);
            tree.ancestors(draft.at)
                .find(|area| federations.get(&*area.code).is_some_and(|from| *from <= day))
                .map(|area| area.code.clone())
        };
        drafts
            .into_iter()
            .map(|draft| OrganizationSpec {
                parent: parent(&draft),
                ..draft.spec
            })
            .collect()
    }
}

/// Each office numbers its documents from 1 every year, in the order of their dates.
fn number_documents(drafts: &mut [Draft<'_>]) {
    let mut issued: Vec<_> = drafts
        .iter_mut()
        .filter_map(|draft| {
            let facts = &mut draft.spec.facts;
            let on = facts.life.approved?.on;
            Some((on, draft.approving_body.as_deref()?, &mut facts.approval_doc_no))
        })
        .collect();
    issued.sort_by_key(|(on, ..)| *on);
    let mut serials: BTreeMap<(&str, i32), u32> = BTreeMap::new();
    for (on, body, doc_no) in issued {
        let serial = serials.entry((body, on.year())).or_default();
        *serial += 1;
        *doc_no = Some(names::document(body, on.year(), *serial));
    }
}

/// Sets the rules for learning, management, contact and service (article, §2.2) that 安庆 required of its new
/// organizations, for those founded by the day on which it reported that task as completed.
fn set_standing_rules(drafts: &mut [Draft<'_>]) {
    for draft in drafts {
        let in_anqing = draft.at.code.starts_with(IN_ANQING);
        if in_anqing
            && draft
                .counts_from()
                .is_some_and(|from| from > BASELINE && from <= ANQING_RULES_ON)
        {
            draft.spec.facts.standing_rules = StandingRules {
                learning: Some(ANQING_RULES_ON),
                management: Some(ANQING_RULES_ON),
                contact: Some(ANQING_RULES_ON),
                service: Some(ANQING_RULES_ON),
            };
        }
    }
}
