//! Assignments: a task as assigned to one area and post.

use chrono::NaiveDate;

use super::{StateMachine, Violation};

column_enum! {
    /// The status of an assignment.
    pub enum AssignmentStatus {
        /// 交办
        Issued => "issued" / "已交办",
        /// 签收
        Acknowledged => "acknowledged" / "已签收",
        /// Work has begun.
        InProgress => "in_progress" / "办理中",
        /// 报结
        Submitted => "submitted" / "已报结",
        /// 退回
        Returned => "returned" / "已退回",
        /// 办结销号
        Accepted => "accepted" / "已办结",
        /// Cancelled by the issuer.
        Cancelled => "cancelled" / "已取消",
    }
}

text_enum! {
    /// An action on an assignment.
    pub enum AssignmentVerb {
        /// The assignee confirms receipt.
        Acknowledge => "acknowledge" / "签收",
        /// The assignee reports progress.
        Report => "report" / "报送进展",
        /// The assignee reports completion.
        Submit => "submit" / "报结",
        /// The issuer accepts the submission.
        Accept => "accept" / "办结",
        /// The issuer rejects the submission and gives a reason.
        Return => "return" / "退回",
        /// The issuer cancels the assignment.
        Cancel => "cancel" / "取消",
    }
}

text_enum! {
    /// The two parties to an assignment.
    pub enum Party {
        /// The post that issued the assignment.
        Issuer => "issuer",
        /// The post that the assignment was issued to.
        Assignee => "assignee",
    }
}

text_enum! {
    /// 红黄绿灯
    pub enum Light {
        /// On schedule, or submitted on time.
        Green => "green",
        /// Due soon, or submitted late.
        Yellow => "yellow",
        /// Past due and not submitted.
        Red => "red",
    }
}

/// The number of days before the due date from which an open assignment is yellow.
pub const YELLOW_DAYS: i64 = 5;

impl AssignmentVerb {
    /// Returns the only party that may perform this action.
    pub const fn party(self) -> Party {
        match self {
            Self::Acknowledge | Self::Report | Self::Submit => Party::Assignee,
            Self::Accept | Self::Return | Self::Cancel => Party::Issuer,
        }
    }
}

impl StateMachine for AssignmentStatus {
    type Verb = AssignmentVerb;

    const TRANSITIONS: &'static [(Self, AssignmentVerb, Self)] = {
        use AssignmentVerb as V;
        &[
            (Self::Issued, V::Acknowledge, Self::Acknowledged),
            (Self::Acknowledged, V::Report, Self::InProgress),
            (Self::InProgress, V::Report, Self::InProgress),
            (Self::Returned, V::Report, Self::InProgress),
            (Self::InProgress, V::Submit, Self::Submitted),
            (Self::Submitted, V::Accept, Self::Accepted),
            (Self::Submitted, V::Return, Self::Returned),
            (Self::Issued, V::Cancel, Self::Cancelled),
            (Self::Acknowledged, V::Cancel, Self::Cancelled),
            (Self::InProgress, V::Cancel, Self::Cancelled),
            (Self::Submitted, V::Cancel, Self::Cancelled),
            (Self::Returned, V::Cancel, Self::Cancelled),
        ]
    };
}

impl AssignmentStatus {
    /// Returns whether the assignment still requires action.
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Accepted | Self::Cancelled)
    }
}

/// Returns the light on `today`. Red: past due and not submitted. Yellow: due within [`YELLOW_DAYS`] days, or submitted
/// or accepted with a submission after the due date (late completion turns the light yellow, not green). Green
/// otherwise; a cancelled assignment is always green.
pub fn light(
    status: AssignmentStatus,
    due_on: NaiveDate,
    submitted_on: Option<NaiveDate>,
    today: NaiveDate,
) -> Light {
    use AssignmentStatus as S;
    match (status, submitted_on) {
        (S::Cancelled, _) => Light::Green,
        (S::Submitted | S::Accepted, Some(on)) if on > due_on => Light::Yellow,
        (S::Submitted | S::Accepted, _) => Light::Green,
        _ if today > due_on => Light::Red,
        _ if (due_on - today).num_days() <= YELLOW_DAYS => Light::Yellow,
        _ => Light::Green,
    }
}

/// Returns whether the assignment was completed late, that is, whether the accepted submission came after the due date.
/// Returns `None` until a submission is accepted.
pub fn late(status: AssignmentStatus, due_on: NaiveDate, submitted_on: Option<NaiveDate>) -> Option<bool> {
    (status == AssignmentStatus::Accepted).then(|| submitted_on.is_some_and(|on| on > due_on))
}

/// Checks the date of a transition: it must not be in the future and not before the previous transition (all dates in
/// Asia/Shanghai).
pub fn check_day(violations: &mut Vec<Violation>, on: NaiveDate, step_before: NaiveDate, today: NaiveDate) {
    if on > today {
        violations.push(Violation::in_future("/on", today));
    } else if on < step_before {
        violations.push(Violation::new(
            "/on",
            "dates_out_of_order",
            format!("日期不能早于上一步骤的日期（{step_before}）。"),
            format!("The date must not be before that of the previous step ({step_before})."),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_is_decided_by_the_accepted_submission() {
        use AssignmentStatus::*;
        let date = |day| NaiveDate::from_ymd_opt(2022, 6, day).unwrap();
        for (status, submitted, expected) in [
            (Submitted, Some(21), None),
            (Returned, Some(21), None),
            (Accepted, Some(20), Some(false)),
            (Accepted, Some(21), Some(true)),
            (Cancelled, Some(21), None),
        ] {
            assert_eq!(
                late(status, date(20), submitted.map(date)),
                expected,
                "{status} {submitted:?}"
            );
        }
    }

    #[test]
    fn a_step_is_neither_tomorrow_nor_before_the_last_one() {
        let date = |day| NaiveDate::from_ymd_opt(2022, 6, day).unwrap();
        for (on, code) in [
            (9, Some("dates_out_of_order")),
            (10, None),
            (24, None),
            (25, Some("date_in_future")),
        ] {
            let mut violations = Vec::new();
            check_day(&mut violations, date(on), date(10), date(24));
            assert_eq!(violations.first().map(|violation| violation.code), code, "{on}");
        }
    }

    #[test]
    fn the_way_of_an_assignment() {
        use AssignmentStatus::*;
        let table: [(AssignmentStatus, &[(&str, AssignmentStatus)]); 7] = [
            (Issued, &[("acknowledge", Acknowledged), ("cancel", Cancelled)]),
            (Acknowledged, &[("report", InProgress), ("cancel", Cancelled)]),
            (
                InProgress,
                &[
                    ("report", InProgress),
                    ("submit", Submitted),
                    ("cancel", Cancelled),
                ],
            ),
            (
                Submitted,
                &[("accept", Accepted), ("return", Returned), ("cancel", Cancelled)],
            ),
            (Returned, &[("report", InProgress), ("cancel", Cancelled)]),
            (Accepted, &[]),
            (Cancelled, &[]),
        ];
        for (status, allowed) in table {
            for verb in AssignmentVerb::ALL {
                let expected = allowed
                    .iter()
                    .find(|(word, _)| *word == verb.as_str())
                    .map(|(_, next)| *next);
                assert_eq!(status.after(*verb).ok(), expected, "{status} {verb}");
            }
            assert_eq!(status.is_open(), !allowed.is_empty(), "{status}");
        }
    }

    #[test]
    fn lights() {
        use AssignmentStatus::*;
        let date = |day| NaiveDate::from_ymd_opt(2022, 6, day).unwrap();
        for (status, submitted, today, expected) in [
            (Issued, None, 1, Light::Green),
            (Issued, None, 14, Light::Green),
            (Issued, None, 15, Light::Yellow),
            (InProgress, None, 20, Light::Yellow),
            (InProgress, None, 21, Light::Red),
            (Returned, Some(19), 21, Light::Red),
            (Submitted, Some(20), 25, Light::Green),
            (Accepted, Some(21), 25, Light::Yellow),
            (Cancelled, None, 25, Light::Green),
        ] {
            assert_eq!(
                light(status, date(20), submitted.map(date), date(today)),
                expected,
                "{status} {today}"
            );
        }
    }
}
