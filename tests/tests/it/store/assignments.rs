//! Tasks and their assignments: acts in the past, two times, and lights that mean the same in SQL as in the rules.

use chrono::{Days, NaiveDate};
use diesel::prelude::*;
use qiaojian_domain::Conflict;
use qiaojian_domain::access::Post;
use qiaojian_domain::assignment::{AssignmentStatus, Light};
use qiaojian_domain::ids::{AssignmentId, ProgramId, ReportId, TaskId};
use qiaojian_domain::organization::PreciseDate;
use qiaojian_domain::program::Facts as ProgramFacts;
use qiaojian_domain::task::{Facts, Theme};
use qiaojian_store::db::schema::assignment_versions;
use qiaojian_store::programs::{self, NewProgram};
use qiaojian_store::tasks::assignments::{self, Act, AssignmentVersion, Filter, GivenTask};
use qiaojian_store::tasks::{self, Assignee, NewTask};
use qiaojian_store::{StoreError, StoreResult, Subtree};
use qiaojian_tests::Backend;
use qiaojian_tests::fixtures::date;
use rstest_reuse::apply;
use uuid::Uuid;

use super::register::{Register, with_register};
use crate::both_databases;

const PROGRAM: ProgramId = ProgramId(Uuid::from_u128(1));

fn given(number: u128) -> AssignmentId {
    AssignmentId(Uuid::from_u128(number))
}

fn report(number: u128) -> Act {
    Act::Report {
        id: ReportId(Uuid::from_u128(number)),
        content: "正按时间节点推进。".to_owned(),
    }
}

impl Register {
    async fn add_program(&self) {
        let issuer = self.area("340000").await.area_id;
        let facts = ProgramFacts {
            code: "ah-qiaojian-2021".to_owned(),
            title: "党建带侨建、侨建促党建".to_owned(),
            aliases: Vec::new(),
            baseline_on: date("2021-10-31"),
            starts: PreciseDate::day(date("2021-11-01")),
            target_on: date("2022-12-31"),
            note: None,
        };
        let new = NewProgram {
            id: PROGRAM,
            digest: "the request".to_owned(),
            issuer,
            illustrative: false,
            facts,
        };
        self.write(move |recording| programs::create(recording, &new))
            .await
            .unwrap();
    }

    async fn task(&self, no: i32, due_on: &str, to: &[(u128, &'static str)]) -> NewTask {
        let mut assignees = Vec::new();
        for (number, code) in to {
            assignees.push(Assignee {
                id: given(*number),
                area: self.area(code).await,
                post: Post::Federation,
            });
        }
        NewTask {
            id: TaskId(Uuid::from_u128(u128::from(no.unsigned_abs()))),
            digest: format!("request {no}"),
            program: PROGRAM,
            issuer: self.area("340000").await,
            issuer_post: Post::Federation,
            facts: Facts {
                no,
                theme: Theme::LeadOrganization,
                content: "成立试点工作领导小组。".to_owned(),
                lead_post: Post::PartyCommittee,
                supporting_posts: vec![Post::OrganizationDept],
                issued_on: date("2021-11-15"),
                due_on: date(due_on),
            },
            origin: None,
            assignees,
        }
    }

    async fn act(&self, number: u128, act: Act, on: &str) -> StoreResult<GivenTask> {
        let (on, today) = (date(on), self.today());
        self.write(move |recording| {
            let found = assignments::find(recording.conn(), &Subtree::everything(), given(number))?;
            assignments::act(recording, found, None, &act, on, today)
        })
        .await
    }

    async fn versions(&self, number: u128) -> Vec<AssignmentVersion> {
        self.read(move |conn| {
            Ok(assignment_versions::table
                .filter(assignment_versions::assignment_id.eq(given(number)))
                .order((assignment_versions::recorded_seq, assignment_versions::valid_from))
                .select(AssignmentVersion::as_select())
                .load(conn)?)
        })
        .await
        .unwrap()
    }

    /// What is known now, as one line per segment.
    async fn course(&self, number: u128) -> Vec<String> {
        let known = self
            .versions(number)
            .await
            .into_iter()
            .filter(|row| row.superseded_seq.is_none());
        let to = |row: &AssignmentVersion| row.valid_to.map(|to| to.to_string()).unwrap_or_default();
        known
            .map(|row| format!("{}..{} {}", row.valid_from, to(&row), row.status))
            .collect()
    }
}

/// A way from 交办 to 办结, with one return.
fn way() -> Vec<(Act, &'static str)> {
    vec![
        (Act::Acknowledge, "2021-11-17"),
        (report(1), "2021-11-24"),
        (report(2), "2021-12-15"),
        (Act::Submit, "2021-12-15"),
        (
            Act::Return {
                reason: "佐证材料不全，请补充后重新报送。".to_owned(),
            },
            "2021-12-17",
        ),
        (report(3), "2021-12-20"),
        (Act::Submit, "2021-12-20"),
        (Act::Accept, "2021-12-22"),
    ]
}

const COURSE: [&str; 7] = [
    "2021-11-15..2021-11-17 issued",
    "2021-11-17..2021-11-24 acknowledged",
    "2021-11-24..2021-12-15 in_progress",
    "2021-12-15..2021-12-17 submitted",
    "2021-12-17..2021-12-20 returned",
    "2021-12-20..2021-12-22 submitted",
    "2021-12-22.. accepted",
];

#[apply(both_databases)]
fn a_way_of_the_past_is_recorded_step_by_step(#[case] backend: Backend) {
    with_register(backend, async |register| {
        register.add_program().await;
        let new = register.task(1, "2021-12-17", &[(1, "340300")]).await;
        register
            .write(move |recording| tasks::create(recording, &new))
            .await
            .unwrap();
        let mut rows = register.versions(1).await;
        for (act, on) in way() {
            let moved = register.act(1, act, on).await.unwrap();
            assert_eq!(moved.current.valid_from, date(on));
            let after = register.versions(1).await;
            for old in &rows {
                let now = after
                    .iter()
                    .find(|row| (row.recorded_seq, row.valid_from) == (old.recorded_seq, old.valid_from));
                let now = now.expect("no row goes away");
                let (superseded_seq, superseded_at) = (now.superseded_seq, now.superseded_at);
                assert_eq!(
                    *now,
                    AssignmentVersion {
                        superseded_seq,
                        superseded_at,
                        ..old.clone()
                    }
                );
                assert!(
                    old.superseded_seq.is_none_or(|seq| superseded_seq == Some(seq)),
                    "superseded once"
                );
            }
            rows = after;
        }
        assert_eq!(register.course(1).await, COURSE);
        let (done, reports) = register
            .read(|conn| {
                Ok((
                    assignments::find(conn, &Subtree::everything(), given(1))?,
                    assignments::reports(conn, given(1))?,
                ))
            })
            .await
            .unwrap();
        assert_eq!((done.current.version, done.current.late()), (9, Some(true)));
        assert_eq!(reports.len(), 3);
    });
}

#[apply(both_databases)]
fn a_task_and_its_whole_way_fit_in_one_write(#[case] backend: Backend) {
    with_register(backend, async |register| {
        register.add_program().await;
        let (new, today) = (
            register.task(1, "2021-12-17", &[(1, "340300")]).await,
            register.today(),
        );
        register
            .write(move |recording| {
                tasks::create(recording, &new)?;
                let mut found = assignments::find(recording.conn(), &Subtree::everything(), given(1))?;
                for (act, on) in way() {
                    found = assignments::act(recording, found, None, &act, date(on), today)?;
                }
                Ok(())
            })
            .await
            .unwrap();
        assert_eq!(register.course(1).await, COURSE);
        assert_eq!(
            register.versions(1).await.len(),
            COURSE.len(),
            "what nobody knew leaves no superseded row"
        );
    });
}

#[apply(both_databases)]
fn an_act_before_the_last_one_or_tomorrow_is_refused(#[case] backend: Backend) {
    with_register(backend, async |register| {
        register.add_program().await;
        let new = register.task(1, "2021-12-17", &[(1, "340300")]).await;
        register
            .write(move |recording| tasks::create(recording, &new))
            .await
            .unwrap();
        for (on, code) in [
            ("2021-11-14", "dates_out_of_order"),
            ("2022-06-25", "date_in_future"),
        ] {
            let outcome = register.act(1, Act::Acknowledge, on).await;
            let Err(StoreError::Invalid(violations)) = outcome else {
                panic!("{outcome:?}")
            };
            assert_eq!(violations.first().map(|violation| violation.code), Some(code));
        }
        let early = register.act(1, Act::Submit, "2022-01-01").await;
        let Err(StoreError::Refused(refused)) = early else {
            panic!("{early:?}")
        };
        assert_eq!(
            (refused.state.code, refused.codes()),
            ("issued", vec!["acknowledge", "cancel"])
        );
        assert_eq!(register.versions(1).await.len(), 1);
    });
}

#[apply(both_databases)]
fn a_number_is_used_once_and_a_refused_task_leaves_nothing(#[case] backend: Backend) {
    with_register(backend, async |register| {
        register.add_program().await;
        let first = register.task(1, "2021-12-17", &[(1, "340300")]).await;
        register
            .write(move |recording| tasks::create(recording, &first))
            .await
            .unwrap();
        let mut same_number = register.task(2, "2021-12-17", &[(2, "341800")]).await;
        same_number.facts.no = 1;
        let outcome = register
            .write(move |recording| tasks::create(recording, &same_number))
            .await;
        assert!(
            matches!(outcome, Err(StoreError::Conflict(Conflict::TaskNoTaken))),
            "{outcome:?}"
        );
        let twice = register
            .task(3, "2021-12-17", &[(3, "341800"), (4, "341800")])
            .await;
        let outcome = register
            .write(move |recording| tasks::create(recording, &twice))
            .await;
        assert!(
            matches!(outcome, Err(StoreError::Conflict(Conflict::AssignedTwice))),
            "{outcome:?}"
        );
        let left = register.read(|conn| {
            Ok(tasks::list(
                conn,
                &Subtree::everything(),
                &tasks::Filter::default(),
                None,
                10,
            )?)
        });
        assert_eq!(left.await.unwrap().len(), 1);
        for number in [2, 3, 4] {
            assert!(register.versions(number).await.is_empty());
        }
    });
}

/// Every status a head can have, with the days it was submitted and accepted.
fn heads() -> Vec<(AssignmentStatus, Option<NaiveDate>)> {
    use AssignmentStatus as S;
    let (in_time, too_late) = (Some(date("2022-06-19")), Some(date("2022-06-21")));
    vec![
        (S::Issued, None),
        (S::Acknowledged, None),
        (S::InProgress, None),
        (S::InProgress, too_late),
        (S::Submitted, in_time),
        (S::Submitted, too_late),
        (S::Returned, in_time),
        (S::Accepted, in_time),
        (S::Accepted, too_late),
        (S::Cancelled, None),
        (S::Cancelled, too_late),
    ]
}

#[apply(both_databases)]
fn a_light_means_the_same_in_a_list_as_in_the_rules(#[case] backend: Backend) {
    with_register(backend, async |register| {
        register.add_program().await;
        // One task per head, due 2022-06-20.
        for (number, (status, submitted_on)) in (1_u128..).zip(heads()) {
            let no = i32::try_from(number).unwrap();
            let new = register.task(no, "2022-06-20", &[(number, "340300")]).await;
            register
                .write(move |recording| {
                    tasks::create(recording, &new)?;
                    diesel::update(
                        assignment_versions::table
                            .filter(assignment_versions::assignment_id.eq(given(number))),
                    )
                    .set((
                        assignment_versions::status.eq(status),
                        assignment_versions::submitted_on.eq(submitted_on),
                    ))
                    .execute(recording.conn())?;
                    Ok(())
                })
                .await
                .unwrap();
        }
        for offset in 0..20 {
            let today = date("2022-06-08") + Days::new(offset);
            for lights in [
                &[][..],
                &[Light::Red],
                &[Light::Yellow],
                &[Light::Green],
                &[Light::Red, Light::Yellow],
                Light::ALL,
            ] {
                let filter = Filter {
                    lights: lights.to_vec(),
                    ..Filter::default()
                };
                let (all, listed) = register
                    .read(move |conn| {
                        let everything = Subtree::everything();
                        let all = assignments::list(conn, &everything, &Filter::default(), today, None, 100)?;
                        Ok((
                            all,
                            assignments::list(conn, &everything, &filter, today, None, 100)?,
                        ))
                    })
                    .await
                    .unwrap();
                assert_eq!(all.len(), heads().len());
                let shines =
                    |given: &GivenTask| lights.is_empty() || lights.contains(&given.current.light(today));
                let expected: Vec<_> = all.into_iter().filter(shines).collect();
                assert_eq!(listed, expected, "{lights:?} on {today}");
            }
        }
    });
}
