//! Writes an organization as a row of cells.

use chrono::NaiveDate;
use qiaojian_domain::organization::{ChecklistItem, PreciseDate, Reopening, Verification};

use super::Record;
use super::columns::{BASES, COLUMNS, Field, HOSTS, KINDS, POSTS, STATUSES, VERIFICATIONS, YES_NO};
use super::read::is_shown_only;
use crate::{Choices, Layout, clean, show_precise};

/// The values that a row shows besides the record.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shown<'a> {
    pub area_name: &'a str,
    pub verification: Option<Verification>,
}

/// Returns the cells of a row in the order of [`COLUMNS`], except the column of errors.
pub fn cells(record: &Record, shown: Shown<'_>) -> impl Iterator<Item = String> {
    let fields = COLUMNS.iter().map(|column| column.field);
    fields
        .filter(|field| *field != Field::Errors)
        .map(move |field| match field {
            Field::AreaName => shown.area_name.to_owned(),
            Field::Verification => shown
                .verification
                .map(|verification| word(VERIFICATIONS, verification.as_str()))
                .unwrap_or_default(),
            field => shown_cell(record, field),
        })
}

/// Returns the columns of a file in which two records differ as displayed.
pub fn differing(layout: &Layout<Field>, one: &Record, other: &Record) -> Vec<Field> {
    let differs = |field: &Field| {
        let looked_at = layout.place(*field).is_some() && !is_shown_only(*field) && *field != Field::Id;
        looked_at && clean(&shown_cell(one, *field)) != clean(&shown_cell(other, *field))
    };
    Field::ALL.iter().copied().filter(differs).collect()
}

/// Returns the displayed text of a cell.
pub fn shown_cell(record: &Record, field: Field) -> String {
    let facts = &record.facts;
    let (life, five, rules) = (&facts.life, &facts.five_have, &facts.standing_rules);
    match field {
        Field::Id => record.id.map(|id| id.to_string()).unwrap_or_default(),
        Field::Area => record.area.clone(),
        Field::Kind => word(KINDS, facts.kind.as_str()),
        Field::Name => facts.name.clone(),
        Field::Status => word(STATUSES, life.status.as_str()),
        Field::ApprovalOn => date(life.approved),
        Field::ApprovalDocNo => text(facts.approval_doc_no.as_deref()),
        Field::ApprovalPost => facts
            .approval_post
            .map(|post| word(POSTS, post.as_str()))
            .unwrap_or_default(),
        Field::EstablishedOn => date(life.established),
        Field::UnveiledOn => date(life.unveiled),
        Field::ClosedOn => date(life.closed),
        Field::Reopenings => reopenings(&life.reopenings),
        Field::Host => word(HOSTS, facts.host.as_str()),
        Field::Parent => record.parent.map(|id| id.to_string()).unwrap_or_default(),
        Field::Basis => word(BASES, facts.basis.as_str()),
        Field::Replaces => text(facts.replaces.as_deref()),
        Field::HasOffice => yes_no(facts.has_office),
        Field::Affiliation => text(facts.affiliation.as_deref()),
        Field::QuotaPosts => number(facts.quota_posts),
        Field::PostsFilled => number(facts.posts_filled),
        Field::FiveOrganization => item(five.organization.as_ref()),
        Field::FiveTeam => item(five.team.as_ref()),
        Field::FiveFunding => item(five.funding.as_ref()),
        Field::FiveVenue => item(five.venue.as_ref()),
        Field::FiveActivity => item(five.activity.as_ref()),
        Field::Learning => day(rules.learning),
        Field::Management => day(rules.management),
        Field::Contact => day(rules.contact),
        Field::Service => day(rules.service),
        Field::TermEndsOn => day(facts.term_ends_on),
        Field::Note => text(facts.note.as_deref()),
        Field::AreaName | Field::Verification | Field::Errors => String::new(),
    }
}

fn word(choices: Choices, stored: &str) -> String {
    let found = choices.iter().find(|(word, _)| *word == stored);
    found.map_or(stored, |(_, shown)| shown).to_owned()
}

fn text(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

fn number(number: Option<i32>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

fn date(date: Option<PreciseDate>) -> String {
    date.map(show_precise).unwrap_or_default()
}

fn day(day: Option<NaiveDate>) -> String {
    day.map(|day| day.to_string()).unwrap_or_default()
}

fn yes_no(yes: bool) -> String {
    word(YES_NO, if yes { "true" } else { "false" })
}

/// Returns `是`, `是；2022-03-01` or `是；；皖侨〔2022〕7号`.
fn item(item: Option<&ChecklistItem>) -> String {
    let Some(item) = item else {
        return String::new();
    };
    let (have, on) = (yes_no(item.have), day(item.on));
    // Cleaned in the same way as when read.
    match item.doc_no.as_deref().map(clean) {
        Some(doc_no) if !doc_no.is_empty() => format!("{have}；{on}；{doc_no}"),
        _ if on.is_empty() => have,
        _ => format!("{have}；{on}"),
    }
}

fn reopenings(all: &[Reopening]) -> String {
    let one = |one: &Reopening| format!("{}~{}", show_precise(one.closed()), show_precise(one.reopened()));
    all.iter().map(one).collect::<Vec<_>>().join("；")
}
