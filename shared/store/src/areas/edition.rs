//! A new edition of the national list: the steps that lead to it, and how they are taken.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;

use chrono::NaiveDate;
use qiaojian_domain::Violation;
use qiaojian_domain::area::update::{self, DatedStep, Doubt, Listed, Registered, steps};
use qiaojian_domain::ids::AreaId;

use super::agreement::{Agreement, agreement};
use super::change::Turn;
use super::origins::resolve_predecessors;
use super::read::{by_codes, list};
use super::update::take_step;
use super::{AreaVersion, Filter, Subtree};
use crate::db::{AnyConnection, Db, DbError, WriteError};
use crate::ledger::Recording;
use crate::{Actor, StoreError, StoreResult};

/// A step of an update, with what it needs.
#[derive(Debug, Clone)]
pub struct ReadyStep {
    pub dated: DatedStep,
    /// The row of the list it comes from, if there is one.
    pub row: Option<Listed>,
    /// The id of an area that is added.
    pub id: AreaId,
    pub turn: Turn,
}

/// The day and the reason of an update, and today (Asia/Shanghai).
#[derive(Debug, Clone)]
pub struct Edition {
    /// Where a row says no other day.
    pub on: NaiveDate,
    pub reason: String,
    pub today: NaiveDate,
}

/// What an edition comes to.
#[derive(Debug)]
pub struct Plan {
    pub steps: Vec<ReadyStep>,
    /// What is wrong with the list as a whole. Then the steps mean nothing.
    pub cut_short: Option<Violation>,
    /// Rows whose predecessors cannot be used, by their places. Then the steps mean nothing.
    pub wrong: Vec<(usize, Violation)>,
    /// Rows that look like an area with another code: a person has to confirm them.
    pub doubts: Vec<Doubt>,
    /// Which edition of the register the list agrees with best: it should be the one that is to be brought to it.
    pub agrees_best: Option<Agreement>,
}

impl Edition {
    /// The steps from what is registered to the list.
    ///
    /// # Errors
    /// The database's.
    pub fn plan(
        &self,
        conn: &mut AnyConnection,
        listed: &[Listed],
        registered: &[AreaVersion],
        mut new_id: impl FnMut() -> AreaId,
    ) -> StoreResult<Plan> {
        let agrees_best = agreement(conn, listed)?;
        let (listed, mut wrong) = resolve_predecessors(conn, self.on, listed, registered)?;
        let registered: Vec<Registered> = registered.iter().map(AreaVersion::registered).collect();
        wrong.extend(update::unusable_predecessors(&listed, &registered));
        wrong.sort_by_key(|(place, _)| *place);
        let ready = |dated: DatedStep| ReadyStep {
            row: dated.row.and_then(|place| listed.get(place)).cloned(),
            id: new_id(),
            turn: Turn {
                on: dated.on.unwrap_or(self.on),
                reason: self.reason.clone(),
                expected: None,
                today: self.today,
            },
            dated,
        };
        Ok(Plan {
            steps: steps(&listed, &registered).into_iter().map(ready).collect(),
            doubts: update::doubts(&listed, &registered),
            cut_short: update::cut_short(&listed, &registered),
            agrees_best,
            wrong,
        })
    }
}

/// What is registered and visible of the provinces that a list is about: those of its rows, and of the areas these came out of.
///
/// # Errors
/// The database's.
pub fn registered_of(
    conn: &mut AnyConnection,
    visible: &Subtree,
    listed: &[Listed],
) -> StoreResult<Vec<AreaVersion>> {
    let codes = listed
        .iter()
        .flat_map(|row| std::iter::once(&row.code).chain(&row.origin.predecessors));
    let provinces: BTreeSet<String> = codes
        .filter_map(|code| Some(format!("{}0000", code.get(..2)?)))
        .collect();
    let mut registered = Vec::new();
    for province in by_codes(conn, visible, provinces.iter().map(String::as_str))?.into_values() {
        registered.extend(list(
            conn,
            &province.subtree(),
            &Filter::every_kind(),
            None,
            i64::MAX,
        )?);
    }
    Ok(registered)
}

/// How a trial ended: it always ends with nothing written.
enum Tried {
    Failed(DbError),
    Refused(Vec<(usize, StoreError)>),
}

impl From<DbError> for Tried {
    fn from(error: DbError) -> Self {
        Self::Failed(error)
    }
}

impl WriteError for Tried {
    fn db_error(&self) -> Option<&DbError> {
        match self {
            Self::Failed(error) => Some(error),
            Self::Refused(_) => None,
        }
    }
}

/// Takes every step in one transaction, which others wait for, and takes all of it back. Gives those that were refused, each with its
/// place.
///
/// # Errors
/// The database's.
pub async fn try_steps(db: &Db, steps: Arc<[ReadyStep]>) -> Result<Vec<(usize, StoreError)>, DbError> {
    let tried = db.write(move |tx| {
        let actor = Actor::system("dry run");
        let mut recording = Recording::begin(tx, &actor).map_err(DbError::from)?;
        let refused = take_steps(&mut recording, &steps)?;
        Err::<Infallible, _>(Tried::Refused(refused))
    });
    match tried.await {
        Ok(never) => match never {},
        Err(Tried::Failed(error)) => Err(error),
        Err(Tried::Refused(refused)) => Ok(refused),
    }
}

/// Takes the steps, each in a tick of its own, since one may rewrite what the step before has written. Gives those that were refused, each
/// with its place: then what was written is to be taken back.
///
/// # Errors
/// The database's.
pub fn take_steps(
    recording: &mut Recording<'_, '_>,
    steps: &[ReadyStep],
) -> Result<Vec<(usize, StoreError)>, DbError> {
    let mut refused = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        if place > 0 {
            recording.tick()?;
        }
        match take_step(
            recording,
            &step.dated.step,
            (step.row.as_ref(), step.id),
            &step.turn,
        ) {
            Ok(()) => {}
            Err(StoreError::Db(error)) => return Err(error),
            Err(error) => refused.push((place, error)),
        }
    }
    Ok(refused)
}
