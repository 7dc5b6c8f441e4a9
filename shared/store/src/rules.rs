//! Versioned rule parameters: superseded, never edited.

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::Violation;
use qiaojian_domain::clock::{UtcTime, start_of_day_in_shanghai};
use qiaojian_domain::digest::{canonical, digest_of};
use qiaojian_domain::establishment::EstablishmentParams;
use qiaojian_domain::ids::{AreaId, RuleId};
use qiaojian_domain::period::Period;
pub use qiaojian_domain::rule::DEFAULT;
use qiaojian_domain::rule::{CountingParams, ReportingParams, RuleKind};
use qiaojian_domain::{Conflict, Noun};
use serde::Serialize;

use super::Recorded;
use super::areas::Subtree;
use super::audit::Entry;
use super::ledger::Recording;
use super::{StoreError, StoreResult, same_request};
use crate::db::AnyConnection;
use crate::db::schema::{area_versions, rules};
use crate::predicates::{area_on, known_at, last_area};

/// One version of a rule.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable)]
#[diesel(table_name = rules)]
pub struct RuleRow {
    pub id: RuleId,
    pub kind: RuleKind,
    pub name: String,
    /// The area it binds, with all its descendants.
    pub scope_area_id: AreaId,
    pub version: i64,
    pub effective_from: NaiveDate,
    /// Canonical JSON.
    pub params: String,
    /// The source document of the rule.
    pub source: String,
    pub recorded_seq: i64,
    pub recorded_at: UtcTime,
    pub superseded_seq: Option<i64>,
    pub superseded_at: Option<UtcTime>,
}

/// A rule to record.
#[derive(Debug, Clone)]
pub struct NewRule {
    pub id: RuleId,
    pub kind: RuleKind,
    pub name: String,
    pub scope_area: AreaId,
    pub effective_from: NaiveDate,
    pub params: serde_json::Value,
    pub source: String,
}

/// Returns the rule that the same request has already recorded, in its current state.
///
/// # Errors
/// [`StoreError::Conflict`] `id_taken` if the id belongs to another rule, or a database error.
pub fn made_before(conn: &mut AnyConnection, new: &NewRule) -> StoreResult<Option<RuleRow>> {
    let known: Option<RuleRow> = rules::table
        .find(new.id)
        .select(RuleRow::as_select())
        .first(conn)
        .optional()?;
    let params = canonical(&new.params)?;
    same_request::made_before(known, |row| {
        row.kind == new.kind
            && row.name == new.name
            && row.scope_area_id == new.scope_area
            && row.effective_from == new.effective_from
            && row.params == params
            && row.source == new.source
    })
}

/// Records the next version of the rule of this kind, name and area. An establishment rule can have at most one new
/// version per day (Asia/Shanghai), and none that takes effect before the last one: trying many thresholds in a row
/// would reveal the counts of each village through its gaps. Call [`made_before`] first.
///
/// # Errors
/// [`StoreError::Conflict`] `rule_changed_today`, a violation, or a database error.
pub fn create(recording: &mut Recording<'_, '_>, new: &NewRule) -> StoreResult<RuleRow> {
    let recorded = recording.recorded();
    let newest: Option<RuleRow> = rules::table
        .filter(
            rules::kind
                .eq(new.kind)
                .and(rules::name.eq(&new.name))
                .and(rules::scope_area_id.eq(new.scope_area)),
        )
        .order(rules::version.desc())
        .select(RuleRow::as_select())
        .first(recording.conn())
        .optional()?;
    if let Some(last) = newest.as_ref().filter(|_| new.kind == RuleKind::Establishment) {
        if last.recorded_at.date_in_shanghai() == recorded.at.date_in_shanghai() {
            return Err(StoreError::Conflict(Conflict::RuleChangedToday));
        }
        if new.effective_from < last.effective_from {
            return Err(Violation::new(
                "/effective_from",
                "before_last_version",
                format!("生效日期不能早于上一版本（{}）。", last.effective_from),
                format!(
                    "It must not take effect before the last version ({}).",
                    last.effective_from
                ),
            )
            .into());
        }
    }
    let row = RuleRow {
        id: new.id,
        kind: new.kind,
        name: new.name.clone(),
        scope_area_id: new.scope_area,
        version: newest.map_or(0, |last| last.version) + 1,
        effective_from: new.effective_from,
        params: canonical(&new.params)?,
        source: new.source.clone(),
        recorded_seq: recorded.seq,
        recorded_at: recorded.at,
        superseded_seq: None,
        superseded_at: None,
    };
    diesel::insert_into(rules::table)
        .values(&row)
        .execute(recording.conn())?;
    let id = row.id.to_string();
    recording.audit(&Entry {
        verb: "create",
        resource: Noun::Rule,
        id: &id,
        area: Some(row.scope_area_id),
        before: None,
        after: Some(&digest_of(&row)?),
    })?;
    Ok(row)
}

/// Returns every version of every rule known at `known`, with the current code of its area.
///
/// # Errors
/// Returns an error if the database fails.
pub fn list(
    conn: &mut AnyConnection,
    kind: Option<RuleKind>,
    known: Recorded,
) -> QueryResult<Vec<(RuleRow, String)>> {
    let mut query = rules::table
        .inner_join(last_area!(rules::scope_area_id))
        .filter(known_at!(rules, known))
        .order((rules::kind, rules::name, rules::version))
        .select((RuleRow::as_select(), area_versions::code))
        .into_boxed();
    if let Some(kind) = kind {
        query = query.filter(rules::kind.eq(kind));
    }
    query.load(conn)
}

/// Returns the versions in force on a day, as known at `known`: for each kind, name and area existing then, the latest
/// version that had taken effect, with the area's code on that day.
///
/// # Errors
/// Returns an error if the database fails.
pub fn list_in_force(
    conn: &mut AnyConnection,
    kind: Option<RuleKind>,
    on: NaiveDate,
    known: Recorded,
) -> QueryResult<Vec<(RuleRow, String)>> {
    let mut query = rules::table
        .inner_join(area_on!(rules::scope_area_id, on, known))
        .filter(rules::effective_from.le(on))
        .filter(known_at!(rules, known))
        .select((RuleRow::as_select(), area_versions::code))
        .into_boxed();
    if let Some(kind) = kind {
        query = query.filter(rules::kind.eq(kind));
    }
    Ok(newest_of_each(query.load(conn)?))
}

/// Returns the latest of these versions for each kind, name and area.
fn newest_of_each<T>(mut rows: Vec<(RuleRow, T)>) -> Vec<(RuleRow, T)> {
    fn of(row: &RuleRow) -> (RuleKind, &str, AreaId) {
        (row.kind, &row.name, row.scope_area_id)
    }
    rows.sort_by(|(one, _), (other, _)| {
        let newest_first = (other.effective_from, other.version).cmp(&(one.effective_from, one.version));
        of(one).cmp(&of(other)).then(newest_first)
    });
    rows.dedup_by(|(later, _), (kept, _)| of(later) == of(kept));
    rows
}

/// Returns whether a rule was recorded after a ledger position and up to `known`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn changed(conn: &mut AnyConnection, since: i64, known: Recorded) -> QueryResult<bool> {
    let recorded = rules::recorded_seq
        .gt(since)
        .and(rules::recorded_seq.le(known.seq));
    diesel::select(diesel::dsl::exists(rules::table.filter(recorded))).get_result(conn)
}

/// Which rule an answer was made by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct RuleRef {
    pub kind: RuleKind,
    pub name: String,
    pub version: i64,
    /// The code of the area it is recorded for, with all below it; none of the built-in rule.
    pub scope: Option<String>,
}

/// Returns the code of the area with this path.
fn code_of(path: &str) -> Option<String> {
    path.split_terminator('/').next_back().map(str::to_owned)
}

/// An establishment rule with the subtree it binds.
#[derive(Debug, Clone)]
pub struct Establishment {
    pub rule: RuleRef,
    pub scope: Subtree,
    pub params: EstablishmentParams,
    /// The first day on which this version is in force.
    pub effective_from: NaiveDate,
}

/// Returns the establishment rules named `default` that affect `within` on `as_of`, as known at `known`: for each scope
/// the latest version in force, an area before its descendants. For each level, the nearest scope at or above an area
/// whose rule covers the level binds ([`qiaojian_domain::establishment::Asking`]).
///
/// # Errors
/// Returns an error if the database fails.
pub fn establishment(
    conn: &mut AnyConnection,
    within: &Subtree,
    as_of: NaiveDate,
    known: Recorded,
) -> StoreResult<Vec<Establishment>> {
    let mut rows = newest_of_each(in_force(conn, RuleKind::Establishment, DEFAULT, as_of, known)?);
    rows.sort_by(|(_, one), (_, other)| one.cmp(other));
    rows.into_iter()
        .filter(|(_, scope)| within.contains(scope) || Subtree::rooted_at(scope).contains(within.lower()))
        .map(|(row, scope)| {
            Ok(Establishment {
                params: serde_json::from_str(&row.params)?,
                scope: Subtree::rooted_at(&scope),
                effective_from: row.effective_from,
                rule: RuleRef {
                    scope: code_of(&scope),
                    kind: row.kind,
                    name: row.name,
                    version: row.version,
                },
            })
        })
        .collect()
}

/// Returns every version of the rules of this kind and name that is in force on `as_of`, as known at `known`, with the
/// path of its scope.
fn in_force(
    conn: &mut AnyConnection,
    kind: RuleKind,
    name: &str,
    as_of: NaiveDate,
    known: Recorded,
) -> QueryResult<Vec<(RuleRow, String)>> {
    rules::table
        .inner_join(area_on!(rules::scope_area_id, as_of, known))
        .filter(rules::kind.eq(kind).and(rules::name.eq(name)))
        .filter(rules::effective_from.le(as_of))
        .filter(known_at!(rules, known))
        .select((RuleRow::as_select(), area_versions::path))
        .load(conn)
}

/// Returns the instant from which reports of a period are late for its figures, by the reporting rule that binds the
/// area with this path on the period's last day, as known at `known`. `None` if no rule closes it.
///
/// # Errors
/// Returns an error if the database fails.
pub fn closed_at(
    conn: &mut AnyConnection,
    path: &str,
    period: Period,
    known: Recorded,
) -> StoreResult<Option<UtcTime>> {
    let rows = in_force(conn, RuleKind::Reporting, DEFAULT, period.last_day(), known)?;
    let Some((rule, _)) = nearest(rows, path) else {
        return Ok(None);
    };
    let params: ReportingParams = serde_json::from_str(&rule.params)?;
    Ok(params.closed_from(period).map(start_of_day_in_shanghai))
}

/// Returns the version that binds the area with this path: of the nearest scope at or above it, the latest.
fn nearest(rows: Vec<(RuleRow, String)>, path: &str) -> Option<(RuleRow, String)> {
    rows.into_iter()
        .filter(|(_, scope)| Subtree::rooted_at(scope).contains(path))
        .max_by_key(|(rule, scope)| (scope.len(), rule.effective_from, rule.version))
}

/// Returns the versions of the counting rule `name` that bind the area with this path, each with its first day up to
/// `as_of`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn counting_versions(
    conn: &mut AnyConnection,
    (path, name): (&str, &str),
    as_of: NaiveDate,
    known: Recorded,
) -> StoreResult<Vec<(NaiveDate, CountingParams)>> {
    in_force(conn, RuleKind::Counting, name, as_of, known)?
        .into_iter()
        .filter(|(_, scope)| Subtree::rooted_at(scope).contains(path))
        .map(|(rule, _)| Ok((rule.effective_from, serde_json::from_str(&rule.params)?)))
        .collect()
}

/// Returns the subtrees with a version of the counting rule `name` in force on `as_of`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn counting_scopes(
    conn: &mut AnyConnection,
    name: &str,
    as_of: NaiveDate,
    known: Recorded,
) -> QueryResult<Vec<Subtree>> {
    let rows = in_force(conn, RuleKind::Counting, name, as_of, known)?;
    Ok(rows.iter().map(|(_, scope)| Subtree::rooted_at(scope)).collect())
}

/// Returns the counting rule `name` that binds the area with this path on `as_of`, as known at `known`: of the nearest
/// scope at or above it, the latest version in force. If nothing is recorded, `default` version 0 counts from 成立.
///
/// # Errors
/// [`StoreError::NotFound`] if no rule has this name, or a database error.
pub fn counting(
    conn: &mut AnyConnection,
    path: &str,
    name: &str,
    as_of: NaiveDate,
    known: Recorded,
) -> StoreResult<(RuleRef, CountingParams)> {
    let candidates = in_force(conn, RuleKind::Counting, name, as_of, known)?;
    match nearest(candidates, path) {
        Some((rule, scope)) => {
            let params = serde_json::from_str(&rule.params)?;
            Ok((
                RuleRef {
                    kind: rule.kind,
                    name: rule.name,
                    version: rule.version,
                    scope: code_of(&scope),
                },
                params,
            ))
        }
        None if name == DEFAULT => {
            let rule = RuleRef {
                kind: RuleKind::Counting,
                name: DEFAULT.to_owned(),
                version: 0,
                scope: None,
            };
            Ok((rule, CountingParams::default()))
        }
        None => Err(StoreError::NotFound(Noun::Rule)),
    }
}
