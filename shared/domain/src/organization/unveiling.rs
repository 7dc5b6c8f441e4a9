//! 一同挂牌: whether an organization was unveiled together with the organization above it (article, 二).

use chrono::NaiveDate;

use super::PreciseDate;

text_enum! {
    /// The finding of the joint unveiling check.
    pub enum Unveiling {
        /// Established after the baseline, and not yet unveiled.
        NotUnveiled => "not_unveiled",
        /// The organization above was unveiled on another day or is not yet unveiled.
        Apart => "apart",
        /// Unveiled on the same day as the organization above, as far as the dates show.
        Together => "together",
        /// Unveiled; no organization above it is known.
        Alone => "alone",
        /// Unknown, because a date is missing that may exist but was not recorded.
        Unknown => "unknown",
    }
}

/// What is known about an organization's unveiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unveiled {
    On(PreciseDate),
    NotYet,
    /// No date is recorded, but the organization predates the records, so it may have been unveiled.
    Unknown,
}

impl Unveiled {
    /// Derives the unveiling of an organization established on `established` from the recorded date `unveiled`. Without
    /// a date, an organization established after `followed_since` (the baseline of a programme, since which the
    /// register records events) is not yet unveiled. For an older one, or without a programme, it is unknown.
    pub fn of(
        unveiled: Option<PreciseDate>,
        established: Option<PreciseDate>,
        followed_since: Option<NaiveDate>,
    ) -> Self {
        match (unveiled, established, followed_since) {
            (Some(date), ..) => Self::On(date),
            (None, Some(established), Some(since)) if established.earliest() > since => Self::NotYet,
            (None, ..) => Self::Unknown,
        }
    }

    /// Returns the date, if known.
    pub fn date(self) -> Option<PreciseDate> {
        match self {
            Self::On(date) => Some(date),
            Self::NotYet | Self::Unknown => None,
        }
    }
}

impl Unveiling {
    /// Returns the finding for an organization. `above` is the unveiling of the organization above it, if there is one.
    pub fn of(own: Unveiled, above: Option<Unveiled>) -> Self {
        match (own, above) {
            (Unveiled::NotYet, _) => Self::NotUnveiled,
            (Unveiled::Unknown, _) | (Unveiled::On(_), Some(Unveiled::Unknown)) => Self::Unknown,
            (Unveiled::On(_), None) => Self::Alone,
            (Unveiled::On(own), Some(Unveiled::On(above)))
                if own.earliest() <= above.counts_from() && above.earliest() <= own.counts_from() =>
            {
                Self::Together
            }
            (Unveiled::On(_), Some(_)) => Self::Apart,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dates::Precision;

    fn on(text: &str, precision: Precision) -> PreciseDate {
        PreciseDate {
            on: text.parse().unwrap(),
            precision,
        }
    }

    fn day(text: &str) -> PreciseDate {
        on(text, Precision::Day)
    }

    #[test]
    fn together_is_on_a_day_both_dates_may_mean() {
        use Unveiled::{NotYet, On, Unknown};
        let late_march = on("2022-03-21", Precision::TenDay);
        let day = |text| On(day(text));
        for (own, above, expected) in [
            (NotYet, None, Unveiling::NotUnveiled),
            (NotYet, Some(day("2022-03-31")), Unveiling::NotUnveiled),
            (NotYet, Some(Unknown), Unveiling::NotUnveiled),
            (Unknown, None, Unveiling::Unknown),
            (Unknown, Some(day("2022-03-31")), Unveiling::Unknown),
            (day("2022-03-31"), None, Unveiling::Alone),
            (day("2022-03-31"), Some(NotYet), Unveiling::Apart),
            (day("2022-03-31"), Some(Unknown), Unveiling::Unknown),
            (day("2022-03-31"), Some(day("2022-03-31")), Unveiling::Together),
            (day("2022-03-31"), Some(day("2022-03-30")), Unveiling::Apart),
            (day("2022-03-25"), Some(On(late_march)), Unveiling::Together),
            (On(late_march), Some(day("2022-03-31")), Unveiling::Together),
            (day("2022-03-20"), Some(On(late_march)), Unveiling::Apart),
            (On(late_march), Some(day("2022-04-01")), Unveiling::Apart),
        ] {
            assert_eq!(Unveiling::of(own, above), expected, "{own:?} {above:?}");
        }
    }

    #[test]
    fn a_missing_date_says_no_only_of_what_the_register_has_followed() {
        let baseline = Some("2021-12-31".parse().unwrap());
        let month = on("2021-12-01", Precision::Month);
        for (established, since, expected) in [
            (Some(day("2022-01-01")), baseline, Unveiled::NotYet),
            (Some(day("2021-12-31")), baseline, Unveiled::Unknown),
            (Some(month), baseline, Unveiled::Unknown),
            (None, baseline, Unveiled::Unknown),
            (Some(day("2022-01-01")), None, Unveiled::Unknown),
        ] {
            assert_eq!(
                Unveiled::of(None, established, since),
                expected,
                "{established:?}"
            );
        }
    }
}
