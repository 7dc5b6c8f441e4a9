//! From the register to the content of a progress bulletin: every number is a figure over the facts of one snapshot.

use chrono::NaiveDate;

use crate::db::AnyConnection;
use crate::digest::{canonical, sha256_hex};
use crate::documents::progress::{
    Added, AddedGroup, AreaName, CityFigures, Common, CountyGap, Coverage, Missing, Own, PeriodSpan, Ratio,
    RuleUsed, TaskList, TaskRow, Tasks, Totals, title,
};
use crate::domain::area::{AreaKind, Level};
use crate::domain::assignment::{AssignmentStatus, Light, light};
use crate::domain::bulletin::BulletinKind;
use crate::domain::period::Period;
use crate::domain::rule::CountedFrom;
use crate::figures::{AreaFact, OrganizationFact, Register, load};
use crate::store::bulletins::{BulletinKey, ComposedBulletin, ComposedNotice};
use crate::store::programs::ProgramVersion;
use crate::store::rules::{self, RuleRef};
use crate::store::schedules::Recipients;
use crate::store::task_standing::{self, Standing};
use crate::store::{Recorded, StoreError, StoreResult, Subtree, areas, ledger, programs};

/// Composes the bulletin of `key` for the recipients of a cohort. Run it in one snapshot (`db::snapshot`). `as_of` is the last day
/// of the period, or `today` (Asia/Shanghai) while the period is not over.
///
/// # Errors
/// [`StoreError::Conflict`] `no_document` for kinds that have no document yet, `no_recipients` when the cohort is empty, or the
/// database's.
pub fn compose(
    conn: &mut AnyConnection,
    key: &BulletinKey,
    recipients: &Recipients,
    today: NaiveDate,
) -> StoreResult<ComposedBulletin> {
    if key.kind != BulletinKind::Progress {
        return Err(StoreError::Conflict("no_document"));
    }
    let known = ledger::known(conn)?;
    let as_of = key.period.last_day().min(today);
    let program = programs::find(conn, key.program)?;
    let issuer = areas::by_id(conn, key.issuer)?;
    let (rule, counting) = rules::counting(conn, &issuer.path, rules::DEFAULT, as_of, known)?;
    let register = load(
        conn,
        &issuer.subtree(),
        Some(key.program),
        &counting,
        as_of,
        known,
    )?;
    let scene = Scene {
        program: &program,
        period: key.period,
        as_of,
        register: &register,
    };
    let cities: Vec<&AreaFact> = register
        .areas
        .iter()
        .filter(|area| area.level == Level::City && area.cohort == Some(recipients.cohort))
        .collect();
    if cities.is_empty() {
        return Err(StoreError::Conflict("no_recipients"));
    }
    let ids: Vec<_> = cities.iter().map(|city| city.id).collect();
    let standings = task_standing::on(conn, key.program, &ids, recipients.post, as_of, known)?;
    let common = scene.common(
        &issuer.name,
        &issuer.code,
        &rule,
        counting.counted_from,
        known,
        &cities,
    );
    let figures = canonical(&common)?;
    let mut heading = title(&program.title, &key.period.chinese());
    if program.illustrative {
        // The title is what inboxes, lists and mail programs show.
        heading.insert_str(0, "【演示】");
    }
    let notices = cities
        .iter()
        .map(|city| {
            let own = canonical(&scene.own(city, &standings))?;
            Ok(ComposedNotice {
                area: city.id,
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

/// What every part of the bulletin is computed from.
struct Scene<'a> {
    program: &'a ProgramVersion,
    period: Period,
    as_of: NaiveDate,
    register: &'a Register,
}

impl Scene<'_> {
    fn common(
        &self,
        issuer_name: &str,
        issuer_code: &str,
        rule: &RuleRef,
        counted_from: CountedFrom,
        known: Recorded,
        cities: &[&AreaFact],
    ) -> Common {
        let all = Subtree::everything();
        let baseline = self.count_on(&all, self.program.baseline_on);
        let since_baseline = self.added(&all, self.program.baseline_on);
        let closed = self
            .organizations(&all)
            .filter(|fact| self.closed_since_baseline(fact))
            .count();
        Common {
            illustrative: self.program.illustrative,
            program: self.program.title.clone(),
            issuer: crate::documents::page::addressee(issuer_name, crate::domain::access::Post::Federation),
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
                organizations: self.count_on(&all, self.as_of),
                baseline: Some(baseline),
                closed_since_baseline: whole(closed),
                growth: Ratio::of(since_baseline.total, baseline),
            },
            added_in_period: self.added(&all, self.before_period()),
            added_since_baseline: since_baseline,
            coverage: [Level::City, Level::County, Level::Township, Level::Village]
                .into_iter()
                .map(|level| Coverage {
                    level,
                    ratio: self.coverage(&all, level),
                })
                .collect(),
            cities: cities.iter().map(|city| self.city(city)).collect(),
            rules: vec![RuleUsed {
                kind: rule.kind,
                name: rule.name.clone(),
                version: rule.version,
            }],
            basis_note: Some(basis_note(counted_from).to_owned()),
        }
    }

    fn own(&self, city: &AreaFact, standings: &[Standing]) -> Own {
        let within = Subtree::rooted_at(&city.path);
        let mine: Vec<&Standing> = standings
            .iter()
            .filter(|standing| standing.area == city.id && standing.status != AssignmentStatus::Cancelled)
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
        // What was reported as done waits for the issuer, not for the city.
        let is_due_next = |standing: &&&Standing| {
            standing.status.is_open()
                && standing.status != AssignmentStatus::Submitted
                && next.is_some_and(|next| (next.first_day()..=next.last_day()).contains(&standing.due_on))
        };
        Own {
            figures: self.city(city),
            added_in_period: self.added(&within, self.before_period()),
            added_since_baseline: self.added(&within, self.program.baseline_on),
            gaps: self.gaps(&within),
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

    fn city(&self, city: &AreaFact) -> CityFigures {
        let within = Subtree::rooted_at(&city.path);
        let since_baseline = self.added(&within, self.program.baseline_on).total;
        CityFigures {
            city: name(city),
            organizations: self.count_on(&within, self.as_of),
            added_in_period: self.added(&within, self.before_period()).total,
            added_since_baseline: since_baseline,
            growth: Ratio::of(since_baseline, self.count_on(&within, self.program.baseline_on)),
            counties: self.coverage(&within, Level::County),
            townships: self.coverage(&within, Level::Township),
            villages: self.coverage(&within, Level::Village),
        }
    }

    /// Every county of a city: administrative ones, and statistical ones that real townships stand under.
    fn gaps(&self, city: &Subtree) -> Vec<CountyGap> {
        let counties = self.areas(city).filter(|area| area.level == Level::County);
        counties
            .filter_map(|county| {
                let within = Subtree::rooted_at(&county.path);
                let townships = self.missing(&within, Level::Township);
                let is_real = county.kind == AreaKind::Administrative;
                (is_real || townships.of != Some(0)).then(|| CountyGap {
                    county: name(county),
                    statistical: !is_real,
                    has_organization: is_real.then(|| self.is_covered(county)),
                    townships,
                    villages: self.missing(&within, Level::Village),
                })
            })
            .collect()
    }

    fn missing(&self, within: &Subtree, level: Level) -> Missing {
        let Ratio {
            numerator,
            denominator,
            ..
        } = self.coverage(within, level);
        Missing {
            without: denominator.zip(numerator).map(|(all, covered)| all - covered),
            of: denominator,
            undetermined: 0,
        }
    }

    fn coverage(&self, within: &Subtree, level: Level) -> Ratio {
        let eligible = || {
            self.areas(within)
                .filter(|area| area.level == level && area.kind == AreaKind::Administrative)
        };
        let covered = eligible().filter(|area| self.is_covered(area)).count();
        Ratio::of(whole(covered), whole(eligible().count()))
    }

    fn is_covered(&self, area: &AreaFact) -> bool {
        let facts = &self.register.organizations;
        let first = facts.partition_point(|fact| fact.path < area.path);
        facts
            .iter()
            .skip(first)
            .take_while(|fact| fact.path == area.path)
            .any(|fact| fact.covers_on(self.as_of))
    }

    fn added(&self, within: &Subtree, from: NaiveDate) -> Added {
        let began = || {
            self.organizations(within)
                .filter(|fact| fact.began_in(from, self.as_of))
        };
        let mut groups: std::collections::BTreeMap<_, i64> = std::collections::BTreeMap::new();
        for fact in began() {
            *groups.entry((fact.level, fact.kind)).or_default() += 1;
        }
        let groups = groups
            .into_iter()
            .map(|((level, kind), count)| AddedGroup { level, kind, count })
            .collect();
        Added {
            total: whole(began().count()),
            groups,
        }
    }

    fn count_on(&self, within: &Subtree, date: NaiveDate) -> i64 {
        whole(
            self.organizations(within)
                .filter(|fact| fact.counts_on(date))
                .count(),
        )
    }

    fn closed_since_baseline(&self, fact: &OrganizationFact) -> bool {
        fact.counted_from.is_some()
            && fact
                .counted_to
                .is_some_and(|closed| self.program.baseline_on < closed && closed <= self.as_of)
    }

    /// The day before the period: what was established *in* it began to count after that day.
    fn before_period(&self) -> NaiveDate {
        let first = self.period.first_day();
        first.pred_opt().unwrap_or(first)
    }

    fn organizations<'s>(&'s self, within: &'s Subtree) -> impl Iterator<Item = &'s OrganizationFact> {
        let facts = &self.register.organizations;
        let first = facts.partition_point(|fact| fact.path.as_str() < within.lower());
        facts
            .iter()
            .skip(first)
            .take_while(|fact| within.contains(&fact.path))
            .filter(|fact| fact.kind.is_organization())
    }

    fn areas<'s>(&'s self, within: &'s Subtree) -> impl Iterator<Item = &'s AreaFact> {
        let facts = &self.register.areas;
        let first = facts.partition_point(|fact| fact.path.as_str() < within.lower());
        facts
            .iter()
            .skip(first)
            .take_while(|fact| within.contains(&fact.path))
    }
}

fn rows<'a>(standings: impl Iterator<Item = &'a &'a Standing>) -> TaskList {
    TaskList::capped(
        standings
            .map(|standing| TaskRow {
                no: standing.no,
                content: standing.content.clone(),
                due_on: standing.due_on,
                status: standing.status,
            })
            .collect(),
    )
}

fn name(area: &AreaFact) -> AreaName {
    AreaName {
        code: area.code.clone(),
        name: area.name.clone(),
    }
}

fn span(period: Period) -> PeriodSpan {
    PeriodSpan {
        name: period.to_string(),
        label: period.chinese(),
        first_day: period.first_day(),
        last_day: period.last_day(),
    }
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

const fn basis_note(counted_from: CountedFrom) -> &'static str {
    match counted_from {
        CountedFrom::Approved => "组织自批复之日起计入，撤销之日起不再计入；联络员不计入组织数。",
        CountedFrom::Established => {
            "组织自成立之日起计入，撤销之日起不再计入；筹备中的不计入，联络员不计入组织数。"
        }
        CountedFrom::Unveiled => "组织自挂牌之日起计入，撤销之日起不再计入；联络员不计入组织数。",
    }
}
