//! A programme in JSON, as input and as output.

use chrono::NaiveDate;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::dates::{Precision, day};
use qiaojian_domain::ids::ProgramId;
use qiaojian_domain::organization::PreciseDate;
use qiaojian_domain::program::{Cohort, Facts};
use qiaojian_store::areas::AreaVersion;
use qiaojian_store::programs::{CohortRow, ProgramOfIssuer};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::ApiError;

/// The input for a programme.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"code": "ah-qiaojian-2022", "title": "党建带侨建、侨建促党建", "baseline_on": "2021-10-31", "starts_on": "2021-11-01", "target_on": "2022-12-31"}))]
pub struct ProgramInput {
    /// A client-generated id; makes the call permanently idempotent.
    #[serde(default)]
    pub id: Option<uuid::Uuid>,
    /// The code of the area that the programme belongs to. Defaults to the caller's area.
    #[serde(default)]
    pub issuer: Option<String>,
    /// A short, stable code.
    #[schema(example = "ah-qiaojian-2021", max_length = 100)]
    pub code: String,
    #[schema(example = "党建带侨建、侨建促党建", max_length = 100)]
    pub title: String,
    /// Other names of the same programme; at most 20.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Growth is measured from the organizations of this day.
    #[serde(deserialize_with = "day::read")]
    pub baseline_on: NaiveDate,
    /// Not before the baseline.
    #[serde(deserialize_with = "day::read")]
    pub starts_on: NaiveDate,
    /// The precision of the start date. Defaults to the day. A month is given by any of its days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_precision: Option<Precision>,
    /// Not before the start.
    #[serde(deserialize_with = "day::read")]
    pub target_on: NaiveDate,
    #[serde(default)]
    pub note: Option<String>,
}

impl ProgramInput {
    /// Returns the input that would record the programme as it is, to which a patch is applied.
    pub fn of(found: &ProgramOfIssuer) -> Result<Self, ApiError> {
        let program = &found.program;
        Ok(Self {
            id: Some(program.program_id.0),
            issuer: Some(found.issuer_code.clone()),
            code: program.code.clone(),
            title: program.title.clone(),
            aliases: serde_json::from_str(&program.aliases)?,
            baseline_on: program.baseline_on,
            starts_on: program.starts_on,
            starts_precision: Some(program.starts_precision),
            target_on: program.target_on,
            note: program.note.clone(),
        })
    }

    /// Returns the recorded facts.
    pub fn facts(&self) -> Facts {
        Facts {
            code: self.code.clone(),
            title: self.title.clone(),
            aliases: self.aliases.clone(),
            baseline_on: self.baseline_on,
            starts: PreciseDate {
                on: self.starts_on,
                precision: self.starts_precision.unwrap_or(Precision::Day),
            },
            target_on: self.target_on,
            note: self.note.clone(),
        }
    }
}

/// A pilot programme.
#[derive(Debug, Serialize, ToSchema)]
pub struct Program {
    pub id: ProgramId,
    /// The current version; equals the `ETag`.
    pub version: i64,
    /// The code of the area that the programme belongs to.
    pub issuer: String,
    pub code: String,
    pub title: String,
    pub aliases: Vec<String>,
    pub baseline_on: NaiveDate,
    pub starts_on: NaiveDate,
    /// The precision of the start date.
    pub starts_precision: Precision,
    pub target_on: NaiveDate,
    /// Whether the programme is fictitious, for demonstration.
    pub illustrative: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    pub created_at: UtcTime,
    pub updated_at: UtcTime,
}

impl Program {
    /// Converts a row.
    pub fn of(found: ProgramOfIssuer) -> Result<Self, ApiError> {
        let ProgramOfIssuer {
            program,
            created_at,
            issuer_code,
            ..
        } = found;
        Ok(Self {
            id: program.program_id,
            version: program.version,
            issuer: issuer_code,
            code: program.code,
            title: program.title,
            aliases: serde_json::from_str(&program.aliases)?,
            baseline_on: program.baseline_on,
            starts_on: program.starts_on,
            starts_precision: program.starts_precision,
            target_on: program.target_on,
            illustrative: program.illustrative,
            note: program.note,
            created_at,
            updated_at: program.recorded_at,
        })
    }
}

/// The input that puts an area in a cohort.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"area": "340300", "cohort": "pilot", "from": "2021-10-31"}))]
pub struct CohortInput {
    /// The area's code.
    pub area: String,
    pub cohort: Cohort,
    /// The first day of membership in the cohort (Asia/Shanghai).
    #[serde(deserialize_with = "day::read")]
    pub from: NaiveDate,
}

/// The cohort of an area.
#[derive(Debug, Serialize, ToSchema)]
pub struct CohortMember {
    /// The area's code.
    pub area: String,
    pub name: String,
    pub cohort: Cohort,
    /// The first day of membership in the cohort (Asia/Shanghai).
    pub from: NaiveDate,
}

impl CohortMember {
    /// Converts a row.
    pub fn of(row: &CohortRow, area: AreaVersion) -> Self {
        Self {
            area: area.code,
            name: area.name,
            cohort: row.cohort,
            from: row.valid_from,
        }
    }
}
