//! 一同挂牌: whether an organization was unveiled together with the one above it (article, 二).

use super::PreciseDate;

text_enum! {
    /// What the check of joint unveiling finds.
    pub enum Unveiling {
        /// Established, and not unveiled yet.
        NotUnveiled => "not_unveiled",
        /// The one above it was unveiled on another day, or is not unveiled yet.
        Apart => "apart",
        /// On the day of the one above it, as far as the dates tell.
        Together => "together",
        /// Unveiled, and nothing is known of one above it.
        Alone => "alone",
    }
}

impl Unveiling {
    /// What is found of an organization unveiled on `own`. `above` is that of the organization above it, where there is one.
    pub fn of(own: Option<PreciseDate>, above: Option<Option<PreciseDate>>) -> Self {
        match (own, above) {
            (None, _) => Self::NotUnveiled,
            (Some(_), None) => Self::Alone,
            (Some(own), Some(Some(above)))
                if own.earliest() <= above.counts_from() && above.earliest() <= own.counts_from() =>
            {
                Self::Together
            }
            (Some(_), Some(_)) => Self::Apart,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dates::Precision;

    #[test]
    fn together_is_on_a_day_both_dates_may_mean() {
        let on = |text: &str, precision| PreciseDate {
            on: text.parse().unwrap(),
            precision,
        };
        let day = |text| on(text, Precision::Day);
        let late_march = on("2022-03-21", Precision::TenDay);
        for (own, above, expected) in [
            (None, None, Unveiling::NotUnveiled),
            (None, Some(Some(day("2022-03-31"))), Unveiling::NotUnveiled),
            (Some(day("2022-03-31")), None, Unveiling::Alone),
            (Some(day("2022-03-31")), Some(None), Unveiling::Apart),
            (
                Some(day("2022-03-31")),
                Some(Some(day("2022-03-31"))),
                Unveiling::Together,
            ),
            (
                Some(day("2022-03-31")),
                Some(Some(day("2022-03-30"))),
                Unveiling::Apart,
            ),
            (
                Some(day("2022-03-25")),
                Some(Some(late_march)),
                Unveiling::Together,
            ),
            (
                Some(late_march),
                Some(Some(day("2022-03-31"))),
                Unveiling::Together,
            ),
            (Some(day("2022-03-20")), Some(Some(late_march)), Unveiling::Apart),
            (Some(late_march), Some(Some(day("2022-04-01"))), Unveiling::Apart),
        ] {
            assert_eq!(Unveiling::of(own, above), expected, "{own:?} {above:?}");
        }
    }
}
