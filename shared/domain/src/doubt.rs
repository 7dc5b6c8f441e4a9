//! Decides, as a pure function of the readings, whether the clock and the ledger can be trusted.
//!
//! With a wrong clock, the worker would publish bulletins too early and record wrong timestamps permanently. A ledger
//! that went back to an earlier state, because a backup was restored or a failover lost commits, does not know what was
//! already sent, so it would be sent again. In doubt, nothing is done until a person has checked (docs/OPERATIONS.md).

use chrono::TimeDelta;

use crate::clock::UtcTime;

/// The tolerances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The maximum difference between two clocks.
    pub disagreement: TimeDelta,
    /// The maximum time since the last sign of life at a start.
    pub silence: TimeDelta,
}

impl Default for Limits {
    /// Five minutes and thirty days.
    fn default() -> Self {
        Self {
            disagreement: TimeDelta::minutes(5),
            silence: TimeDelta::days(30),
        }
    }
}

/// The readings of the clocks and the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readings {
    /// The machine's clock.
    pub now: UtcTime,
    /// The time that the machine's clock would show if nobody had set it since it was last trusted.
    pub by_steady_clock: UtcTime,
    /// The database's clock, if it has one of its own.
    pub of_database: Option<UtcTime>,
    /// The last sign of life in the ledger. Only read once, at the start.
    pub last_sign: Option<UtcTime>,
    /// The state of the ledger compared with the position that was stored outside the database.
    pub ledger: Ledger,
}

/// The state of a ledger compared with its stored position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ledger {
    /// The ledger contains the position, or no position was stored.
    WentOn,
    /// The ledger no longer contains the stored position.
    WentBack,
    /// Another server became the primary. Writes that were not yet replicated are lost.
    FailedOver,
}

/// The reason why nothing is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// The ledger went back to an earlier state: a backup was restored.
    LedgerWentBack,
    /// The database failed over.
    FailedOver,
    /// The machine's clock was set forward by this much while the process ran (back if negative).
    ClockStepped(TimeDelta),
    /// The machine's clock is ahead of the database's by this much (behind if negative).
    ClockDiffers(TimeDelta),
    /// The machine's clock is behind the ledger's last entry by this much.
    ClockBehind(TimeDelta),
    /// There was no sign of life for this long.
    Silence(TimeDelta),
}

impl Doubt {
    /// Returns the most serious doubt about these readings, or `None` if there is none.
    pub fn of(readings: &Readings, limits: &Limits) -> Option<Self> {
        let Readings {
            now,
            by_steady_clock,
            of_database,
            last_sign,
            ledger,
        } = *readings;
        let ahead_of = |other: UtcTime| now.as_chrono() - other.as_chrono();
        let differs = |by: &TimeDelta| by.abs() > limits.disagreement;
        let of_ledger = match ledger {
            Ledger::WentOn => None,
            Ledger::WentBack => Some(Self::LedgerWentBack),
            Ledger::FailedOver => Some(Self::FailedOver),
        };
        let since = last_sign.map(ahead_of);
        of_ledger
            .or(Some(ahead_of(by_steady_clock))
                .filter(differs)
                .map(Self::ClockStepped))
            .or(of_database.map(ahead_of).filter(differs).map(Self::ClockDiffers))
            .or(since
                .filter(|since| -*since > limits.disagreement)
                .map(|since| Self::ClockBehind(-since)))
            .or(since.filter(|since| *since > limits.silence).map(Self::Silence))
    }

    /// Returns the reason and the remedy in Chinese.
    pub fn chinese(self) -> String {
        let what = match self {
            Self::LedgerWentBack => {
                "数据库退回到较早的状态（可能恢复了备份），其后发出的通知不在库中".to_owned()
            }
            Self::FailedOver => "数据库已切换到另一台服务器，切换前最后的写入可能丢失".to_owned(),
            Self::ClockStepped(by) => format!("本机时钟在运行中被调整（{}）", minutes(by, "快", "慢")),
            Self::ClockDiffers(by) => format!("本机时钟与数据库时钟不一致（{}）", minutes(by, "快", "慢")),
            Self::ClockBehind(by) => {
                format!("本机时钟早于最后一次登记（{}）", minutes(by, "早", "早"))
            }
            Self::Silence(by) => format!("距最后一次登记已有 {} 天", by.num_days()),
        };
        format!("{what}。请核对时钟和数据库，确认后执行 qiaojian resume。")
    }

    /// Returns the reason and the remedy in English.
    pub fn english(self) -> String {
        let what = match self {
            Self::LedgerWentBack => {
                "the database returned to an earlier state (a restored backup?) and does not contain the notices sent since then".to_owned()
            }
            Self::FailedOver => {
                "the database has switched to another server, and the last writes before that may be lost".to_owned()
            }
            Self::ClockStepped(by) => format!(
                "this machine's clock was changed while it was running ({})",
                minutes(by, "ahead", "back")
            ),
            Self::ClockDiffers(by) => format!(
                "this machine's clock and the database's differ ({})",
                minutes(by, "ahead", "behind")
            ),
            Self::ClockBehind(by) => format!(
                "this machine's clock is behind the last entry of the register ({})",
                minutes(by, "behind", "behind")
            ),
            Self::Silence(by) => format!("nothing was recorded for {} days", by.num_days()),
        };
        format!("{what}. Check the clock and the database, then run `qiaojian resume`.")
    }
}

fn minutes(by: TimeDelta, ahead: &str, behind: &str) -> String {
    let side = if by < TimeDelta::zero() { behind } else { ahead };
    format!("{side} {} min", by.num_minutes().abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_doubt_begins_behind_its_limit() {
        let now: UtcTime = "2022-06-24T08:36:00Z".parse().unwrap();
        let minute = TimeDelta::minutes;
        let well = Readings {
            now,
            by_steady_clock: now,
            of_database: Some(now),
            last_sign: Some(now),
            ledger: Ledger::WentOn,
        };
        let stepped = |by: TimeDelta| Readings {
            by_steady_clock: now.plus(-by),
            ..well
        };
        let differs = |by: TimeDelta| Readings {
            of_database: Some(now.plus(-by)),
            ..well
        };
        let silent = |by: TimeDelta| Readings {
            last_sign: Some(now.plus(-by)),
            ..well
        };
        let back = Readings {
            ledger: Ledger::WentBack,
            ..stepped(minute(9))
        };
        for (readings, expected) in [
            (well, None),
            (
                Readings {
                    of_database: None,
                    last_sign: None,
                    ..well
                },
                None,
            ),
            (stepped(minute(5)), None),
            (stepped(minute(6)), Some(Doubt::ClockStepped(minute(6)))),
            (stepped(minute(-6)), Some(Doubt::ClockStepped(minute(-6)))),
            (differs(minute(5)), None),
            (differs(minute(-16)), Some(Doubt::ClockDiffers(minute(-16)))),
            (silent(TimeDelta::days(30)), None),
            (
                silent(TimeDelta::days(31)),
                Some(Doubt::Silence(TimeDelta::days(31))),
            ),
            (silent(minute(-6)), Some(Doubt::ClockBehind(minute(6)))),
            (back, Some(Doubt::LedgerWentBack)),
        ] {
            assert_eq!(Doubt::of(&readings, &Limits::default()), expected, "{readings:?}");
        }
        assert_eq!(
            Doubt::ClockStepped(TimeDelta::days(-400)).english(),
            "this machine's clock was changed while it was running (back 576000 min). Check the clock and the database, then run `qiaojian resume`."
        );
    }
}
