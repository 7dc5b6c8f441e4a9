//! Imports a table of organizations: each row is judged as it would be alone, with a few statements per thousand rows,
//! and all new rows are written at one ledger position.

mod lookup;
mod refusals;

use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::Violation;
use qiaojian_domain::area::not_there_yet;
use qiaojian_domain::digest::digest_of;
use qiaojian_domain::ids::{AreaId, OrganizationId};
use qiaojian_domain::organization::{Facts, Host, Kind, Verification, later_status};
use qiaojian_sheets::Layout;
use qiaojian_sheets::register::{Field, Record, Shown, cells, differing, field_of, shown_cell};

use lookup::Register;
use refusals::{differs, id_twice, other_name, parent_refused, twice, unknown_code};

use super::OrganizationInArea;
use super::batch::{exists, id_taken};
use super::lives::{TOGETHER, audit_all, insert};
use super::write::{NewOrganization, own_parent, unfit, unknown_parent, version_rows};
use crate::StoreResult;
use crate::areas::{AreaVersion, Subtree};
use crate::db::AnyConnection;
use crate::db::dialect::{forget_plans, on_either};
use crate::db::schema::organizations;
use crate::ledger::Recording;

/// Rows that are looked up together.
const CHUNK: usize = 1000;

/// A row of the table, with its given or newly assigned id.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// The row number, as in a spreadsheet.
    pub number: u32,
    pub id: OrganizationId,
    /// The values that could be parsed.
    pub record: Record,
    /// The parse errors.
    pub wrong: Vec<Violation>,
}

impl Incoming {
    fn is_readable(&self) -> bool {
        self.wrong.is_empty()
    }
}

/// The result for a row.
#[derive(Debug)]
pub enum Verdict {
    /// It is recorded.
    New(Box<NewOrganization>),
    /// It is already registered with the same values.
    Unchanged,
    /// It is rejected.
    Refused(Vec<Violation>),
}

/// The context in which rows are judged.
pub struct Judging<'a> {
    pub visible: &'a Subtree,
    /// The columns of the file; missing columns are not compared.
    pub layout: &'a Layout<Field>,
    /// The verification status of this caller's reports about an area.
    pub verification: &'a dyn Fn(&AreaVersion) -> Verification,
    pub today: NaiveDate,
}

/// Judges every row against the register and the other rows. Writes nothing.
///
/// # Errors
/// Returns an error if the database fails.
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
            verdicts.push(judge(judging, &register, &mut file, row)?);
        }
    }
    settle(&file, rows, &mut verdicts);
    Ok(verdicts)
}

/// Judges one row and returns all its violations. A row that could be parsed only in part is checked as far as
/// possible.
fn judge(
    judging: &Judging<'_>,
    register: &Register,
    file: &mut InFile,
    row: &Incoming,
) -> StoreResult<Verdict> {
    let (id, record) = (row.id, &row.record);
    if row.is_readable()
        && let Some(other) = file.numbers.insert(id, row.number)
    {
        return Ok(Verdict::Refused(vec![id_twice(other)]));
    }
    let mut wrong = row.wrong.clone();
    if register.known.contains(&id) {
        match register.registered.get(&id) {
            Some(found) if row.is_readable() => compare(judging.layout, record, found, &mut wrong)?,
            Some(_) => {}
            // The id belongs to a voided organization or one that is not visible.
            None => wrong.push(id_taken()),
        }
        return Ok(if wrong.is_empty() {
            Verdict::Unchanged
        } else {
            Verdict::Refused(wrong)
        });
    }
    let area = register.areas.get(&record.area);
    match area {
        Some(area) => {
            let shown = record.area_name.as_deref();
            wrong.extend(shown.and_then(|shown| other_name(shown, area)));
            wrong.extend(unfit_in(judging, register, row, area));
        }
        // A blank code has already been reported.
        None if record.area.is_empty() => {}
        None => {
            let today = register.former.get(&record.area).map_or(&[][..], Vec::as_slice);
            wrong.push(unknown_code(&record.area, today));
        }
    }
    match record.parent {
        Some(parent) if parent == id => wrong.push(own_parent()),
        Some(parent) if !register.parents.contains(&parent) && !file.waits_for(row, parent) => {
            wrong.push(unknown_parent());
        }
        _ => {}
    }
    match area {
        Some(area) if wrong.is_empty() => Ok(Verdict::New(Box::new(NewOrganization {
            id,
            digest: digest_of(&cells(record, Shown::default()).collect::<Vec<_>>())?,
            area: area.clone(),
            parent: record.parent,
            facts: record.facts.clone(),
            verification: (judging.verification)(area),
        }))),
        _ => Ok(Verdict::Refused(wrong)),
    }
}

/// Returns what prevents a new organization in this area, as far as its row could be parsed.
fn unfit_in(
    judging: &Judging<'_>,
    register: &Register,
    row: &Incoming,
    area: &AreaVersion,
) -> Vec<Violation> {
    let facts = &row.record.facts;
    let unread: HashSet<String> = row.wrong.iter().map(|wrong| field_of(&wrong.pointer)).collect();
    // The other requirements depend on these fields.
    let decisive = [Field::Kind, Field::Host, Field::Status, Field::Basis];
    if decisive.iter().any(|field| unread.contains(field.as_str())) {
        return Vec::new();
    }
    if let Some(violation) = later_status(facts.life.status) {
        return vec![violation];
    }
    let mut wrong = unfit(facts, area, judging.today);
    wrong.retain(|violation| !unread.contains(&field_of(&violation.pointer)));
    if let (Some(day), Some(since)) = (
        facts.life.first_day(judging.today),
        register.since.get(&area.area_id),
    ) && day < *since
    {
        wrong.push(not_there_yet("/area", *since));
    }
    if place_of(area, facts).is_some_and(|place| register.taken.contains(&place)) {
        wrong.push(exists());
    }
    wrong
}

/// A row with a registered id changes nothing: it either matches the recorded values or is rejected.
fn compare(
    layout: &Layout<Field>,
    record: &Record,
    found: &OrganizationInArea,
    wrong: &mut Vec<Violation>,
) -> StoreResult<()> {
    let known = record_of(found)?;
    let fields = differing(layout, record, &known).into_iter();
    wrong.extend(fields.map(|field| differs(field, &shown_cell(&known, field))));
    Ok(())
}

/// Converts an organization to a row of the table.
///
/// # Errors
/// If a column does not contain the expected format.
pub fn record_of(found: &OrganizationInArea) -> Result<Record, serde_json::Error> {
    let row = &found.organization;
    Ok(Record {
        id: Some(row.organization_id.0),
        area: found.area_code.clone(),
        area_name: None,
        parent: row.parent_id,
        facts: row.facts()?,
    })
}

/// Returns the key that must be unique: an area has at most one active organization of each kind in its own right.
fn place_of(area: &AreaVersion, facts: &Facts) -> Option<(AreaId, Kind)> {
    let has_one = facts.host == Host::Area && facts.life.status.is_active();
    has_one.then_some((area.area_id, facts.kind))
}

/// Relations between the rows of a file.
struct InFile {
    /// The ids given in the file.
    ids: HashSet<OrganizationId>,
    /// The row number of each id seen so far.
    numbers: HashMap<OrganizationId, u32>,
    /// The superior of each organization whose superior must be recorded by another row.
    waiting: HashMap<OrganizationId, OrganizationId>,
}

impl InFile {
    fn of(rows: &[Incoming]) -> Self {
        let named = rows
            .iter()
            .filter(|row| row.is_readable() && row.record.id.is_some());
        Self {
            ids: named.map(|row| row.id).collect(),
            numbers: HashMap::new(),
            waiting: HashMap::new(),
        }
    }

    /// Returns whether another row has to record the superior first.
    fn waits_for(&mut self, row: &Incoming, parent: OrganizationId) -> bool {
        let is_there = self.ids.contains(&parent);
        if is_there && row.is_readable() {
            self.waiting.insert(row.id, parent);
        }
        is_there
    }
}

/// Of the rows that could be recorded alone, rejects those that conflict with each other: rows without dependencies are
/// processed first, then the rows that depended on them, and so on, each time in file order. A row that is never
/// reached depends on a rejected row or on itself.
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

/// Writes the rows judged to be new, in one tick.
///
/// # Errors
/// Returns an error if the database fails.
pub fn record_all(
    recording: &mut Recording<'_, '_>,
    new: &[&NewOrganization],
    today: NaiveDate,
) -> StoreResult<()> {
    let recorded = recording.recorded();
    // A superior may come after the rows that refer to it.
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
