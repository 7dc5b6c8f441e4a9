//! Percentages with one decimal, rounded half up, computed from integers without binary fractions.

/// Returns `numerator` ÷ `denominator` in tenths of a percent, rounded half up (towards the greater value). Returns
/// `None` if the denominator is not positive or the result does not fit.
///
/// 325 of 158 are 2057 tenths, that is, 205.7 %.
pub fn tenths_of_percent(numerator: i64, denominator: i64) -> Option<i64> {
    if denominator <= 0 {
        return None;
    }
    let denominator = i128::from(denominator);
    let doubled = i128::from(numerator) * 2000 + denominator;
    i64::try_from(doubled.div_euclid(2 * denominator)).ok()
}

/// Returns `numerator` ÷ `denominator` in percent, rounded half up to one decimal: the `f64` nearest to that decimal,
/// which is displayed as that decimal. Returns `None` if the denominator is not positive or the result does not fit.
pub fn percent(numerator: i64, denominator: i64) -> Option<f64> {
    tenths_of_percent(numerator, denominator).map(|tenths| tenths as f64 / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_decimal_half_up() {
        for (numerator, denominator, expected) in [
            (325, 158, Some("205.7")),
            (324, 158, Some("205.1")),
            (0, 158, Some("0.0")),
            (1, 3, Some("33.3")),
            (2, 3, Some("66.7")),
            // Exact halves, which binary fractions would round either way.
            (1, 2000, Some("0.1")),
            (1, 2001, Some("0.0")),
            (3, 2000, Some("0.2")),
            (25, 2000, Some("1.3")),
            (2_069, 2_000, Some("103.5")),
            (45_450, 1_000_000, Some("4.5")),
            (45_500, 1_000_000, Some("4.6")),
            (999, 2000, Some("50.0")),
            (1999, 2000, Some("100.0")),
            (104, 104, Some("100.0")),
            (-1, 2000, Some("0.0")),
            (-3, 2000, Some("-0.1")),
            (1, 0, None),
            (0, 0, None),
            (1, -5, None),
            (i64::MAX, 1, None),
        ] {
            let shown = percent(numerator, denominator).map(|value| format!("{value:.1}"));
            assert_eq!(shown.as_deref(), expected, "{numerator}/{denominator}");
        }
    }

    #[test]
    fn the_value_is_written_in_json_as_the_decimal() {
        assert_eq!(
            qiaojian_domain::digest::canonical(&percent(325, 158)).unwrap(),
            "205.7"
        );
        assert_eq!(qiaojian_domain::digest::canonical(&percent(1, 1)).unwrap(), "100");
    }
}
