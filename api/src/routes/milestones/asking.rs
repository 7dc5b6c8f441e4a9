//! Computing a page of milestones, from the present state held in memory or otherwise from rows.

use std::sync::Arc;

use chrono::NaiveDate;
use qiaojian_domain::area::Level;
use qiaojian_domain::milestone::{MilestoneKind, MilestoneState};
use qiaojian_store::db::{AnyConnection, snapshot};
use qiaojian_store::figures::{CohortChoice, Held, ReadModel};
use qiaojian_store::milestones::{self, Memory, Milestone, Present};

use super::list::{Key, MilestoneReply, Told, key_of};
use crate::auth::Principal;
use crate::page::{Page, Window};
use crate::problem::{ApiError, Language};
use crate::routes::figures::question::{Asked, Prepared, TRIES};

/// The inputs of a page.
pub struct Asking {
    pub asked: Asked,
    /// The name of the counting rule.
    pub basis: String,
    pub filter: Filter,
    pub window: Window<Key>,
    pub language: Language,
    pub caller: Arc<Principal>,
    pub today: NaiveDate,
    pub model: Arc<ReadModel>,
    pub memory: Arc<Memory>,
}

/// The source of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// What the process holds in memory; for the last era, rows that are not held are loaded.
    Memory,
    /// The same, but earlier eras that are not held are loaded from rows and kept.
    MemoryOrRows,
    /// Rows only.
    Rows,
}

impl Asking {
    /// Returns the page, or `None` if data of earlier eras is needed that is not held.
    pub fn page_held(&self, conn: &mut AnyConnection) -> Result<Option<Page<MilestoneReply>>, ApiError> {
        self.page_from(conn, [Source::Memory; TRIES])
    }

    /// Returns the page. Data of earlier eras that was not held is loaded and kept.
    pub fn page(&self, conn: &mut AnyConnection) -> Result<Page<MilestoneReply>, ApiError> {
        let tries = [Source::MemoryOrRows; TRIES].into_iter().chain([Source::Rows]);
        self.page_from(conn, tries)?
            .ok_or_else(|| ApiError::internal(&"the milestones could not be determined from the rows"))
    }

    /// Retries when other requests have advanced the held data beyond the snapshot.
    fn page_from(
        &self,
        conn: &mut AnyConnection,
        tries: impl IntoIterator<Item = Source>,
    ) -> Result<Option<Page<MilestoneReply>>, ApiError> {
        // The ledger position of the held data at the previous attempt.
        let mut ahead = 0;
        for from in tries {
            match snapshot(conn, |conn| self.ask(conn, ahead, from))? {
                None => return Ok(None),
                Some(Held::Answer(page)) => return Ok(Some(page)),
                Some(Held::Newer(seq)) => ahead = seq,
            }
        }
        Ok(None)
    }

    fn ask(
        &self,
        conn: &mut AnyConnection,
        ahead: i64,
        from: Source,
    ) -> Result<Option<Held<Page<MilestoneReply>>>, ApiError> {
        let prepared = self.asked.prepare(conn, &self.caller, self.today)?;
        let question = milestones::Asked {
            within: prepared.question.within.clone(),
            as_of: prepared.question.as_of,
            known: prepared.known,
            basis: self.basis.clone(),
            program: prepared.program,
        };
        // The ledger was rolled back.
        if ahead > prepared.known.seq {
            self.model.forget(question.as_of);
            self.memory.forget_beyond(prepared.known.seq);
        }
        let found = if from == Source::Rows || !prepared.is_present {
            milestones::standing(conn, &question)?.1
        } else {
            let present = Present {
                model: &self.model,
                memory: &self.memory,
                may_load: from == Source::MemoryOrRows,
            };
            match milestones::standing_now(conn, &question, present)? {
                None => return Ok(None),
                Some(Held::Newer(seq)) => return Ok(Some(Held::Newer(seq))),
                Some(Held::Answer((_, found))) => found,
            }
        };
        Ok(Some(Held::Answer(self.shown(conn, &prepared, found)?)))
    }

    /// Returns the requested page of the milestones that match the filter.
    fn shown(
        &self,
        conn: &mut AnyConnection,
        prepared: &Prepared,
        found: Vec<Milestone>,
    ) -> Result<Page<MilestoneReply>, ApiError> {
        let after = self.window.after.as_ref();
        let rest = found
            .into_iter()
            .filter(|one| self.filter.takes(one, prepared))
            .filter(|one| after.is_none_or(|after| key_of(one) > *after));
        let most = usize::try_from(self.window.fetch()).unwrap_or(usize::MAX);
        let rows: Vec<Milestone> = rest.take(most).collect();
        let told = Told::of(conn, prepared, self.caller.area, &rows)?;
        let evidence = milestones::named(conn, &rows, prepared.known)?;
        let rows: Vec<_> = rows.into_iter().zip(evidence).collect();
        self.window.page(
            rows,
            |(one, _)| key_of(one),
            |(one, evidence)| told.show(one, evidence, (prepared, self.language)),
        )
    }
}

/// A filter of milestones. Empty fields select all.
pub struct Filter {
    pub kinds: Vec<MilestoneKind>,
    pub levels: Vec<Level>,
    pub states: Vec<MilestoneState>,
    /// Only milestones reached after this day.
    pub from: Option<NaiveDate>,
}

impl Filter {
    /// Whether a milestone matches. Without a first day, milestones reached before the programme match too.
    fn takes(&self, one: &Milestone, prepared: &Prepared) -> bool {
        let question = &prepared.question;
        let after = self.from.or(prepared.period.map(|_| question.from));
        let of_cohort = match question.cohort {
            CohortChoice::Only(only) => prepared.basis.cohort_of(&one.path) == Some(only),
            CohortChoice::Each | CohortChoice::All => true,
        };
        of_cohort
            && (self.kinds.is_empty() || self.kinds.contains(&one.kind))
            && (self.levels.is_empty() || one.level.is_some_and(|level| self.levels.contains(&level)))
            && (self.states.is_empty() || self.states.contains(&one.state))
            && after.is_none_or(|after| after < one.reached_on)
            && one.reached_on <= question.to
    }
}
