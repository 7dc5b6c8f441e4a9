//! Dated changes of an existing area: its name, code, parent or kind. Figures of earlier days keep its earlier state.

use chrono::NaiveDate;
use qiaojian_domain::area::update::{Recoded, vacated};
use qiaojian_domain::area::{AreaKind, Wanted, code_of_another_parent, fits_parent};
use qiaojian_domain::digest::digest_of;
use qiaojian_domain::violation::{TEXT_CHARS, check_text};
use qiaojian_domain::{Noun, Violation};

use super::future::Future;
use super::segments::standing_on;
use super::{AreaVersion, Subtree, by_id, find, successions};
use crate::audit::Entry;
use crate::ledger::Recording;
use crate::{StoreError, StoreResult, unless_stale};

/// The date and reason of an area change.
#[derive(Debug, Clone)]
pub struct Turn {
    pub on: NaiveDate,
    /// The document or the reason.
    pub reason: String,
    /// The version that the caller read.
    pub expected: Option<i64>,
    /// The current date (Asia/Shanghai).
    pub today: NaiveDate,
}

impl Turn {
    /// Returns all violations of the date and reason.
    pub(super) fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        check_text(&mut found, "/reason", &self.reason, TEXT_CHARS);
        // Changes are recorded only once they are in force.
        if self.on > self.today {
            found.push(Violation::in_future("/on", self.today));
        }
        found
    }

    /// Returns the current version of the area, if the caller can see it and has read this version.
    pub(super) fn area(
        &self,
        recording: &mut Recording<'_, '_>,
        visible: &Subtree,
        code: &str,
    ) -> StoreResult<AreaVersion> {
        let head = find(recording.conn(), visible, code)?;
        unless_stale(self.expected, head.version)?;
        Ok(head)
    }
}

/// Changes the name of an area, its code, or both, from a date on. The paths of its descendants follow a new code.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Stale`], [`StoreError::Invalid`], [`StoreError::Conflict`]
/// `area_code_taken`, or a database error.
pub fn rename(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    code: &str,
    wanted: Wanted<'_>,
    turn: &Turn,
) -> StoreResult<AreaVersion> {
    let head = turn.area(recording, visible, code)?;
    let mut violations = wanted.violations(head.level);
    violations.extend(turn.violations());
    if wanted.name.is_none() && wanted.code.is_none() {
        violations.push(nothing_wanted());
    }
    if !violations.is_empty() {
        return Err(StoreError::Invalid(violations));
    }
    let was = standing_on(recording, &head, turn.on)?;
    if let (Some(code), Some(parent)) = (wanted.code, was.ancestor_codes().last())
        && !fits_parent(code, parent)
    {
        return Err(code_of_another_parent("/code", parent).into());
    }
    let to = To {
        name: wanted.name.unwrap_or(&was.name),
        code: wanted.code.unwrap_or(&was.code),
        parent: None,
        kind: was.kind,
    };
    put(recording, &was, &to, turn)?;
    told(recording, "rename", &head)
}

/// Moves an area with all its descendants under another one from a date on, optionally with a new code.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Stale`], [`StoreError::Invalid`], [`StoreError::Conflict`]
/// `area_code_taken`, or a database error.
pub fn move_under(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    code: &str,
    (parent, new_code): (&AreaVersion, Option<&str>),
    turn: &Turn,
) -> StoreResult<AreaVersion> {
    let head = turn.area(recording, visible, code)?;
    let wanted = Wanted {
        name: None,
        code: new_code,
    };
    let mut violations = wanted.violations(head.level);
    violations.extend(turn.violations());
    violations.extend(head.standing().may_move_under(&parent.standing()));
    if !violations.is_empty() {
        return Err(StoreError::Invalid(violations));
    }
    let was = standing_on(recording, &head, turn.on)?;
    let to = To {
        name: &was.name,
        code: new_code.unwrap_or(&was.code),
        parent: Some(parent),
        kind: was.kind,
    };
    let above = standing_on(recording, parent, turn.on)?;
    if let Some(code) = new_code
        && !fits_parent(code, &above.code)
    {
        return Err(code_of_another_parent("/code", &above.code).into());
    }
    put(recording, &was, &to, turn)?;
    told(recording, "move", &head)
}

/// Changes the kind of an area from a date on: for example, a development zone of the statistics bureau became a
/// county, or vice versa. An area that is not administrative has no obligations from then on.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Stale`], [`StoreError::Invalid`], or a database error.
pub fn rekind(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    code: &str,
    kind: AreaKind,
    turn: &Turn,
) -> StoreResult<AreaVersion> {
    let head = turn.area(recording, visible, code)?;
    let mut violations = turn.violations();
    violations.extend(kind.may_be_of(head.level).err());
    if !violations.is_empty() {
        return Err(StoreError::Invalid(violations));
    }
    let was = standing_on(recording, &head, turn.on)?;
    let to = To {
        name: &was.name,
        code: &was.code,
        parent: None,
        kind,
    };
    put(recording, &was, &to, turn)?;
    told(recording, "rekind", &head)
}

/// The state of an area after a change.
pub(super) struct To<'a> {
    pub name: &'a str,
    pub code: &'a str,
    /// The new parent, if it changes.
    pub parent: Option<&'a AreaVersion>,
    pub kind: AreaKind,
}

impl To<'_> {
    /// Returns whether an area is in this state already.
    fn is(&self, was: &AreaVersion) -> bool {
        (self.name, self.code, self.kind) == (&*was.name, &*was.code, was.kind)
            && self
                .parent
                .is_none_or(|parent| Some(parent.area_id) == was.parent_id)
    }
}

/// Changes `was` to the state `to` from the date of the change until its next own change; the paths of its descendants
/// follow. A change of its ancestors is not an own change, so the new state outlasts it.
pub(super) fn put(
    recording: &mut Recording<'_, '_>,
    was: &AreaVersion,
    to: &To<'_>,
    turn: &Turn,
) -> StoreResult<()> {
    let mut future = Future::from(turn.on);
    change(recording, &mut future, was, to)?;
    future.write(recording, &turn.reason)
}

fn change(
    recording: &mut Recording<'_, '_>,
    future: &mut Future,
    was: &AreaVersion,
    to: &To<'_>,
) -> StoreResult<()> {
    if to.is(was) {
        return Err(nothing_changed().into());
    }
    let own = future.load(recording, was.area_id)?.to_vec();
    let renamed_on = first_day(&own, |row| row.name != was.name);
    let rekinded_on = first_day(&own, |row| row.kind != was.kind);
    let moved_on = successions::left_on(recording, &own)?;
    let is_before = |row: &AreaVersion, day: Option<NaiveDate>| day.is_none_or(|day| row.valid_from < day);
    future.change(was.area_id, |row| {
        if is_before(row, renamed_on) {
            to.name.clone_into(&mut row.name);
        }
        if is_before(row, rekinded_on) {
            row.kind = to.kind;
        }
        if is_before(row, moved_on) {
            to.code.clone_into(&mut row.code);
            row.parent_id = to.parent.map_or(row.parent_id, |parent| Some(parent.area_id));
        }
    });
    Ok(())
}

/// Gives several areas new codes, and optionally names, at once: a code may pass from one of them to another.
///
/// # Errors
/// Same as [`rename`].
pub(super) fn recode(recording: &mut Recording<'_, '_>, changes: &[Recoded], turn: &Turn) -> StoreResult<()> {
    let mut future = Future::from(turn.on);
    let mut heads = Vec::with_capacity(changes.len());
    for wanted in changes {
        let head = find(recording.conn(), &Subtree::everything(), &wanted.code)?;
        let to = Wanted {
            name: wanted.name.as_deref(),
            code: Some(&wanted.new_code),
        };
        let mut violations = to.violations(head.level);
        violations.extend(turn.violations());
        if !violations.is_empty() {
            return Err(StoreError::Invalid(violations));
        }
        let was = standing_on(recording, &head, turn.on)?;
        let to = To {
            name: to.name.unwrap_or(&was.name),
            code: &wanted.new_code,
            parent: None,
            kind: was.kind,
        };
        change(recording, &mut future, &was, &to)?;
        heads.push(head);
    }
    future.write(recording, &turn.reason)?;
    for head in &heads {
        told(recording, "rename", head)?;
    }
    Ok(())
}

/// Frees the code of an area that will end on the date of the change, so that another area can have it from then on.
pub(super) fn vacate(recording: &mut Recording<'_, '_>, code: &str, turn: &Turn) -> StoreResult<()> {
    let head = find(recording.conn(), &Subtree::everything(), code)?;
    let was = standing_on(recording, &head, turn.on)?;
    let to = To {
        name: &was.name,
        code: &vacated(&was.code),
        parent: None,
        kind: was.kind,
    };
    put(recording, &was, &to, turn)?;
    told(recording, "rename", &head)?;
    Ok(())
}

/// Returns the first day of the first row that differs, in order of valid time.
fn first_day(rows: &[AreaVersion], differs: impl Fn(&AreaVersion) -> bool) -> Option<NaiveDate> {
    rows.iter().find(|row| differs(row)).map(|row| row.valid_from)
}

/// Adds the change of an area to the audit trail, and returns its current version.
pub(super) fn told(
    recording: &mut Recording<'_, '_>,
    verb: &'static str,
    before: &AreaVersion,
) -> StoreResult<AreaVersion> {
    let after = by_id(recording.conn(), before.area_id)?;
    recording.audit(&Entry {
        verb,
        resource: Noun::Area,
        id: &before.area_id.to_string(),
        area: Some(before.area_id),
        before: Some(&digest_of(before)?),
        after: Some(&digest_of(&after)?),
    })?;
    Ok(after)
}

fn nothing_changed() -> Violation {
    Violation::new(
        "/on",
        "nothing_changed",
        "该地区在该日已是如此。",
        "The area already has these values on that day.",
    )
}

fn nothing_wanted() -> Violation {
    Violation::new(
        "/name",
        "nothing_changed",
        "请填写新名称或新代码。",
        "Give a new name, a new code, or both.",
    )
}
