//! Pilot programmes.

mod current;

use chrono::NaiveDate;

pub use current::{Candidate, Choice, choose};

use super::Violation;
use super::organization::PreciseDate;
use super::violation::{NAME_CHARS, TEXT_CHARS, check_line, check_optional_text};

column_enum! {
    /// The cohort of an area in the comparison.
    pub enum Cohort {
        /// 试点
        Pilot => "pilot",
        /// 非试点
        NonPilot => "non_pilot",
    }
}

/// The recorded facts of a programme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// A short, stable code such as `ah-qiaojian-2021`.
    pub code: String,
    pub title: String,
    /// Other names of the same programme.
    pub aliases: Vec<String>,
    /// The baseline date: growth is measured against the organizations of this day.
    pub baseline_on: NaiveDate,
    /// The start date, with the precision of the source document: 2021年11月.
    pub starts: PreciseDate,
    pub target_on: NaiveDate,
    pub note: Option<String>,
}

/// The maximum number of aliases.
const MOST_ALIASES: usize = 20;

impl Facts {
    /// Returns all violations of these facts.
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        check_line(&mut found, "/code", &self.code, NAME_CHARS);
        check_line(&mut found, "/title", &self.title, NAME_CHARS);
        check_optional_text(&mut found, "/note", self.note.as_deref(), TEXT_CHARS);
        for alias in &self.aliases {
            check_line(&mut found, "/aliases", alias, NAME_CHARS);
        }
        if self.aliases.len() > MOST_ALIASES {
            found.push(Violation::new(
                "/aliases",
                "too_many",
                format!("别名最多 {MOST_ALIASES} 个。"),
                format!("At most {MOST_ALIASES} aliases."),
            ));
        }
        if self.starts.counts_from() < self.baseline_on {
            found.push(Violation::new(
                "/starts_on",
                "dates_out_of_order",
                format!("启动日期不能早于基期 {}。", self.baseline_on),
                format!("The start must not be before the baseline, {}.", self.baseline_on),
            ));
        }
        if self.target_on < self.starts.earliest() {
            found.push(Violation::new(
                "/target_on",
                "dates_out_of_order",
                format!("目标日期不能早于启动日期 {}。", self.starts.earliest()),
                format!(
                    "The target must not be before the start, {}.",
                    self.starts.earliest()
                ),
            ));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn baseline_start_and_target_stand_in_this_order() {
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        for (baseline, start, target, wrong) in [
            ("2021-10-31", "2021-11-01", "2022-12-31", &[][..]),
            ("2021-11-01", "2021-11-01", "2021-11-01", &[]),
            ("2021-11-02", "2021-11-01", "2022-12-31", &["/starts_on"]),
            ("2021-10-31", "2022-11-01", "2022-10-31", &["/target_on"]),
            (
                "2022-10-31",
                "2021-11-01",
                "2020-12-31",
                &["/starts_on", "/target_on"],
            ),
        ] {
            let facts = Facts {
                code: "ah-qiaojian-2021".to_owned(),
                title: "党建带侨建、侨建促党建".to_owned(),
                aliases: Vec::new(),
                baseline_on: date(baseline),
                starts: PreciseDate::day(date(start)),
                target_on: date(target),
                note: None,
            };
            let pointers: Vec<_> = facts
                .violations()
                .into_iter()
                .map(|violation| violation.pointer)
                .collect();
            assert_eq!(pointers, wrong, "{baseline} {start} {target}");
        }
    }
}
