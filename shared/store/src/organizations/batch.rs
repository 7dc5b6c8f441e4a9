//! Records several organizations at once: all or none.

use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;
use qiaojian_domain::Conflict;
use qiaojian_domain::Violation;
use qiaojian_domain::ids::{AreaId, OrganizationId};
use qiaojian_domain::organization::{Host, Kind};

use super::lives::taken_places;
use super::write::{admit, made_before, put};
use super::{Created, NewOrganization, OrganizationInArea};
use crate::areas::Subtree;
use crate::ledger::Recording;
use crate::{StoreError, StoreResult};

/// One item of a batch: the organization to record, or the violations already found in it.
pub type Item = Result<NewOrganization, Vec<Violation>>;

/// Records the organizations in the given order, each as [`super::create`] would: all or none. `pointer` is the JSON
/// pointer of the list in the body.
///
/// # Errors
/// [`StoreError::Invalid`] with the violations of all items, including `organization_exists` and `id_taken`; or a
/// database error.
pub fn create_all(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    (pointer, items): (&str, &[Item]),
    today: NaiveDate,
) -> StoreResult<Vec<Created>> {
    let mut taken = Taken::of(recording, items)?;
    let mut wrong = Vec::new();
    let mut admitted = Vec::new();
    for (number, item) in items.iter().enumerate() {
        let verdict = match item {
            Ok(new) => examine(recording, visible, new, today)
                .and_then(|before| taken.take(number, new, before.is_some()).map(|()| (new, before))),
            Err(violations) => Err(StoreError::Invalid(violations.clone())),
        };
        match verdict {
            Ok(one) => admitted.push(one),
            Err(StoreError::Invalid(violations)) => {
                let place = format!("{pointer}/{number}");
                wrong.extend(violations.into_iter().map(|violation| violation.under(&place)));
            }
            Err(other) => return Err(other),
        }
    }
    if !wrong.is_empty() {
        return Err(StoreError::Invalid(wrong));
    }
    admitted
        .into_iter()
        .map(|(new, before)| match before {
            Some(before) => Ok(Created::Before(before)),
            None => put(recording, new, today).map(Created::New),
        })
        .collect()
}

/// Checks one item. Returns the current organization if the same request has already created it, or `None` if it can be
/// recorded.
fn examine(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    new: &NewOrganization,
    today: NaiveDate,
) -> StoreResult<Option<OrganizationInArea>> {
    match made_before(recording, visible, new) {
        // A used id belongs to an organization that is voided or not visible.
        Err(StoreError::Conflict(Conflict::IdTaken) | StoreError::NotFound(_)) => Err(id_taken().into()),
        Ok(None) => admit(recording, visible, new, today).map(|()| None),
        before => before,
    }
}

/// What is already taken and must stay unique.
struct Taken {
    ids: HashSet<OrganizationId>,
    /// Areas that already have an active organization of a kind: in the register (`None`), or by the item with this
    /// index.
    places: HashMap<(AreaId, Kind), Option<usize>>,
}

impl Taken {
    fn of(recording: &mut Recording<'_, '_>, items: &[Item]) -> StoreResult<Self> {
        let areas = items.iter().flatten().map(|new| new.area.area_id);
        let stand = taken_places(recording.conn(), areas)?;
        Ok(Self {
            ids: HashSet::new(),
            places: stand.into_iter().map(|place| (place, None)).collect(),
        })
    }

    /// Reserves what a new organization must hold exclusively. One that was created before already holds it.
    fn take(&mut self, number: usize, new: &NewOrganization, made_before: bool) -> StoreResult<()> {
        if !self.ids.insert(new.id) {
            return Err(id_taken().into());
        }
        let facts = &new.facts;
        if made_before || facts.host != Host::Area || !facts.life.status.is_active() {
            return Ok(());
        }
        match self.places.insert((new.area.area_id, facts.kind), Some(number)) {
            None => Ok(()),
            Some(None) => Err(exists().into()),
            Some(Some(other)) => Err(twice(other).into()),
        }
    }
}

pub(super) fn id_taken() -> Violation {
    Conflict::IdTaken.violation("/id")
}

pub(super) fn exists() -> Violation {
    Conflict::OrganizationExists.violation("/kind")
}

fn twice(other: usize) -> Violation {
    Violation::new(
        "/kind",
        "organization_twice",
        format!(
            "与同批第 {} 项的地区和类别相同；一个地区同类组织只能有一个。",
            other + 1
        ),
        format!(
            "Item {} of the same request has the same area and kind. An area can have only one organization of each kind.",
            other + 1
        ),
    )
}
