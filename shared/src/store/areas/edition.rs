//! A new edition of the national list: the steps that lead to it, and how they are taken.

use std::collections::HashMap;

use chrono::NaiveDate;

use super::AreaVersion;
use super::change::Turn;
use super::update::take_step;
use crate::db::DbError;
use crate::domain::area::update::{DatedStep, Listed, Registered, steps};
use crate::ids::AreaId;
use crate::store::StoreError;
use crate::store::ledger::Recording;

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

impl Edition {
    /// The steps from what is registered to the list.
    pub fn steps<'a>(
        &self,
        listed: &[Listed],
        registered: impl IntoIterator<Item = &'a AreaVersion>,
        mut new_id: impl FnMut() -> AreaId,
    ) -> Vec<ReadyStep> {
        let registered: Vec<Registered> = registered.into_iter().map(AreaVersion::registered).collect();
        let rows: HashMap<&str, &Listed> = listed.iter().map(|row| (row.code.as_str(), row)).collect();
        let ready = |dated: DatedStep| ReadyStep {
            row: rows.get(dated.step.code()).map(|row| (*row).clone()),
            id: new_id(),
            turn: Turn {
                on: dated.on.unwrap_or(self.on),
                reason: self.reason.clone(),
                expected: None,
                today: self.today,
            },
            dated,
        };
        steps(listed, &registered).into_iter().map(ready).collect()
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
