use super::*;
use crate::dates::Precision;

#[test]
fn the_life_of_an_organization() {
    use Status::*;
    let table = [
        (Preparing, vec![("approve", Approved), ("abandon", Abandoned)]),
        (Approved, vec![("establish", Established), ("abandon", Abandoned)]),
        (
            Established,
            vec![
                ("unveil", Established),
                ("close", Closed),
                ("merge", Merged),
                ("split", Established),
            ],
        ),
        (Closed, vec![("reopen", Established)]),
        (Merged, vec![]),
        (Abandoned, vec![]),
    ];
    for (status, allowed) in table {
        for verb in Verb::ALL {
            let expected = allowed
                .iter()
                .find(|(word, _)| *word == verb.as_str())
                .map(|(_, next)| *next);
            match (status.after(*verb), expected) {
                (Ok(next), Some(expected)) => assert_eq!(next, expected, "{status} {verb}"),
                (Err(refused), None) => {
                    assert_eq!(refused.allowed.len(), allowed.len(), "{status} {verb}");
                }
                other => panic!("{status} {verb}: {other:?}"),
            }
        }
    }
}

#[test]
fn kinds_have_their_levels() {
    assert!(
        Level::ALL
            .iter()
            .all(|level| Kind::Federation.may_stand_at(*level))
    );
    assert!(!Kind::WorkStation.may_stand_at(Level::County));
    assert!(Kind::WorkStation.may_stand_at(Level::Park));
    assert!(!Kind::WorkSubStation.may_stand_at(Level::Township));
    assert!(!Kind::LiaisonPost.may_stand_at(Level::Park));
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn life(status: Status, approved: &str, established: &str, unveiled: &str, closed: &str) -> Life {
    let on = |text: &str| (!text.is_empty()).then(|| PreciseDate::day(date(text)));
    Life {
        status,
        approved: on(approved),
        established: on(established),
        unveiled: on(unveiled),
        closed: on(closed),
        reopenings: Vec::new(),
    }
}

fn reopening(closed: &str, reopened: &str) -> Reopening {
    Reopening::between(PreciseDate::day(date(closed)), PreciseDate::day(date(reopened)))
}

#[test]
fn dates_must_fit_the_status_and_each_other() {
    use Status::*;
    for (life, codes) in [
        (life(Preparing, "", "", "", ""), vec![]),
        (
            life(Preparing, "2022-01-01", "", "", ""),
            vec!["date_not_allowed"],
        ),
        (life(Approved, "", "", "", ""), vec!["date_missing"]),
        (
            life(Established, "2022-01-01", "2022-02-01", "2022-02-02", ""),
            vec![],
        ),
        (life(Established, "", "2022-02-01", "", ""), vec![]),
        (
            life(Established, "2022-03-01", "2022-02-01", "", ""),
            vec!["dates_out_of_order"],
        ),
        (
            life(Established, "", "2022-02-01", "", "2022-05-01"),
            vec!["date_not_allowed"],
        ),
        (life(Closed, "", "2022-02-01", "", ""), vec!["date_missing"]),
        (
            life(Established, "", "2022-07-01", "", ""),
            vec!["date_in_future"],
        ),
    ] {
        let found: Vec<_> = life
            .violations(date("2022-06-24"))
            .iter()
            .map(|violation| violation.code)
            .collect();
        assert_eq!(found, codes, "{life:?}");
    }
}

#[test]
fn an_imprecise_step_may_share_its_interval_with_the_one_before() {
    let late_march = PreciseDate {
        on: date("2022-03-21"),
        precision: Precision::TenDay,
    };
    let life = Life {
        status: Status::Established,
        approved: Some(PreciseDate::day(date("2022-03-25"))),
        established: Some(late_march),
        unveiled: Some(late_march),
        closed: None,
        reopenings: Vec::new(),
    };
    assert!(life.violations(date("2022-06-24")).is_empty());
    let starts: Vec<_> = life
        .segments(date("2022-06-24"))
        .iter()
        .map(|(from, life)| (*from, life.status))
        .collect();
    assert_eq!(
        starts,
        [
            (date("2022-03-25"), Status::Approved),
            (date("2022-03-31"), Status::Established)
        ]
    );
}

#[test]
fn a_life_recorded_late_has_the_segments_it_was_lived_in() {
    let life = life(
        Status::Closed,
        "2022-01-01",
        "2022-02-01",
        "2022-02-15",
        "2022-05-01",
    );
    let segments = life.segments(date("2022-06-24"));
    let seen: Vec<_> = segments
        .iter()
        .map(|(from, life)| (from.to_string(), life.status, life.unveiled.is_some()))
        .collect();
    assert_eq!(
        seen,
        [
            ("2022-01-01".to_owned(), Status::Approved, false),
            ("2022-02-01".to_owned(), Status::Established, false),
            ("2022-02-15".to_owned(), Status::Established, true),
            ("2022-05-01".to_owned(), Status::Closed, true),
        ]
    );
    assert_eq!(segments.last().unwrap().1, life);
}

#[test]
fn a_reopened_one_was_closed_in_between() {
    let reopened = Life {
        reopenings: vec![
            reopening("2022-04-01", "2022-04-10"),
            reopening("2022-05-01", "2022-05-20"),
        ],
        ..life(Status::Merged, "", "2022-02-01", "2022-04-15", "2022-06-01")
    };
    assert!(reopened.violations(date("2022-06-24")).is_empty());
    let segments = reopened.segments(date("2022-06-24"));
    let seen: Vec<_> = segments
        .iter()
        .map(|(from, life)| {
            let (closed, unveiled) = (life.closed.map(|closed| closed.on.to_string()), life.unveiled);
            (
                from.to_string(),
                life.status.as_str(),
                closed.unwrap_or_default(),
                unveiled.is_some(),
                life.reopenings.len(),
            )
        })
        .collect();
    let row = |from: &str, status, closed: &str, unveiled, reopenings| {
        (from.to_owned(), status, closed.to_owned(), unveiled, reopenings)
    };
    assert_eq!(
        seen,
        [
            row("2022-02-01", "established", "", false, 0),
            row("2022-04-01", "closed", "2022-04-01", false, 0),
            row("2022-04-10", "established", "", false, 1),
            row("2022-04-15", "established", "", true, 1),
            row("2022-05-01", "closed", "2022-05-01", true, 1),
            row("2022-05-20", "established", "", true, 2),
            row("2022-06-01", "merged", "2022-06-01", true, 2),
        ]
    );
    assert_eq!(segments.last().unwrap().1, reopened);
    let unveiled_first = Life {
        unveiled: Some(PreciseDate::day(date("2022-03-01"))),
        ..reopened
    };
    let segments = unveiled_first.segments(date("2022-06-24"));
    assert!(segments.iter().skip(1).all(|(_, life)| life.unveiled.is_some()));
    assert_eq!(segments.len(), 7);
}

#[test]
fn reopenings_follow_each_other() {
    use Status::*;
    let lived = |status, unveiled: &str, closed: &str, reopenings: &[(&str, &str)]| Life {
        reopenings: reopenings
            .iter()
            .map(|(closed, reopened)| reopening(closed, reopened))
            .collect(),
        ..life(status, "", "2022-02-01", unveiled, closed)
    };
    let once = [("2022-04-01", "2022-04-10")];
    for (life, faults) in [
        (lived(Established, "", "", &once), vec![]),
        (lived(Established, "2022-04-10", "", &once), vec![]),
        (lived(Closed, "", "2022-04-10", &once), vec![]),
        (
            lived(Established, "2022-04-05", "", &once),
            vec!["/unveiled_on dates_out_of_order"],
        ),
        (
            lived(Closed, "", "2022-04-09", &once),
            vec!["/closed_on dates_out_of_order"],
        ),
        (
            lived(Established, "", "", &[("2022-01-31", "2022-04-10")]),
            vec!["/reopenings/0/closed_on dates_out_of_order"],
        ),
        (
            lived(Established, "", "", &[("2022-04-10", "2022-04-10")]),
            vec!["/reopenings/0/reopened_on dates_out_of_order"],
        ),
        (
            lived(Established, "", "", &[once[0], ("2022-04-09", "2022-05-01")]),
            vec!["/reopenings/1/closed_on dates_out_of_order"],
        ),
        (
            lived(Established, "", "", &[("2022-04-10", "2022-06-25")]),
            vec!["/reopenings/0/reopened_on date_in_future"],
        ),
        (
            Life {
                reopenings: vec![reopening("2022-04-01", "2022-04-10")],
                ..life(Preparing, "", "", "", "")
            },
            vec!["/reopenings date_not_allowed"],
        ),
    ] {
        let found: Vec<_> = life
            .violations(date("2022-06-24"))
            .iter()
            .map(|violation| format!("{} {}", violation.pointer, violation.code))
            .collect();
        assert_eq!(found, faults, "{life:?}");
    }
    let day = |number: u64| (date("2022-02-02") + chrono::Days::new(number)).to_string();
    let often = |times: u64| Life {
        reopenings: (0..times)
            .map(|time| reopening(&day(2 * time), &day(2 * time + 1)))
            .collect(),
        ..life(Established, "", "2022-02-01", "", "")
    };
    assert_eq!(often(20).violations(date("2022-06-24")), []);
    assert_eq!(often(21).violations(date("2022-06-24"))[0].code, "too_many");
}

#[test]
fn what_is_recorded_besides_the_life_fits_it() {
    let facts = Facts {
        host: Host::Area,
        kind: Kind::Federation,
        name: "禹会区侨联".to_owned(),
        life: life(Status::Established, "", "2022-02-01", "", ""),
        approval_post: None,
        approval_doc_no: None,
        basis: Basis::New,
        replaces: None,
        has_office: true,
        affiliation: None,
        quota_posts: Some(3),
        posts_filled: Some(3),
        five_have: FiveHave::default(),
        standing_rules: StandingRules::default(),
        term_ends_on: Some(date("2027-02-01")),
        note: None,
    };
    let item = |on: &str| {
        Some(ChecklistItem {
            have: true,
            on: Some(date(on)),
            doc_no: None,
        })
    };
    for (facts, faults) in [
        (facts.clone(), vec![]),
        (
            Facts {
                posts_filled: Some(4),
                ..facts.clone()
            },
            vec!["/posts_filled over_quota"],
        ),
        (
            Facts {
                quota_posts: None,
                posts_filled: Some(4),
                ..facts.clone()
            },
            vec![],
        ),
        (
            Facts {
                five_have: FiveHave {
                    team: item("2022-06-24"),
                    venue: item("2022-06-25"),
                    ..FiveHave::default()
                },
                standing_rules: StandingRules {
                    learning: Some(date("2022-06-24")),
                    service: Some(date("2022-06-25")),
                    ..StandingRules::default()
                },
                ..facts.clone()
            },
            vec![
                "/five_have/venue/on date_in_future",
                "/standing_rules/service date_in_future",
            ],
        ),
        (
            Facts {
                term_ends_on: Some(date("2022-01-31")),
                ..facts.clone()
            },
            vec!["/term_ends_on dates_out_of_order"],
        ),
        (
            Facts {
                basis: Basis::ReplaceOne,
                ..facts.clone()
            },
            vec!["/replaces replaces_mismatch"],
        ),
        (
            Facts {
                basis: Basis::Congress,
                replaces: Some("区侨务办".to_owned()),
                ..facts
            },
            vec!["/replaces replaces_mismatch"],
        ),
    ] {
        let found: Vec<_> = facts
            .violations(Level::County, date("2022-06-24"))
            .iter()
            .map(|violation| format!("{} {}", violation.pointer, violation.code))
            .collect();
        assert_eq!(found, faults, "{facts:?}");
    }
}
