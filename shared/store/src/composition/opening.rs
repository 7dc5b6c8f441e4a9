//! Opens a number of a published bulletin: maps its position in the frozen figures to its members.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use qiaojian_documents::progress::{Added, Common};
use qiaojian_domain::area::Level;
use qiaojian_domain::dates::day_before;
use qiaojian_domain::ids::AreaId;

use crate::bulletins::BulletinRow;
use crate::db::AnyConnection;
use crate::figures::{
    Basis, CohortChoice, Facts, GroupBy, GroupKey, Member, Metric, Part, Question, members,
};
use crate::{Moment, Recorded, StoreError, StoreResult, Subtree, areas, ledger, rules};

/// The figure at a position of a bulletin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The code of its area: the bulletin's scope, or one of its cities.
    pub area: String,
    /// Exclusive.
    pub from: NaiveDate,
    pub metric: Metric,
    pub part: Part,
    pub group: GroupKey,
}

/// Returns the figure at this position of the common part, a JSON pointer (RFC 6901) such as `/totals/organizations`,
/// `/coverage/1/ratio/numerator` or `/cities/0/townships/denominator`. `None` if there is no number with members at
/// this position.
pub fn opened(common: &Common, pointer: &str) -> Option<Opened> {
    let place: Vec<&str> = pointer.strip_prefix('/')?.split('/').collect();
    let scope = common.scope.code.as_str();
    match place.as_slice() {
        ["totals", rest @ ..] => total(common, scope, rest),
        ["added_in_period", rest @ ..] => added(
            scope,
            day_before(common.period.first_day),
            &common.added_in_period,
            rest,
        ),
        ["added_since_baseline", rest @ ..] => {
            added(scope, common.baseline_on, &common.added_since_baseline, rest)
        }
        ["coverage", row, "ratio", part] => {
            let level = item(&common.coverage, row)?.level;
            covered(common, scope, level, part)
        }
        ["cohorts", row, number] => {
            let cohort = item(&common.cohorts, row)?.cohort;
            let group = BTreeMap::from([(GroupBy::Cohort, cohort.map(|cohort| cohort.to_string()))]);
            let metric = match *number {
                "organizations" => Metric::Organizations,
                "added_since_baseline" => Metric::Added,
                _ => return None,
            };
            let all = figure(scope, common.baseline_on, metric, Part::Numerator);
            Some(Opened { group, ..all })
        }
        ["cities", row, rest @ ..] => {
            let city = &item(&common.cities, row)?.city.code;
            of_city(common, city, rest)
        }
        _ => None,
    }
}

fn total(common: &Common, area: &str, place: &[&str]) -> Option<Opened> {
    let (metric, part) = match place {
        ["organizations"] => (Metric::Organizations, Part::Numerator),
        ["closed_since_baseline"] => (Metric::Closed, Part::Numerator),
        ["reopened_since_baseline"] => (Metric::Reopened, Part::Numerator),
        ["baseline"] => (Metric::Growth, Part::Denominator),
        ["growth", part] => (Metric::Growth, part_of(part)?),
        _ => return None,
    };
    Some(figure(area, common.baseline_on, metric, part))
}

fn added(area: &str, from: NaiveDate, added: &Added, place: &[&str]) -> Option<Opened> {
    let all = figure(area, from, Metric::Added, Part::Numerator);
    match place {
        ["total"] => Some(all),
        ["groups", row, "count"] => {
            let group = item(&added.groups, row)?;
            let level = (GroupBy::Level, Some(group.level.to_string()));
            let kind = (GroupBy::Kind, Some(group.kind.to_string()));
            Some(Opened {
                group: BTreeMap::from([level, kind]),
                ..all
            })
        }
        _ => None,
    }
}

fn of_city(common: &Common, city: &str, place: &[&str]) -> Option<Opened> {
    match place {
        ["organizations"] | ["growth", _] => total(common, city, place),
        ["added_in_period"] => {
            let from = day_before(common.period.first_day);
            Some(figure(city, from, Metric::Added, Part::Numerator))
        }
        ["added_since_baseline"] => Some(figure(city, common.baseline_on, Metric::Added, Part::Numerator)),
        ["counties", part] => covered(common, city, Level::County, part),
        ["townships", part] => covered(common, city, Level::Township, part),
        ["villages", part] => covered(common, city, Level::Village, part),
        _ => None,
    }
}

fn covered(common: &Common, area: &str, level: Level, part: &str) -> Option<Opened> {
    Some(Opened {
        group: BTreeMap::from([(GroupBy::Level, Some(level.to_string()))]),
        ..figure(area, common.as_of, Metric::OrganizationCoverage, part_of(part)?)
    })
}

fn figure(area: &str, from: NaiveDate, metric: Metric, part: Part) -> Opened {
    Opened {
        area: area.to_owned(),
        from,
        metric,
        part,
        group: GroupKey::new(),
    }
}

fn part_of(word: &str) -> Option<Part> {
    match word {
        "numerator" => Some(Part::Numerator),
        "denominator" => Some(Part::Denominator),
        _ => None,
    }
}

fn item<'a, T>(rows: &'a [T], number: &str) -> Option<&'a T> {
    rows.get(number.parse::<usize>().ok()?)
}

/// The members of a number: those that a reader may see, and how many it may not.
#[derive(Debug, Clone)]
pub struct Behind {
    pub rows: Vec<Member>,
    pub withheld: usize,
    /// The transaction time at which the bulletin was composed.
    pub known: Recorded,
}

/// Returns the members of a figure of a bulletin, as of the bulletin's date and transaction time, for the subtree that
/// `reader` had in the tree of that day. Run it in one snapshot (`db::snapshot`).
///
/// # Errors
/// Returns an error if the database fails.
pub fn behind(
    conn: &mut AnyConnection,
    bulletin: &BulletinRow,
    (common, opened): (&Common, &Opened),
    reader: AreaId,
) -> StoreResult<Behind> {
    let as_of = bulletin.as_of;
    let known = ledger::known_at(conn, Some(bulletin.known_at))?.known;
    let issuer = areas::on_day(conn, bulletin.issuer_area_id, as_of, known)?;
    let moment = Moment { as_of, known };
    let area = areas::find_on(conn, &issuer.subtree(), &opened.area, moment)?.path;
    let rule = (&*issuer.path, rules::DEFAULT);
    let (_, basis) = Basis::load(conn, rule, Some(bulletin.program_id), moment)?;
    let facts = Facts::load(conn, &Subtree::rooted_at(&area), as_of, known)?;
    let rows = |within: &str| {
        let question = Question {
            metrics: vec![opened.metric],
            within: Subtree::rooted_at(within),
            from: opened.from,
            to: as_of,
            as_of,
            baseline_on: Some(common.baseline_on),
            cohort: CohortChoice::All,
            group_by: opened.group.keys().copied().collect(),
        };
        let asked = (opened.metric, opened.part);
        members(&question, &basis, &facts, asked, &opened.group)
    };
    let all = rows(&area);
    // A reader that did not exist on that day sees nothing.
    let own = areas::on_day(conn, reader, as_of, known).map(|reader| reader.path);
    let seen = match own {
        Ok(own) if Subtree::rooted_at(&own).contains(&area) => all.clone(),
        Ok(own) if Subtree::rooted_at(&area).contains(&own) => rows(&own),
        Ok(_) | Err(StoreError::NotFound(_)) => Vec::new(),
        Err(other) => return Err(other),
    };
    Ok(Behind {
        withheld: all.len() - seen.len(),
        rows: seen,
        known,
    })
}

#[cfg(test)]
mod tests {
    use qiaojian_documents::progress_sample;

    use super::*;

    #[test]
    fn each_number_has_its_figure_and_nothing_else_has() {
        let common = progress_sample::common();
        let told = |pointer: &str| {
            opened(&common, pointer).map(|one| {
                let group: Vec<String> = one.group.values().flatten().cloned().collect();
                format!(
                    "{} {} {} {} {}",
                    one.area,
                    one.metric,
                    one.part,
                    one.from,
                    group.join(",")
                )
            })
        };
        for (pointer, figure) in [
            (
                "/totals/organizations",
                "340000 organizations numerator 2021-10-31 ",
            ),
            ("/totals/baseline", "340000 growth denominator 2021-10-31 "),
            ("/totals/growth/numerator", "340000 growth numerator 2021-10-31 "),
            (
                "/totals/closed_since_baseline",
                "340000 closed numerator 2021-10-31 ",
            ),
            (
                "/cohorts/0/added_since_baseline",
                "340000 added numerator 2021-10-31 pilot",
            ),
            (
                "/cohorts/2/organizations",
                "340000 organizations numerator 2021-10-31 ",
            ),
            (
                "/totals/reopened_since_baseline",
                "340000 reopened numerator 2021-10-31 ",
            ),
            ("/added_in_period/total", "340000 added numerator 2022-05-31 "),
            (
                "/added_since_baseline/groups/1/count",
                "340000 added numerator 2021-10-31 county,federation",
            ),
            (
                "/coverage/1/ratio/denominator",
                "340000 organization_coverage denominator 2022-06-24 county",
            ),
            (
                "/cities/0/organizations",
                "340300 organizations numerator 2021-10-31 ",
            ),
            ("/cities/0/added_in_period", "340300 added numerator 2022-05-31 "),
            (
                "/cities/0/villages/numerator",
                "340300 organization_coverage numerator 2022-06-24 village",
            ),
        ] {
            assert_eq!(told(pointer).as_deref(), Some(figure), "{pointer}");
        }
        for none in [
            "",
            "totals/organizations",
            "/totals",
            "/totals/growth/value",
            "/cities/99/organizations",
            "/cities/0/closed_since_baseline",
            "/cities/x/organizations",
            "/added_in_period/groups/0/level",
            "/as_of",
        ] {
            assert_eq!(told(none), None, "{none}");
        }
    }
}
