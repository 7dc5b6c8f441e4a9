//! Past eras, cached in memory: their milestones are recomputed only if the days on which an organization counts in
//! them change.

use std::sync::Arc;

use qiaojian_domain::ids::OrganizationId;

use super::{Era, Reached, Span, reached_by, spans};
use crate::db::AnyConnection;
use crate::fact_rows::{self, VersionRow};
use crate::figures::basis::Basis;
use crate::figures::by_place::Organizations;
use crate::figures::facts::{Facts, LOOKED_UP, placed};
use crate::figures::tree::Tree;
use crate::{Recorded, StoreResult, Subtree};

/// A past era and the goals reached in it, as known at a ledger position that the holder keeps. Valid as long as the
/// tree, the counting rule and the cohorts are unchanged.
#[derive(Debug, Clone)]
pub struct PastEra {
    era: Era,
    within: Subtree,
    basis: Basis,
    /// The data it was computed from; `None` if it was dropped to save memory.
    ground: Option<Ground>,
    reached: Arc<[Reached]>,
}

/// The tree of the era, and the periods in which organizations count, by place.
#[derive(Debug, Clone)]
struct Ground {
    tree: Arc<Tree>,
    spans: Arc<[Span]>,
}

/// The effect of changed organizations on an era.
#[derive(Debug, Clone)]
pub enum After {
    /// No organization counts on other days of it.
    Same,
    /// The era was recomputed.
    Other(PastEra),
    /// Undetermined: load it again.
    Unknown,
}

/// The organizations that changed since a ledger position, with their known versions.
#[derive(Debug, Clone, Default)]
pub struct Changed {
    /// In order.
    ids: Vec<OrganizationId>,
    /// By organization and day; empty for a voided organization.
    versions: Vec<VersionRow>,
}

impl Changed {
    /// Loads the changes after `seq`, up to `known`.
    ///
    /// # Errors
    /// Returns an error if the database fails.
    pub fn since(conn: &mut AnyConnection, seq: i64, known: Recorded) -> StoreResult<Self> {
        let ids = fact_rows::changed_organizations(conn, seq, known)?;
        let mut versions = Vec::new();
        for ids in ids.chunks(LOOKED_UP) {
            versions.extend(fact_rows::versions_of(conn, ids, known)?);
        }
        Ok(Self { ids, versions })
    }

    fn has(&self, id: OrganizationId) -> bool {
        self.ids.binary_search(&id).is_ok()
    }

    /// Returns these organizations by place in a tree.
    fn in_tree(&self, tree: &Tree) -> StoreResult<Organizations> {
        let mut organizations = Organizations::default();
        for versions in self.versions.chunk_by(|one, next| one.0 == next.0) {
            if let Some((id, ..)) = versions.first() {
                organizations.add(*id, &placed(tree, versions)?);
            }
        }
        Ok(organizations)
    }
}

impl PastEra {
    /// Computes an era from rows. `within` is a path in the tree of its last day.
    ///
    /// # Errors
    /// Returns an error if the database fails.
    pub fn load(
        conn: &mut AnyConnection,
        (within, basis): (Subtree, Basis),
        era: Era,
        known: Recorded,
    ) -> StoreResult<Self> {
        let facts = Facts::load_uncounted(conn, &within, era.to, known)?;
        Ok(Self::of(facts, (within, basis), era))
    }

    /// Computes an era from the facts of its last day.
    pub fn of(facts: Facts, (within, basis): (Subtree, Basis), era: Era) -> Self {
        let spans = spans((&facts.tree, &facts.organizations), &basis, &within, era);
        Self {
            reached: reached_by((&facts.tree, &basis), &within, &spans).into(),
            ground: Some(Ground {
                tree: Arc::new(facts.tree),
                spans: spans.into(),
            }),
            era,
            within,
            basis,
        }
    }

    /// Returns the goals reached in it, each with its earliest day.
    pub fn reached(&self) -> &[Reached] {
        &self.reached
    }

    /// Determines the effect of changed organizations on this era.
    ///
    /// # Errors
    /// If a row has an invalid value.
    pub fn after(&self, changed: &Changed) -> StoreResult<After> {
        if changed.ids.is_empty() {
            return Ok(After::Same);
        }
        let Some(ground) = &self.ground else {
            return Ok(After::Unknown);
        };
        let tree = &ground.tree;
        let organizations = changed.in_tree(tree)?;
        let new = spans((tree, &organizations), &self.basis, &self.within, self.era);
        let old = ground.spans.iter().filter(|span| changed.has(span.id));
        if old.eq(&new) {
            return Ok(After::Same);
        }
        let others = ground.spans.iter().filter(|span| !changed.has(span.id));
        let mut kept: Vec<Span> = others.copied().chain(new).collect();
        // The sort is stable: spans of one organization in one place keep their order.
        kept.sort_by_key(|span| (span.place, span.id));
        Ok(After::Other(Self {
            reached: reached_by((tree, &self.basis), &self.within, &kept).into(),
            ground: Some(Ground {
                tree: Arc::clone(tree),
                spans: kept.into(),
            }),
            basis: self.basis.clone(),
            within: self.within.clone(),
            era: self.era,
        }))
    }

    /// Returns the number of goals, areas and spans it holds.
    pub fn size(&self) -> usize {
        let ground = self.ground.as_ref();
        self.reached.len() + ground.map_or(0, |ground| ground.tree.len() + ground.spans.len())
    }

    /// Returns a smaller copy, for which the effect of changed organizations can no longer be determined.
    #[must_use]
    pub fn without_ground(&self) -> Self {
        Self {
            ground: None,
            ..self.clone()
        }
    }
}
