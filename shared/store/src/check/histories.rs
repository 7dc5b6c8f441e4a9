//! Checks the invariants of the rows themselves, however they were written.

use qiaojian_domain::area::path_under;
use qiaojian_domain::history::{Days, Span, first_day_without, first_flaw, overlap};

use super::{Check, Report};
use crate::StoreResult;
use crate::db::AnyConnection;
use crate::lives::{self, AreaLife, OrganizationLife, Present};

pub(super) fn areas(conn: &mut AnyConnection) -> StoreResult<Report> {
    let mut report = Report::of(Check::Areas);
    let mut after = None;
    loop {
        let page = lives::areas(conn, after)?;
        let Some(last) = page.lives.last() else {
            return Ok(report);
        };
        after = Some(last.id);
        for life in &page.lives {
            report.looked_at(life.versions.len());
            area(&mut report, life, &page.stood);
        }
    }
}

fn area(report: &mut Report, life: &AreaLife, parents: &Present) {
    let id = life.id;
    if life.versions.is_empty() {
        report.differs(format!("area {id} has no version"));
    }
    let spans: Vec<_> = life.versions.iter().map(|version| version.span).collect();
    if let Some(flaw) = first_flaw(&spans) {
        report.differs(format!("area {id}: {flaw}"));
    }
    let known_now = life
        .versions
        .iter()
        .filter(|version| version.span.superseded_seq.is_none());
    for version in known_now {
        let (code, path) = (&version.code, &version.path);
        let Some(parent) = version.parent else {
            if *path != path_under("", code) {
                report.differs(format!("area {id} ({code}) has no parent and the path {path}"));
            }
            continue;
        };
        let above = parents.of(parent);
        let days: Vec<Days> = above.iter().map(|above| above.days).collect();
        if let Some(day) = first_day_without(version.span.days, &days) {
            report.differs(format!("area {id} ({code}): its parent does not exist on {day}"));
        }
        let elsewhere = above
            .iter()
            .find(|above| overlap(above.days, version.span.days) && *path != path_under(&above.path, code));
        if let Some(above) = elsewhere {
            report.differs(format!(
                "area {id} ({code}) has the path {path}, and its parent {}",
                above.path
            ));
        }
    }
}

pub(super) fn organizations(conn: &mut AnyConnection) -> StoreResult<Report> {
    let mut report = Report::of(Check::Organizations);
    for (area, kind, rows) in lives::doubled(conn)? {
        report.differs(format!(
            "area {area} has {rows} active organizations of the kind {kind}"
        ));
    }
    let mut after = None;
    loop {
        let page = lives::organizations(conn, after)?;
        let Some(last) = page.lives.last() else {
            return Ok(report);
        };
        after = Some(last.id);
        for life in &page.lives {
            report.looked_at(life.versions.len());
            organization(&mut report, life, &page.stood);
        }
    }
}

fn organization(report: &mut Report, life: &OrganizationLife, areas: &Present) {
    let id = life.id;
    let spans: Vec<_> = life.versions.iter().map(|version| version.span).collect();
    if let Some(flaw) = first_flaw(&spans) {
        report.differs(format!("organization {id}: {flaw}"));
    }
    let known_now = || {
        life.versions
            .iter()
            .filter(|version| version.span.superseded_seq.is_none())
    };
    let has_head = spans.iter().any(is_head);
    match life.voided_seq {
        Some(_) if known_now().next().is_some() => {
            report.differs(format!(
                "organization {id} is void, but still has a version that is not superseded"
            ));
        }
        None if !has_head => {
            report.differs(format!("organization {id} has no open-ended version"));
        }
        _ => {}
    }
    for version in known_now().filter(|version| version.is_active) {
        let stood: Vec<Days> = areas.of(version.area).iter().map(|area| area.days).collect();
        if let Some(day) = first_day_without(version.span.days, &stood) {
            report.differs(format!(
                "organization {id}: its area {} does not exist on {day}",
                version.area
            ));
        }
    }
}

pub(super) fn assignments(conn: &mut AnyConnection) -> StoreResult<Report> {
    let mut report = Report::of(Check::Assignments);
    let mut after = None;
    loop {
        let page = lives::assignments(conn, after)?;
        let Some((last, _)) = page.last() else {
            return Ok(report);
        };
        after = Some(*last);
        for (id, spans) in &page {
            report.looked_at(spans.len());
            if let Some(flaw) = first_flaw(spans) {
                report.differs(format!("assignment {id}: {flaw}"));
            }
            if !spans.iter().any(is_head) {
                report.differs(format!("assignment {id} has no open-ended version"));
            }
        }
    }
}

fn is_head(span: &Span) -> bool {
    span.superseded_seq.is_none() && span.days.1.is_none()
}
