//! The register of organizations: two times, one active of a kind, steps and corrections.

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::area::{AreaKind, Level};
use qiaojian_domain::clock::{OsEntropy, SystemClock};
use qiaojian_domain::dates::Precision;
use qiaojian_domain::ids::{AreaId, ChangeId, OrganizationId};
use qiaojian_domain::organization::{
    Basis, Facts, FiveHave, Host, Kind, Life, PreciseDate, StandingRules, Status, Verb, Verification,
};
use qiaojian_domain::{Conflict, Noun};
use qiaojian_store::areas::{self, NewArea};
use qiaojian_store::db::DbError;
use qiaojian_store::db::schema::organization_versions;
use qiaojian_store::organizations::{
    self, Correction, Created, Merging, NewOrganization, OrganizationInArea, OrganizationVersion, Step,
};
use qiaojian_store::{StoreError, StoreResult, Subtree, ledger};
use qiaojian_tests::Backend;
use qiaojian_tests::fixtures::date;
use rstest_reuse::apply;
use uuid::Uuid;

use super::register::{Register, with_register};
use crate::both_databases;

const STREET: &str = "340304001";

pub fn id(number: u128) -> OrganizationId {
    OrganizationId(Uuid::from_u128(number))
}

pub fn preparing() -> Facts {
    Facts {
        host: Host::Area,
        kind: Kind::Federation,
        name: "大庆街道侨联".to_owned(),
        life: Life {
            status: Status::Preparing,
            approved: None,
            established: None,
            unveiled: None,
            closed: None,
            reopenings: Vec::new(),
        },
        approval_post: None,
        approval_doc_no: None,
        basis: Basis::New,
        replaces: None,
        has_office: false,
        affiliation: None,
        quota_posts: None,
        posts_filled: None,
        five_have: FiveHave::default(),
        standing_rules: StandingRules::default(),
        term_ends_on: None,
        note: None,
    }
}

/// Founded on a day.
pub fn established_on(day: NaiveDate) -> Facts {
    let life = Life {
        status: Status::Established,
        established: Some(PreciseDate::day(day)),
        ..preparing().life
    };
    Facts { life, ..preparing() }
}

/// Approved on 2022-02-20, founded in the last third of March.
fn established() -> Facts {
    let life = Life {
        status: Status::Established,
        approved: Some(PreciseDate::day(date("2022-02-20"))),
        established: Some(PreciseDate {
            on: date("2022-03-21"),
            precision: Precision::TenDay,
        }),
        ..preparing().life
    };
    Facts { life, ..preparing() }
}

pub fn step(verb: Verb, on: &str) -> Step {
    Step {
        verb,
        on: PreciseDate::day(date(on)),
        reason: verb.needs_reason().then(|| "机构合并".to_owned()),
        doc_no: None,
        post: None,
        verification: Verification::Unverified,
    }
}

impl Register {
    pub async fn create(&self, number: u128, area: &'static str, facts: Facts) -> StoreResult<Created> {
        self.create_by(number, area, facts, "the request").await
    }

    async fn create_by(
        &self,
        number: u128,
        area: &'static str,
        facts: Facts,
        digest: &'static str,
    ) -> StoreResult<Created> {
        let (area, today) = (self.area(area).await, self.today());
        let new = NewOrganization {
            id: id(number),
            digest: digest.to_owned(),
            area,
            parent: None,
            facts,
            verification: Verification::Unverified,
        };
        self.write(move |recording| organizations::create(recording, &Subtree::everything(), &new, today))
            .await
    }

    async fn step(&self, number: u128, verb: Verb, on: &str) -> StoreResult<OrganizationInArea> {
        let (step, today) = (step(verb, on), self.today());
        self.write(move |recording| {
            organizations::transition(recording, &Subtree::everything(), id(number), None, &step, today)
        })
        .await
    }

    pub async fn correct(
        &self,
        number: u128,
        facts: Facts,
        reason: Option<&'static str>,
    ) -> StoreResult<OrganizationInArea> {
        let (area, today) = (self.area(STREET).await, self.today());
        self.write(move |recording| {
            let everything = Subtree::everything();
            let correction = Correction {
                facts: &facts,
                area: &area,
                parent: None,
                reason,
                verification: Verification::Unverified,
            };
            organizations::correct(recording, &everything, id(number), None, &correction, today)
        })
        .await
    }

    async fn void(&self, number: u128) -> StoreResult<()> {
        self.write(move |recording| {
            organizations::void(recording, &Subtree::everything(), id(number), None, "重复登记")
        })
        .await
    }

    async fn find(&self, number: u128) -> StoreResult<OrganizationInArea> {
        self.read(move |conn| organizations::find(conn, &Subtree::everything(), id(number)))
            .await
    }

    /// Every row there ever was of an organization, superseded or not.
    async fn rows(&self, number: u128) -> Vec<OrganizationVersion> {
        self.read(move |conn| {
            Ok(organization_versions::table
                .filter(organization_versions::organization_id.eq(id(number)))
                .order((
                    organization_versions::recorded_seq,
                    organization_versions::valid_from,
                ))
                .select(OrganizationVersion::as_select())
                .load(conn)?)
        })
        .await
        .unwrap()
    }

    /// What is known now, as one line per segment.
    async fn story(&self, number: u128) -> Vec<String> {
        let known = self
            .rows(number)
            .await
            .into_iter()
            .filter(|row| row.superseded_seq.is_none());
        known.map(|row| segment(&row)).collect()
    }
}

fn segment(row: &OrganizationVersion) -> String {
    let to = row.valid_to.map(|to| to.to_string()).unwrap_or_default();
    format!("{}..{to} {} {}", row.valid_from, row.status, row.name)
}

/// The status on a day, as it was known at a place in the ledger.
fn status_at(rows: &[OrganizationVersion], on: &str, known: i64) -> Option<Status> {
    let on = date(on);
    let mut true_then = rows.iter().filter(|row| {
        row.recorded_seq <= known
            && row.superseded_seq.is_none_or(|seq| seq > known)
            && row.valid_from <= on
            && row.valid_to.is_none_or(|to| to > on)
    });
    let found = true_then.next();
    assert!(
        true_then.next().is_none(),
        "two rows are true on {on} as known at {known}"
    );
    found.map(|row| row.status)
}

fn last_seq(rows: &[OrganizationVersion]) -> i64 {
    rows.iter().map(|row| row.recorded_seq).max().unwrap()
}

#[apply(both_databases)]
fn one_recorded_late_has_every_part_of_its_life(#[case] backend: Backend) {
    with_register(backend, async |register| {
        let created = register.create(1, STREET, established()).await.unwrap();
        assert!(matches!(created, Created::New(_)));
        assert_eq!(
            register.story(1).await,
            [
                "2022-02-20..2022-03-31 approved 大庆街道侨联",
                "2022-03-31.. established 大庆街道侨联"
            ],
            "3月下旬 counts from its last day"
        );
        let found = register.find(1).await.unwrap();
        assert_eq!(
            (found.area_code.as_str(), found.organization.version),
            (STREET, 1)
        );
        assert_eq!(found.organization.facts().unwrap(), established());
    });
}

#[apply(both_databases)]
fn the_same_request_is_the_same_organization_for_ever(#[case] backend: Backend) {
    with_register(backend, async |register| {
        register.create(1, STREET, preparing()).await.unwrap();
        register.step(1, Verb::Approve, "2022-02-20").await.unwrap();
        let again = register.create(1, STREET, preparing()).await.unwrap();
        let Created::Before(now) = again else {
            panic!("made twice")
        };
        assert_eq!(
            now.organization.status,
            Status::Approved,
            "it is shown as it is now"
        );
        let other = register
            .create_by(1, STREET, preparing(), "another request")
            .await;
        assert!(
            matches!(other, Err(StoreError::Conflict(Conflict::IdTaken))),
            "{other:?}"
        );
        assert_eq!(
            register
                .rows(1)
                .await
                .iter()
                .filter(|row| row.version == 1)
                .count(),
            1
        );
    });
}

#[apply(both_databases)]
fn an_area_has_one_active_organization_of_a_kind(#[case] backend: Backend) {
    with_register(backend, async |register| {
        register.create(1, STREET, preparing()).await.unwrap();
        let second = register.create(2, STREET, established()).await;
        assert!(
            matches!(second, Err(StoreError::OrganizationExists { .. })),
            "{second:?}"
        );
        assert!(
            register.rows(2).await.is_empty(),
            "a refused one leaves nothing behind"
        );
        let another_kind = Facts {
            kind: Kind::WorkStation,
            ..preparing()
        };
        register.create(3, STREET, another_kind).await.unwrap();
        let of_a_university = Facts {
            host: Host::University,
            ..preparing()
        };
        register.create(4, STREET, of_a_university).await.unwrap();
        register.create(5, "340304002", preparing()).await.unwrap();
        register.step(1, Verb::Abandon, "2022-06-01").await.unwrap();
        register.create(6, STREET, established()).await.unwrap();
        register.void(6).await.unwrap();
        register.create(7, STREET, established()).await.unwrap();
    });
}

#[apply(both_databases)]
fn a_step_changes_from_its_day_on_and_keeps_what_was_before(#[case] backend: Backend) {
    with_register(backend, async |register| {
        register.create(1, STREET, established()).await.unwrap();
        let told = last_seq(&register.rows(1).await);
        register.step(1, Verb::Unveil, "2022-04-02").await.unwrap();
        let closed = register.step(1, Verb::Close, "2022-06-20").await.unwrap();
        assert_eq!(closed.organization.version, 3);
        assert_eq!(
            register.story(1).await,
            [
                "2022-02-20..2022-03-31 approved 大庆街道侨联",
                "2022-03-31..2022-04-02 established 大庆街道侨联",
                "2022-04-02..2022-06-20 established 大庆街道侨联",
                "2022-06-20.. closed 大庆街道侨联"
            ]
        );
        let rows = register.rows(1).await;
        let now = last_seq(&rows);
        for (on, then, since) in [
            ("2022-02-19", None, None),
            ("2022-02-20", Some(Status::Approved), Some(Status::Approved)),
            ("2022-03-31", Some(Status::Established), Some(Status::Established)),
            ("2022-06-19", Some(Status::Established), Some(Status::Established)),
            ("2022-06-20", Some(Status::Established), Some(Status::Closed)),
        ] {
            assert_eq!(
                (status_at(&rows, on, told), status_at(&rows, on, now)),
                (then, since),
                "{on}"
            );
        }
    });
}

#[apply(both_databases)]
fn a_step_that_is_not_allowed_changes_nothing(#[case] backend: Backend) {
    with_register(backend, async |register| {
        register.create(1, STREET, preparing()).await.unwrap();
        let rows = register.rows(1).await;
        let early = register.step(1, Verb::Establish, "2022-03-31").await;
        let Err(StoreError::Refused(refused)) = early else {
            panic!("{early:?}")
        };
        assert_eq!(
            (refused.state.code, refused.codes()),
            ("preparing", vec!["approve", "abandon"])
        );
        let tomorrow = register.step(1, Verb::Approve, "2022-06-25").await;
        let Err(StoreError::Invalid(violations)) = tomorrow else {
            panic!("{tomorrow:?}")
        };
        assert!(
            violations
                .iter()
                .all(|violation| violation.pointer == "/on" && violation.code == "date_in_future")
        );
        let (step, today) = (step(Verb::Approve, "2022-03-01"), register.today());
        let stale = register
            .write(move |recording| {
                organizations::transition(recording, &Subtree::everything(), id(1), Some(2), &step, today)
            })
            .await;
        assert!(
            matches!(stale, Err(StoreError::Stale { current: 1 })),
            "{stale:?}"
        );
        assert_eq!(register.rows(1).await, rows);
    });
}

#[apply(both_databases)]
fn a_correction_holds_from_the_beginning_and_not_for_what_was_known_before(#[case] backend: Backend) {
    with_register(backend, async |register| {
        register.create(1, STREET, established()).await.unwrap();
        let told = last_seq(&register.rows(1).await);
        let renamed = Facts {
            name: "大庆街道归国华侨联合会".to_owned(),
            ..established()
        };
        register.correct(1, renamed.clone(), None).await.unwrap();
        assert_eq!(
            register.story(1).await,
            [
                "2022-02-20..2022-03-31 approved 大庆街道归国华侨联合会",
                "2022-03-31.. established 大庆街道归国华侨联合会"
            ]
        );
        let mut redated = renamed.clone();
        redated.life.established = Some(PreciseDate::day(date("2022-03-10")));
        let silent = register.correct(1, redated.clone(), None).await;
        let Err(StoreError::Invalid(violations)) = silent else {
            panic!("{silent:?}")
        };
        assert_eq!(
            violations.first().map(|violation| violation.code),
            Some("reason_required")
        );
        let corrected = register.correct(1, redated, Some("原日期误填")).await.unwrap();
        assert_eq!(corrected.organization.version, 3);
        assert_eq!(
            register.story(1).await,
            [
                "2022-02-20..2022-03-10 approved 大庆街道归国华侨联合会",
                "2022-03-10.. established 大庆街道归国华侨联合会"
            ]
        );
        let rows = register.rows(1).await;
        assert_eq!(
            status_at(&rows, "2022-03-15", told),
            Some(Status::Approved),
            "what was told stays told"
        );
        assert_eq!(
            status_at(&rows, "2022-03-15", last_seq(&rows)),
            Some(Status::Established)
        );
    });
}

#[apply(both_databases)]
fn a_voided_one_never_was_but_was_known(#[case] backend: Backend) {
    with_register(backend, async |register| {
        register.create(1, STREET, established()).await.unwrap();
        let told = last_seq(&register.rows(1).await);
        register.void(1).await.unwrap();
        assert!(matches!(
            register.find(1).await,
            Err(StoreError::NotFound(Noun::Organization))
        ));
        assert!(register.story(1).await.is_empty());
        let rows = register.rows(1).await;
        assert_eq!(status_at(&rows, "2022-06-24", told), Some(Status::Established));
        assert_eq!(status_at(&rows, "2022-06-24", told + 1), None);
        assert!(matches!(
            register.void(1).await,
            Err(StoreError::NotFound(Noun::Organization))
        ));
    });
}

#[apply(both_databases)]
fn a_row_is_never_changed_but_superseded_once(#[case] backend: Backend) {
    with_register(backend, async |register| {
        register.create(1, STREET, preparing()).await.unwrap();
        let mut before = register.rows(1).await;
        let mut look = async |what: &str| {
            let after = register.rows(1).await;
            for old in &before {
                let key = |row: &OrganizationVersion| (row.recorded_seq, row.valid_from);
                let now = after
                    .iter()
                    .find(|row| key(row) == key(old))
                    .unwrap_or_else(|| panic!("{what}: a row is gone"));
                if old.superseded_seq.is_some() {
                    assert_eq!(now, old, "{what}: superseded for good");
                } else {
                    let (superseded_seq, superseded_at) = (now.superseded_seq, now.superseded_at);
                    assert_eq!(
                        *now,
                        OrganizationVersion {
                            superseded_seq,
                            superseded_at,
                            ..old.clone()
                        },
                        "{what}"
                    );
                }
            }
            let heads = after
                .iter()
                .filter(|row| row.superseded_seq.is_none() && row.valid_to.is_none());
            assert_eq!(heads.count(), usize::from(what != "void"), "{what}: one head");
            before = after;
        };
        register.step(1, Verb::Approve, "2022-02-20").await.unwrap();
        look("approve").await;
        register.step(1, Verb::Establish, "2022-02-20").await.unwrap();
        look("two steps on one day").await;
        register
            .correct(
                1,
                Facts {
                    note: Some("已核".to_owned()),
                    ..register.find(1).await.unwrap().organization.facts().unwrap()
                },
                None,
            )
            .await
            .unwrap();
        look("correct").await;
        register.step(1, Verb::Close, "2022-06-24").await.unwrap();
        look("close").await;
        register.void(1).await.unwrap();
        look("void").await;
    });
}

#[apply(both_databases)]
fn a_second_head_is_refused_by_the_database_and_not_told_as_another_conflict(#[case] backend: Backend) {
    with_register(backend, async |register| {
        register.create(1, STREET, established()).await.unwrap();
        let head = register.find(1).await.unwrap().organization;
        let second = OrganizationVersion {
            valid_from: date("2022-05-01"),
            kind: Kind::WorkStation,
            ..head
        };
        let outcome = register
            .write(move |recording| {
                diesel::insert_into(organization_versions::table)
                    .values(&second)
                    .execute(recording.conn())
                    .map_err(StoreError::from)
            })
            .await;
        assert!(
            matches!(outcome, Err(StoreError::Db(DbError::Query(_)))),
            "{outcome:?}"
        );
    });
}

#[apply(both_databases)]
fn organizations_of_two_provinces_are_not_merged(#[case] backend: Backend) {
    with_register(backend, async |register| {
        let jiangsu = NewArea {
            id: AreaId(Uuid::from_u128(320_000)),
            code: "320000".to_owned(),
            name: "江苏省".to_owned(),
            level: Level::Province,
            kind: AreaKind::Administrative,
            parent: None,
            valid_from: date("1949-10-01"),
        };
        register
            .write(move |recording| areas::create(recording, &jiangsu))
            .await
            .unwrap();
        register.create(1, "340000", established()).await.unwrap();
        register.create(2, "320000", established()).await.unwrap();
        register.create(3, STREET, established()).await.unwrap();
        let today = register.today();
        let change = ChangeId::generate(&SystemClock, &OsEntropy);
        let merge = async |into: u128| {
            let merging = Merging {
                change,
                into: id(into),
                on: PreciseDate::day(date("2022-05-01")),
                reason: Some("合并".to_owned()),
                doc_no: None,
                verification: Verification::Unverified,
            };
            register
                .write(move |recording| {
                    organizations::merge(recording, &Subtree::everything(), id(1), None, &merging, today)
                })
                .await
        };
        let Err(StoreError::Invalid(violations)) = merge(2).await else {
            panic!("merged across provinces")
        };
        assert_eq!(violations[0].code, "across_provinces");
        assert_eq!(register.rows(1).await.len(), 2, "nothing is half done");
        merge(3).await.unwrap();
        assert_eq!(
            register.story(1).await.last().unwrap(),
            "2022-05-01.. merged 大庆街道侨联"
        );
        // What never was, was not merged either.
        register.void(1).await.unwrap();
        let known = register
            .read(move |conn| {
                let known = ledger::known(conn)?;
                Ok(organizations::successors(
                    conn,
                    &Subtree::everything(),
                    &[id(1)],
                    known,
                )?)
            })
            .await
            .unwrap();
        assert!(known.is_empty());
    });
}
