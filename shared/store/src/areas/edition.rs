//! Applies a new edition of the national list: determines the steps and executes them.

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

/// A step of an update, with its data.
#[derive(Debug, Clone)]
pub struct ReadyStep {
    pub dated: DatedStep,
    /// The row of the list it originates from, if any.
    pub row: Option<Listed>,
    /// The id for an area that is added.
    pub id: AreaId,
    pub turn: Turn,
}

/// The date and reason of an update, and the current date (Asia/Shanghai).
#[derive(Debug, Clone)]
pub struct Edition {
    /// The date of rows that do not specify one.
    pub on: NaiveDate,
    pub reason: String,
    pub today: NaiveDate,
}

/// The result of comparing an edition with the register.
#[derive(Debug)]
pub struct Plan {
    pub steps: Vec<ReadyStep>,
    /// A violation of the list as a whole. If set, the steps are meaningless.
    pub cut_short: Option<Violation>,
    /// Rows whose predecessors are invalid, by index. If not empty, the steps are meaningless.
    pub wrong: Vec<(usize, Violation)>,
    /// Rows that look like an area with another code: the caller has to confirm them.
    pub doubts: Vec<Doubt>,
    /// The edition of the register that the list matches best; it should be the one being updated.
    pub agrees_best: Option<Agreement>,
}

impl Edition {
    /// Computes the steps from the register to the list.
    ///
    /// # Errors
    /// Returns an error if the database fails.
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

/// Returns the registered and visible areas of the provinces that a list covers: those of its rows, and of their
/// predecessors.
///
/// # Errors
/// Returns an error if the database fails.
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

/// The result of a dry run, which never writes anything.
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

/// Executes every step in one transaction, which blocks other writers, and rolls it back. Returns the rejected steps,
/// each with its index.
///
/// # Errors
/// Returns an error if the database fails.
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

/// Executes the steps, each in a tick of its own, because a step may rewrite what the previous one wrote. Returns the
/// rejected steps, each with its index; if there are any, the caller must roll back.
///
/// # Errors
/// Returns an error if the database fails.
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
