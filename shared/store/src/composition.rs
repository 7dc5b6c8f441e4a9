//! Composes the content of a progress bulletin from the register: every number is a figure over the facts of one
//! snapshot.

mod opening;
mod parts;

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use qiaojian_documents::progress::{
    Added, AddedGroup, AreaName, CityFigures, CohortFigures, Common, CountyGap, Coverage, FORMAT, Own,
    RuleUsed, Tasks, Totals, title,
};
use qiaojian_domain::Conflict;
use qiaojian_domain::area::{AreaKind, Level};
use qiaojian_domain::assignment::{AssignmentStatus, Light, light};
use qiaojian_domain::digest::{canonical, sha256_hex};
use qiaojian_domain::ids::AreaId;
use qiaojian_domain::period::Period;
use qiaojian_domain::program::Cohort;
use qiaojian_domain::rule::CountedFrom;

pub use opening::{Behind, Opened, behind, opened};
use parts::{ByLevel, basis_note, missing, number, ratio, rows, span, word};

use crate::bulletins::{BulletinKey, ComposedBulletin, ComposedNotice};
use crate::db::AnyConnection;
use crate::figures::{Answer, Basis, CohortChoice, Facts, GroupBy, Metric, Place, Question, answer};
use crate::programs::ProgramVersion;
use crate::rules::{self, RuleRef};
use crate::schedules::Recipients;
use crate::task_standing::{self, Standing};
use crate::{Moment, Recorded, StoreError, StoreResult, Subtree, areas, closing, ledger, programs};

/// Composes the bulletin of `key` for the recipients of a cohort. Run it in one snapshot (`db::snapshot`). `as_of` is
/// the last day of the period, or `today` (Asia/Shanghai) while the period is not over. If a reporting rule closes the
/// period and its cut-off is past, the bulletin is composed as known at the cut-off.
///
/// # Errors
/// [`StoreError::Conflict`] `no_document` for kinds that have no document yet, `no_recipients` if the cohort is empty,
/// or a database error.
pub fn compose(
    conn: &mut AnyConnection,
    key: &BulletinKey,
    recipients: &Recipients,
    today: NaiveDate,
) -> StoreResult<ComposedBulletin> {
    let now = ledger::known(conn)?;
    let of = (key.issuer, Some(key.program));
    let known = closing::of_period(conn, of, key.period, now)?.known;
    compose_as_known(conn, key, recipients, key.period.last_day().min(today), known)
}

/// Composes a bulletin as it was, or would have been, composed for `as_of` at the ledger position `known`.
///
/// # Errors
/// Same as [`compose`].
pub fn compose_as_known(
    conn: &mut AnyConnection,
    key: &BulletinKey,
    recipients: &Recipients,
    as_of: NaiveDate,
    known: Recorded,
) -> StoreResult<ComposedBulletin> {
    if !key.kind.has_document() {
        return Err(StoreError::Conflict(Conflict::NoDocument));
    }
    let program = programs::find_known_at(conn, key.program, known)?;
    let issuer = areas::on_day(conn, key.issuer, as_of, known)?;
    let within = issuer.subtree();
    let facts = Facts::load(conn, &within, as_of, known)?;
    let moment = Moment { as_of, known };
    let rule = (&*issuer.path, rules::DEFAULT);
    let (rule, basis) = Basis::load(conn, rule, Some(key.program), moment)?;
    let scene = Scene {
        program: &program,
        period: key.period,
        as_of,
        within,
        names: names(conn, &facts, as_of, known)?,
        facts: &facts,
        basis: &basis,
    };
    let cities = scene.cities(recipients.cohort);
    if cities.is_empty() {
        return Err(StoreError::Conflict(Conflict::NoRecipients));
    }
    let ids: Vec<AreaId> = cities.iter().filter_map(|city| facts.tree.id(*city)).collect();
    let standings = task_standing::on(conn, key.program, &ids, recipients.post, as_of, known)?;
    let common = scene.common(
        (&issuer.name, &issuer.code),
        &rule,
        basis.counting.counted_from,
        known,
        &cities,
    );
    let figures = canonical(&common)?;
    let mut heading = title(&program.title, &key.period.chinese());
    if program.illustrative {
        // The title is shown by inboxes, lists and mail clients.
        heading.insert_str(0, "【演示】");
    }
    let notices = cities
        .iter()
        .zip(ids)
        .map(|(city, id)| {
            let own = canonical(&scene.own(*city, id, &standings))?;
            Ok(ComposedNotice {
                area: id,
                post: recipients.post,
                title: heading.clone(),
                digest: sha256_hex(&own),
                figures: own,
            })
        })
        .collect::<StoreResult<_>>()?;
    Ok(ComposedBulletin {
        title: heading,
        as_of,
        known_at: known.at,
        rules: canonical(&[rule])?,
        digest: sha256_hex(&figures),
        figures,
        notices,
    })
}

/// Returns the names of the areas that a bulletin mentions: cities and counties.
fn names(
    conn: &mut AnyConnection,
    facts: &Facts,
    as_of: NaiveDate,
    known: Recorded,
) -> StoreResult<HashMap<AreaId, String>> {
    let tree = &facts.tree;
    let named = |place: &Place| matches!(tree.level(*place), Some(Level::City | Level::County));
    let ids: Vec<AreaId> = tree
        .all()
        .filter(named)
        .filter_map(|place| tree.id(place))
        .collect();
    Ok(areas::names_on(conn, &ids, as_of, known)?)
}

/// The inputs of every part of the bulletin. Each number is a figure as `/v1/figures` would return it.
struct Scene<'a> {
    program: &'a ProgramVersion,
    period: Period,
    as_of: NaiveDate,
    /// The issuer's subtree.
    within: Subtree,
    names: HashMap<AreaId, String>,
    facts: &'a Facts,
    basis: &'a Basis,
}

impl Scene<'_> {
    fn common(
        &self,
        issuer: (&str, &str),
        rule: &RuleRef,
        counted_from: CountedFrom,
        known: Recorded,
        cities: &[Place],
    ) -> Common {
        let (issuer_name, issuer_code) = issuer;
        let all = &self.within;
        let totals = self.ask(
            all,
            self.program.baseline_on,
            &[
                Metric::Organizations,
                Metric::Growth,
                Metric::Closed,
                Metric::Reopened,
            ],
            &[],
        );
        let total = |metric| number(&totals.totals, metric);
        let growth = ratio(&totals.totals, Metric::Growth);
        let coverage = self.coverage(all);
        Common {
            format: FORMAT,
            illustrative: self.program.illustrative,
            program: self.program.title.clone(),
            issuer: qiaojian_documents::page::addressee(
                issuer_name,
                qiaojian_domain::access::Post::Federation,
            ),
            scope: AreaName {
                code: issuer_code.to_owned(),
                name: issuer_name.to_owned(),
            },
            period: span(self.period),
            next_period: span(self.period.next().unwrap_or(self.period)),
            as_of: self.as_of,
            known_at: known.at,
            baseline_on: self.program.baseline_on,
            totals: Totals {
                organizations: total(Metric::Organizations),
                baseline: growth.denominator,
                closed_since_baseline: total(Metric::Closed),
                reopened_since_baseline: Some(total(Metric::Reopened)),
                growth,
            },
            added_in_period: self.added(all, self.period.eve()),
            added_since_baseline: self.added(all, self.program.baseline_on),
            coverage: [Level::City, Level::County, Level::Township, Level::Village]
                .into_iter()
                .map(|level| Coverage {
                    level,
                    ratio: coverage.at(level),
                })
                .collect(),
            cohorts: self.cohorts(),
            cities: cities.iter().map(|city| self.city(*city)).collect(),
            rules: vec![RuleUsed {
                kind: rule.kind,
                name: rule.name.clone(),
                version: rule.version,
            }],
            basis_note: Some(basis_note(counted_from).to_owned()),
        }
    }

    fn own(&self, city: Place, id: AreaId, standings: &[Standing]) -> Own {
        let within = self.subtree(city);
        let mine: Vec<&Standing> = standings
            .iter()
            .filter(|standing| standing.area == id && standing.status != AssignmentStatus::Cancelled)
            .collect();
        let is_done = |standing: &&&Standing| standing.status == AssignmentStatus::Accepted;
        let is_overdue = |standing: &&&Standing| {
            light(
                standing.status,
                standing.due_on,
                standing.submitted_on,
                self.as_of,
            ) == Light::Red
        };
        let next = self.period.next();
        // A submitted assignment waits for the issuer, not for the city.
        let is_due_next = |standing: &&&Standing| {
            standing.status.is_open()
                && standing.status != AssignmentStatus::Submitted
                && next.is_some_and(|next| (next.first_day()..=next.last_day()).contains(&standing.due_on))
        };
        Own {
            format: FORMAT,
            figures: self.city(city),
            added_in_period: self.added(&within, self.period.eve()),
            added_since_baseline: self.added(&within, self.program.baseline_on),
            gaps: self.gaps(city),
            tasks: Tasks {
                done: rows(mine.iter().filter(is_done)),
                open: rows(
                    mine.iter()
                        .filter(|standing| !is_done(standing) && !is_overdue(standing)),
                ),
                overdue: rows(mine.iter().filter(is_overdue)),
            },
            due_next: rows(mine.iter().filter(is_due_next)),
        }
    }

    /// Returns the figures of each cohort, which add up to the totals.
    fn cohorts(&self) -> Vec<CohortFigures> {
        let metrics = [Metric::Organizations, Metric::Added];
        let by_cohort = [GroupBy::Cohort];
        let answer = self.ask(&self.within, self.program.baseline_on, &metrics, &by_cohort);
        let mut cohorts: BTreeMap<Option<Cohort>, (i64, i64)> = BTreeMap::new();
        for figure in &answer.items {
            let sums = cohorts.entry(word(figure, GroupBy::Cohort)).or_default();
            match figure.metric {
                Metric::Added => sums.1 += figure.numerator,
                _ => sums.0 += figure.numerator,
            }
        }
        let cohorts = cohorts.into_iter().map(|(cohort, sums)| CohortFigures {
            cohort,
            organizations: sums.0,
            added_since_baseline: sums.1,
        });
        cohorts.collect()
    }

    /// Returns the cities of a cohort, by code.
    fn cities(&self, cohort: Cohort) -> Vec<Place> {
        let tree = &self.facts.tree;
        let is_one = |place: &Place| {
            tree.level(*place) == Some(Level::City)
                && self.basis.cohort_of(&tree.path(*place)) == Some(cohort)
        };
        tree.range(&self.within).filter(is_one).collect()
    }

    fn city(&self, city: Place) -> CityFigures {
        let within = self.subtree(city);
        let since_baseline = self.ask(
            &within,
            self.program.baseline_on,
            &[Metric::Organizations, Metric::Growth],
            &[],
        );
        let in_period = self.ask(&within, self.period.eve(), &[Metric::Added], &[]);
        let growth = ratio(&since_baseline.totals, Metric::Growth);
        let coverage = self.coverage(&within);
        CityFigures {
            city: self.name(city),
            organizations: number(&since_baseline.totals, Metric::Organizations),
            added_in_period: number(&in_period.totals, Metric::Added),
            added_since_baseline: growth.numerator.unwrap_or(0),
            growth,
            counties: coverage.at(Level::County),
            townships: coverage.at(Level::Township),
            villages: coverage.at(Level::Village),
        }
    }

    /// Returns every county of a city: administrative ones, and statistical ones that contain real townships.
    fn gaps(&self, city: Place) -> Vec<CountyGap> {
        let tree = &self.facts.tree;
        tree.children(city)
            .filter(|county| tree.level(*county) == Some(Level::County))
            .filter_map(|county| {
                let coverage = self.coverage(&self.subtree(county));
                let townships = missing(coverage.at(Level::Township));
                let is_real = tree.kind(county) == Some(AreaKind::Administrative);
                (is_real || townships.of != Some(0)).then(|| CountyGap {
                    county: self.name(county),
                    statistical: !is_real,
                    has_organization: is_real.then(|| coverage.at(Level::County).numerator == Some(1)),
                    townships,
                    villages: missing(coverage.at(Level::Village)),
                })
            })
            .collect()
    }

    fn added(&self, within: &Subtree, from: NaiveDate) -> Added {
        let answer = self.ask(within, from, &[Metric::Added], &[GroupBy::Level, GroupBy::Kind]);
        let mut groups: Vec<AddedGroup> = answer
            .items
            .iter()
            .filter_map(|figure| {
                Some(AddedGroup {
                    level: word(figure, GroupBy::Level)?,
                    kind: word(figure, GroupBy::Kind)?,
                    count: figure.numerator,
                })
            })
            .collect();
        groups.sort_by_key(|group| (group.level, group.kind));
        Added {
            total: number(&answer.totals, Metric::Added),
            groups,
        }
    }

    fn coverage(&self, within: &Subtree) -> ByLevel {
        ByLevel(
            self.ask(
                within,
                self.as_of,
                &[Metric::OrganizationCoverage],
                &[GroupBy::Level],
            )
            .items,
        )
    }

    fn ask(&self, within: &Subtree, from: NaiveDate, metrics: &[Metric], group_by: &[GroupBy]) -> Answer {
        let question = Question {
            metrics: metrics.to_vec(),
            within: within.clone(),
            from,
            to: self.as_of,
            as_of: self.as_of,
            baseline_on: Some(self.program.baseline_on),
            cohort: CohortChoice::All,
            group_by: group_by.to_vec(),
        };
        answer(&question, self.basis, self.facts)
    }

    fn subtree(&self, place: Place) -> Subtree {
        Subtree::rooted_at(&self.facts.tree.path(place))
    }

    fn name(&self, place: Place) -> AreaName {
        let tree = &self.facts.tree;
        let name = tree.id(place).and_then(|id| self.names.get(&id));
        AreaName {
            code: tree.code(place).to_owned(),
            name: name.cloned().unwrap_or_default(),
        }
    }
}
