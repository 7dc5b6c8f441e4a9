//! Tables of every legal transition and of the effect of each failure.

use proptest::prelude::*;

use super::retry::SHORTEST_DELAY;
use super::*;

#[test]
fn the_way_of_a_delivery() {
    use DeliveryState::*;
    let table: [(DeliveryState, &[(&str, DeliveryState)]); 10] = [
        (
            Queued,
            &[("claim", Leased), ("expire", Expired), ("cancel", Cancelled)],
        ),
        (
            Leased,
            &[("release", Queued), ("mark", Sending), ("cancel", Cancelled)],
        ),
        (
            Sending,
            &[
                ("succeed", Sent),
                ("retry", Queued),
                ("give_up", Dead),
                ("doubt", Uncertain),
            ],
        ),
        (Sent, &[]),
        (
            Uncertain,
            &[("resend", Queued), ("park", NeedsReview), ("cancel", Cancelled)],
        ),
        (NeedsReview, &[("redeliver", Queued), ("cancel", Cancelled)]),
        (Dead, &[("redeliver", Queued), ("deliver", Queued)]),
        (Expired, &[("redeliver", Queued), ("deliver", Queued)]),
        (Cancelled, &[("deliver", Queued)]),
        (Undeliverable, &[("deliver", Queued)]),
    ];
    for (state, steps) in table {
        for verb in DeliveryVerb::ALL {
            let expected = steps
                .iter()
                .find(|(name, _)| *name == verb.as_str())
                .map(|(_, to)| *to);
            assert_eq!(state.after(*verb).ok(), expected, "{state} {verb}");
            assert_eq!(
                DeliveryState::allowing(*verb).contains(&state),
                expected.is_some()
            );
        }
    }
    let refused = Sent.after(DeliveryVerb::Redeliver).unwrap_err();
    assert!(refused.allowed.is_empty(), "what was sent is never sent again");
}

#[test]
fn a_failure_decides_what_is_next() {
    let (seconds, minutes) = (TimeDelta::seconds, TimeDelta::minutes);
    for (class, channel, next) in [
        (
            FailureClass::Transient,
            Channel::Email,
            NextStep::Retry(seconds(5)),
        ),
        (FailureClass::Relay, Channel::Email, NextStep::Retry(seconds(5))),
        (
            FailureClass::Limited,
            Channel::Dingtalk,
            NextStep::Wait(minutes(10)),
        ),
        (FailureClass::Limited, Channel::Wecom, NextStep::Wait(minutes(1))),
        (FailureClass::Config, Channel::Email, NextStep::PauseEndpoint),
        (FailureClass::Permanent, Channel::Email, NextStep::GiveUp),
    ] {
        assert_eq!(next_delay(1, class, None, channel, u32::MAX), next, "{class}");
    }
    for (asked, waited) in [(-5, 1), (0, 1), (7, 7), (3600, 3600), (999_999, 3600)] {
        let wait = Some(seconds(asked));
        let next = next_delay(1, FailureClass::Limited, wait, Channel::Wecom, 0);
        assert_eq!(next, NextStep::Wait(seconds(waited)));
    }
}

#[test]
fn the_relay_is_asked_again_within_the_hour() {
    for (tries, asked, waited) in [
        (1, None, 1),
        (1, Some(1800), 1800),
        (1, Some(-5), 1),
        (1, Some(999_999), 3600),
        (9, None, 1),
    ] {
        let wait = asked.map(TimeDelta::seconds);
        let next = next_delay(tries, FailureClass::Relay, wait, Channel::Email, 0);
        assert_eq!(
            next,
            NextStep::Retry(TimeDelta::seconds(waited)),
            "{tries} {asked:?}"
        );
    }
    let at_most = next_delay(99, FailureClass::Relay, None, Channel::Email, u32::MAX);
    assert_eq!(at_most, NextStep::Retry(TimeDelta::hours(1)));
}

#[test]
fn only_our_own_failures_leave_the_endpoint_alone() {
    for (class, outcome, blames) in [
        (FailureClass::Transient, AttemptOutcome::Transient, true),
        (FailureClass::Limited, AttemptOutcome::Limited, true),
        (FailureClass::Config, AttemptOutcome::Config, true),
        (FailureClass::Permanent, AttemptOutcome::Permanent, true),
        (FailureClass::Relay, AttemptOutcome::Transient, false),
    ] {
        assert_eq!(
            (class.outcome(), class.blames_endpoint()),
            (outcome, blames),
            "{class}"
        );
    }
}

#[test]
fn doubts_end_at_a_person() {
    use DeliveryVerb::{Park, Resend};
    for (on_uncertain, doubts, verb) in [
        (OnUncertain::Resend, 1, Resend),
        (OnUncertain::Resend, 2, Resend),
        (OnUncertain::Resend, 3, Park),
        (OnUncertain::Resend, 250, Park),
        (OnUncertain::Review, 1, Park),
    ] {
        assert_eq!(after_doubt(on_uncertain, doubts), verb, "{on_uncertain} {doubts}");
    }
}

#[test]
fn tries_come_further_apart_up_to_six_hours() {
    let longest: Vec<i64> = (0..9)
        .map(|tries| back_off(tries, u32::MAX).num_seconds())
        .collect();
    assert_eq!(longest, [5, 5, 30, 300, 1800, 7200, 21_600, 21_600, 21_600]);
    assert_eq!(back_off(i32::MAX, 0), SHORTEST_DELAY);
    assert_eq!(back_off(i32::MIN, 0), SHORTEST_DELAY);
}

proptest! {
    #[test]
    fn a_delay_is_bounded_and_grows_with_tries_and_chance(tries in 1..20_i32, random: u32) {
        let delay = back_off(tries, random);
        prop_assert!(SHORTEST_DELAY <= delay && delay <= TimeDelta::hours(6));
        prop_assert!(back_off(tries + 1, random) >= delay);
        prop_assert!(back_off(tries, random.saturating_add(1)) >= delay);
    }
}
