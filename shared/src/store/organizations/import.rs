//! A table of organizations: each row is judged as it would be alone, with a few statements for a thousand rows, and all that is new is
//! written at one place in the ledger.

mod lookup;

use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;
use diesel::prelude::*;

use lookup::Register;

use super::OrganizationInArea;
use super::batch::{exists, id_taken};
use super::lives::{TOGETHER, audit_all, insert};
use super::write::{NewOrganization, refuse_unfit, unknown_parent, version_rows};
use crate::db::AnyConnection;
use crate::db::dialect::{forget_plans, on_either};
use crate::db::schema::organizations;
use crate::digest::digest_of;
use crate::domain::Violation;
use crate::domain::area::{not_there_yet, unknown_area};
use crate::domain::organization::{Facts, Host, Kind, Verification, later_status};
use crate::ids::{AreaId, OrganizationId};
use crate::sheets::register::{Field, Record, Shown, cells, differing, shown_cell};
use crate::sheets::{Layout, shortened};
use crate::store::areas::{AreaVersion, Subtree};
use crate::store::ledger::Recording;
use crate::store::{StoreError, StoreResult};

/// Rows that are looked up together.
const CHUNK: usize = 1000;

/// A row of the table, with the id it has or gets.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// As a spreadsheet counts.
    pub number: u32,
    /// What it says, or what cannot be read of it.
    pub content: Result<(OrganizationId, Record), Vec<Violation>>,
}

/// What becomes of a row.
#[derive(Debug)]
pub enum Verdict {
    /// It is recorded.
    New(Box<NewOrganization>),
    /// It is registered just so.
    Unchanged,
    /// It is not taken.
    Refused(Vec<Violation>),
}

/// By what rows are judged.
pub struct Judging<'a> {
    pub visible: &'a Subtree,
    /// The columns the file has: what it leaves out is not compared.
    pub layout: &'a Layout<Field>,
    /// How a report about an area stands when this caller makes it.
    pub verification: &'a dyn Fn(&AreaVersion) -> Verification,
    pub today: NaiveDate,
}

/// Judges every row, against the register and the other rows. Nothing is written.
///
/// # Errors
/// The database's.
pub fn judge_rows(
    conn: &mut AnyConnection,
    judging: &Judging<'_>,
    rows: &[Incoming],
) -> StoreResult<Vec<Verdict>> {
    let mut file = InFile::of(rows);
    let mut verdicts = Vec::with_capacity(rows.len());
    for chunk in rows.chunks(CHUNK) {
        let register = Register::load(conn, judging, chunk)?;
        for row in chunk {
            verdicts.push(match &row.content {
                Err(wrong) => Verdict::Refused(wrong.clone()),
                Ok((id, record)) => judge(judging, &register, &mut file, (row.number, *id, record))
                    .map_or_else(refused, Ok)?,
            });
        }
    }
    settle(&file, rows, &mut verdicts);
    Ok(verdicts)
}

fn refused(error: StoreError) -> StoreResult<Verdict> {
    match error {
        StoreError::Invalid(wrong) => Ok(Verdict::Refused(wrong)),
        other => Err(other),
    }
}

fn judge(
    judging: &Judging<'_>,
    register: &Register,
    file: &mut InFile,
    (number, id, record): (u32, OrganizationId, &Record),
) -> StoreResult<Verdict> {
    if let Some(other) = file.numbers.insert(id, number) {
        return Err(id_twice(other).into());
    }
    if register.known.contains(&id) {
        return match register.registered.get(&id) {
            Some(found) => compare(judging.layout, record, found),
            // Voided, or out of sight.
            None => Err(id_taken().into()),
        };
    }
    if let Some(violation) = later_status(record.facts.life.status) {
        return Err(violation.into());
    }
    let area = register
        .areas
        .get(&record.area)
        .ok_or_else(|| unknown_area("/area"))?;
    refuse_unfit(&record.facts, area, judging.today)?;
    if let (Some(day), Some(since)) = (
        record.facts.life.first_day(judging.today),
        register.since.get(&area.area_id),
    ) && day < *since
    {
        return Err(not_there_yet("/area", *since).into());
    }
    match record.parent {
        Some(parent) if parent == id => return Err(super::write::own_parent().into()),
        Some(parent) if !register.parents.contains(&parent) => file.waits_for(id, parent)?,
        _ => {}
    }
    if place_of(area, &record.facts).is_some_and(|place| register.taken.contains(&place)) {
        return Err(exists().into());
    }
    Ok(Verdict::New(Box::new(NewOrganization {
        id,
        digest: digest_of(&cells(record, Shown::default()).collect::<Vec<_>>())?,
        area: area.clone(),
        parent: record.parent,
        facts: record.facts.clone(),
        verification: (judging.verification)(area),
    })))
}

/// A row whose id is registered changes nothing: it says what is known, or is refused.
fn compare(layout: &Layout<Field>, record: &Record, found: &OrganizationInArea) -> StoreResult<Verdict> {
    let known = record_of(found)?;
    let wrong: Vec<Violation> = differing(layout, record, &known)
        .into_iter()
        .map(|field| differs(field, &shown_cell(&known, field)))
        .collect();
    if wrong.is_empty() {
        Ok(Verdict::Unchanged)
    } else {
        Err(StoreError::Invalid(wrong))
    }
}

/// An organization as a row of the table.
///
/// # Errors
/// When a column does not hold what we wrote.
pub fn record_of(found: &OrganizationInArea) -> Result<Record, serde_json::Error> {
    let row = &found.organization;
    Ok(Record {
        id: Some(row.organization_id.0),
        area: found.area_code.clone(),
        parent: row.parent_id,
        facts: row.facts()?,
    })
}

/// What nothing else may be: an area has one active organization of a kind of its own.
fn place_of(area: &AreaVersion, facts: &Facts) -> Option<(AreaId, Kind)> {
    let has_one = facts.host == Host::Area && facts.life.status.is_active();
    has_one.then_some((area.area_id, facts.kind))
}

/// What the rows of a file say of each other.
struct InFile {
    /// The ids the file gives.
    ids: HashSet<OrganizationId>,
    /// Of each id so far, its row.
    numbers: HashMap<OrganizationId, u32>,
    /// Of the organizations whose superior has to be recorded by another row, that superior.
    waiting: HashMap<OrganizationId, OrganizationId>,
}

impl InFile {
    fn of(rows: &[Incoming]) -> Self {
        let contents = rows.iter().filter_map(|row| row.content.as_ref().ok());
        Self {
            ids: contents
                .filter(|(_, record)| record.id.is_some())
                .map(|(id, _)| *id)
                .collect(),
            numbers: HashMap::new(),
            waiting: HashMap::new(),
        }
    }

    fn waits_for(&mut self, id: OrganizationId, parent: OrganizationId) -> StoreResult<()> {
        if !self.ids.contains(&parent) {
            return Err(unknown_parent().into());
        }
        self.waiting.insert(id, parent);
        Ok(())
    }
}

/// Of the rows that could be recorded alone, refuses those that cannot be together: first those are taken that wait for none, then those
/// that waited for them, and so on, each time the first of them first. Who is never reached waits for a row that is refused, or for itself.
fn settle(file: &InFile, rows: &[Incoming], verdicts: &mut [Verdict]) {
    let mut waiting: HashMap<OrganizationId, Vec<usize>> = HashMap::new();
    let mut ready = Vec::new();
    for (at, verdict) in verdicts.iter().enumerate() {
        let Verdict::New(new) = verdict else { continue };
        match file.waiting.get(&new.id) {
            Some(parent) => waiting.entry(*parent).or_default().push(at),
            None => ready.push(at),
        }
    }
    let mut places: HashMap<(AreaId, Kind), u32> = HashMap::new();
    while !ready.is_empty() {
        let mut next = Vec::new();
        for at in ready {
            let (Some(row), Some(verdict)) = (rows.get(at), verdicts.get_mut(at)) else {
                continue;
            };
            let Verdict::New(new) = verdict else { continue };
            let place = place_of(&new.area, &new.facts);
            match place.map(|place| *places.entry(place).or_insert(row.number)) {
                Some(first) if first != row.number => *verdict = Verdict::Refused(vec![twice(first)]),
                _ => next.extend(waiting.remove(&new.id).unwrap_or_default()),
            }
        }
        next.sort_unstable();
        ready = next;
    }
    for at in waiting.into_values().flatten() {
        if let Some(verdict) = verdicts.get_mut(at) {
            *verdict = Verdict::Refused(vec![parent_refused()]);
        }
    }
}

/// Writes what was judged to be new, in one tick.
///
/// # Errors
/// The database's.
pub fn record_all(
    recording: &mut Recording<'_, '_>,
    new: &[&NewOrganization],
    today: NaiveDate,
) -> StoreResult<()> {
    let recorded = recording.recorded();
    // A superior may stand behind those that name it.
    for part in new.chunks(TOGETHER) {
        let identities: Vec<_> = part
            .iter()
            .map(|new| {
                (
                    organizations::id.eq(new.id),
                    organizations::created_seq.eq(recorded.seq),
                    organizations::created_at.eq(recorded.at),
                    organizations::created_digest.eq(&new.digest),
                )
            })
            .collect();
        on_either!(recording.conn(), |conn| diesel::insert_into(organizations::table)
            .values(&identities)
            .execute(conn))?;
    }
    if new.len() > TOGETHER {
        forget_plans(recording.conn())?;
    }
    for part in new.chunks(TOGETHER) {
        let mut rows = Vec::with_capacity(part.len() * 2);
        let mut heads = Vec::with_capacity(part.len());
        for new in part {
            let (segments, head) = version_rows(new, recorded, today)?;
            heads.push(head);
            rows.extend(segments);
        }
        insert(recording, &rows)?;
        let made: Vec<_> = heads.iter().map(|head| (None, Some(head))).collect();
        audit_all(recording, "create", &made)?;
    }
    Ok(())
}

fn id_twice(other: u32) -> Violation {
    Violation::new(
        "/id",
        "id_taken",
        format!("与第 {other} 行的编号相同。"),
        format!("Row {other} has this id."),
    )
}

fn twice(other: u32) -> Violation {
    Violation::new(
        "/kind",
        "organization_twice",
        format!("与第 {other} 行的地区和类别相同；一个地区同类组织只能有一个。"),
        format!("Row {other} has this area and kind. An area has one organization of a kind."),
    )
}

fn parent_refused() -> Violation {
    Violation::new(
        "/parent",
        "unknown_parent",
        "上级组织在本表中，但其所在行不能登记，或上下级互相循环。",
        "The superior is in this file, but its row cannot be recorded, or the rows stand above each other in a circle.",
    )
}

fn differs(field: Field, known: &str) -> Violation {
    let known = if known.is_empty() {
        "—".to_owned()
    } else {
        shortened(known)
    };
    Violation::new(
        format!("/{}", field.as_str().replace('.', "/")),
        "differs",
        format!("与已登记的内容（{known}）不同；请改用更正（PATCH）或变更操作。"),
        format!("It is registered otherwise ({known}). Correct it by PATCH, or change it by a verb."),
    )
}
