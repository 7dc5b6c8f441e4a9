//! The programme that a request body refers to.

use chrono::NaiveDate;
use qiaojian_domain::Violation;
use qiaojian_domain::ids::ProgramId;
use qiaojian_domain::program::Choice;
use qiaojian_store::db::AnyConnection;
use qiaojian_store::ledger;
use qiaojian_store::programs::{self, ProgramVersion};

use crate::auth::Principal;
use crate::problem::ApiError;
use crate::wire::missing_as;

/// Returns the programme that a body names at `/program`. If it names none, returns the one that is current today for
/// the caller's area, as in figures.
///
/// # Errors
/// Returns 422 if there is none, or if several are current.
pub fn find(
    conn: &mut AnyConnection,
    named: Option<ProgramId>,
    caller: &Principal,
    today: NaiveDate,
) -> Result<ProgramVersion, ApiError> {
    if let Some(id) = named {
        return programs::find(conn, id).map_err(|error| missing_as("/program", error));
    }
    let known = ledger::known(conn)?;
    let wrong = match programs::current(conn, caller.visible.lower(), today, known)? {
        Choice::One(program) => return Ok(program),
        Choice::None => Violation::new(
            "/program",
            "no_program",
            "当前没有试点项目，请先登记（POST /v1/programs），或用 program 指明一个。",
            "No programme is current. Record one (POST /v1/programs), or choose one with program.",
        ),
        Choice::Several => Violation::new(
            "/program",
            "several_programs",
            "同时有多个试点项目，请用 program 指明其中一个（见 /v1/programs）。",
            "Several programmes are current. Choose one with program (see /v1/programs).",
        ),
    };
    Err(ApiError::invalid(vec![wrong]))
}

/// Returns the same programme, which must belong to the caller's own area, because bulletins are issued in the name of
/// the programme's area.
///
/// # Errors
/// Also returns 422 if it belongs to another area.
pub fn find_own(
    conn: &mut AnyConnection,
    named: Option<ProgramId>,
    caller: &Principal,
    today: NaiveDate,
) -> Result<ProgramVersion, ApiError> {
    let program = find(conn, named, caller, today)?;
    if program.issuer_area_id != caller.area {
        return Err(ApiError::invalid(vec![Violation::new(
            "/program",
            "not_the_issuer",
            "只有项目的发起地区可以就该项目发布通报。",
            "Only the area that issues the programme may publish bulletins about it.",
        )]));
    }
    Ok(program)
}
