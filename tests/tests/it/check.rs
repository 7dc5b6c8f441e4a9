//! What `qiaojian check` compares: a register nobody has tampered with is clean, and what was tampered with is named.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use qiaojian_domain::access::Role;
use qiaojian_domain::digest::sha256_hex;
use qiaojian_domain::ids::{AreaId, BulletinId, NoticeId, OrganizationId};
use qiaojian_domain::organization::{Host, Status};
use qiaojian_store::StoreError;
use qiaojian_store::check::{Check, Report, run};
use qiaojian_store::db::schema::{
    area_versions, assignment_versions, audit_entries, bulletins, notices, organization_versions,
    organizations,
};
use qiaojian_store::db::{AnyConnection, Db, snapshot};
use qiaojian_tests::Backend;
use qiaojian_tests::api::{TestApi, with_api};
use qiaojian_tests::fixtures::{article_time, date};
use rstest_reuse::apply;
use serde_json::json;

use crate::api::bulletins::{campaign, published};
use crate::api::tasks::issue;
use crate::both_databases;

async fn check(db: &Db, check: Check) -> Report {
    let today = article_time().date_in_shanghai();
    db.read_slow(move |conn| snapshot(conn, |conn| run(conn, check, today)))
        .await
        .unwrap()
}

/// Changes rows behind the store's back.
async fn tamper<T: Send + 'static>(
    db: &Db,
    mut work: impl FnMut(&mut AnyConnection) -> QueryResult<T> + Send + 'static,
) -> T {
    db.write(move |tx| Ok::<_, StoreError>(work(tx.conn)?))
        .await
        .unwrap()
}

#[track_caller]
fn expect(report: &Report, differences: u64, words: &[&str]) {
    assert_eq!(report.differences, differences, "{report:?}");
    for word in words {
        assert!(
            report.first.iter().any(|line| line.contains(word)),
            "{word}: {report:?}"
        );
    }
}

async fn check_tampered_audit(db: &Db) {
    let entries = check(db, Check::AuditTrail).await.rows;
    tamper(db, |conn| {
        diesel::update(audit_entries::table.filter(audit_entries::seq.eq(7)))
            .filter(audit_entries::ordinal.eq(0))
            .set(audit_entries::verb.eq("delete"))
            .execute(conn)
    })
    .await;
    let report = check(db, Check::AuditTrail).await;
    expect(&report, 1, &["is broken at entry 7.0"]);
    assert!(report.rows < entries);
}

async fn check_tampered_areas(db: &Db) {
    use area_versions as a;
    let set_path = async |code: &'static str, path: &'static str| {
        tamper(db, move |conn| {
            diesel::update(a::table.filter(a::code.eq(code)))
                .set(a::path.eq(path))
                .execute(conn)
        })
        .await
    };
    // A county that is said to stand in another city: itself, and the two townships and the park below it.
    set_path("340304", "340000/341800/340304/").await;
    expect(
        &check(db, Check::Areas).await,
        4,
        &[
            "(340304) has the path 340000/341800/340304/, and its parent 340000/340300/",
            "(340304-P01) has the path",
        ],
    );
    set_path("340304", "340000/340300/340304/").await;
    set_path("340000", "330000/").await;
    tamper(db, |conn| {
        diesel::update(a::table.filter(a::code.eq("340300")))
            .set(a::valid_from.eq(date("2021-01-01")))
            .execute(conn)
    })
    .await;
    // The province, its two cities by their paths, and the two counties of the one that came late.
    expect(
        &check(db, Check::Areas).await,
        5,
        &[
            "(340000) has no parent and the path 330000/",
            "(341800) has the path 340000/341800/, and its parent 330000/",
            "(340322): its parent does not exist on 1949-10-01",
        ],
    );
}

async fn check_tampered_organizations(db: &Db) {
    use organization_versions as o;
    // Two that were moved, so that what is known of them is two versions, and four others.
    let moved: Vec<(OrganizationId, AreaId)> = tamper(db, |conn| {
        o::table
            .filter(o::valid_to.is_not_null().and(o::superseded_seq.is_null()))
            .order(o::organization_id)
            .select((o::organization_id, o::area_id))
            .load(conn)
    })
    .await;
    let [gap, two_heads] = moved[..] else {
        panic!("two that were moved: {moved:?}");
    };
    let standing: Vec<(OrganizationId, AreaId)> = tamper(db, move |conn| {
        o::table
            .filter(o::valid_to.is_null().and(o::superseded_seq.is_null()))
            .filter(o::host.eq(Host::Area).and(o::status.eq(Status::Established)))
            .filter(o::organization_id.ne_all([gap.0, two_heads.0]))
            .order(o::organization_id)
            .select((o::organization_id, o::area_id))
            .limit(4)
            .load(conn)
    })
    .await;
    let [void, twice, known, elsewhere] = standing[..] else {
        panic!("four others: {standing:?}");
    };
    let head = |(id, _): (OrganizationId, AreaId)| {
        o::table
            .filter(o::organization_id.eq(id))
            .filter(o::valid_to.is_null().and(o::superseded_seq.is_null()))
    };
    let later = date("2022-06-20");
    tamper(db, move |conn| {
        conn.batch_execute(
            "DROP INDEX organization_versions_one_active; DROP INDEX organization_versions_head",
        )?;
        diesel::update(head(gap))
            .set(o::valid_from.eq(later))
            .execute(conn)?;
        diesel::update(organizations::table.find(void.0))
            .set(organizations::voided_seq.eq(1_i64))
            .execute(conn)?;
        diesel::update(head(known))
            .set(o::superseded_seq.eq(o::recorded_seq.nullable()))
            .execute(conn)?;
        // One of two in an area.
        let kind: String = head(elsewhere).select(o::kind).first(conn)?;
        diesel::update(head(twice))
            .set((o::area_id.eq(elsewhere.1), o::kind.eq(kind)))
            .execute(conn)?;
        diesel::update(o::table.filter(o::organization_id.eq(two_heads.0)))
            .filter(o::superseded_seq.is_null())
            .set(o::valid_to.eq(None::<chrono::NaiveDate>))
            .execute(conn)
    })
    .await;
    let report = check(db, Check::Organizations).await;
    let named = |(id, _): (OrganizationId, AreaId), what: &str| format!("organization {id}{what}");
    for words in [
        named(gap, ": as known at"),
        named(void, " is void, but still has a version"),
        named(known, ": the version recorded at"),
        named(known, " has no open-ended version"),
        named(two_heads, ": as known at"),
        format!("area {} has 2 active organizations", elsewhere.1),
    ] {
        assert!(
            report.first.iter().any(|line| line.contains(&words)),
            "{words}: {report:#?}"
        );
    }
}

async fn check_tampered_figures(db: &Db) {
    use organization_versions as o;
    // The row of today says otherwise than its own dates, by which the model counts.
    let changed = tamper(db, |conn| {
        let id: OrganizationId = o::table
            .filter(o::valid_to.is_null().and(o::superseded_seq.is_null()))
            .filter(o::status.eq(Status::Established))
            .order(o::organization_id.desc())
            .select(o::organization_id)
            .first(conn)?;
        diesel::update(o::table.filter(o::organization_id.eq(id)))
            .filter(o::valid_to.is_null().and(o::superseded_seq.is_null()))
            .set(o::status.eq(Status::Closed))
            .execute(conn)
    })
    .await;
    assert_eq!(changed, 1);
    let report = check(db, Check::Figures).await;
    expect(&report, 1, &["by the rows", "by the read model"]);
}

async fn check_tampered_bulletins(db: &Db) {
    use bulletins as b;
    let published: Vec<(BulletinId, String)> = tamper(db, |conn| {
        b::table.order(b::id).select((b::id, b::figures)).load(conn)
    })
    .await;
    let [(one, _), (other, figures), ..] = &published[..] else {
        panic!("two bulletins");
    };
    let (one, other) = (*one, *other);
    let figures = figures.replace("\"organizations\":", "\"organizations\":1");
    tamper(db, move |conn| {
        diesel::update(b::table.find(one))
            .set(b::digest.eq("0"))
            .execute(conn)?;
        // Whoever changes figures and digest alike is found by the rows.
        diesel::update(b::table.find(other))
            .set((b::figures.eq(&figures), b::digest.eq(sha256_hex(&figures))))
            .execute(conn)?;
        let notice: NoticeId = notices::table
            .filter(notices::bulletin_id.eq(one))
            .select(notices::id)
            .first(conn)?;
        diesel::update(notices::table.find(notice))
            .set(notices::figures.eq("{}"))
            .execute(conn)
    })
    .await;
    let report = check(db, Check::Bulletins).await;
    expect(
        &report,
        4,
        &[
            &format!("bulletin {one}: the digest does not match its frozen figures"),
            &format!("bulletin {other}: its common figures differ from those of the rows"),
            &format!("of bulletin {one}: the digest does not match its frozen figures"),
            &format!("of bulletin {one}: its figures differ from those of the rows"),
        ],
    );
}

async fn check_tampered_assignments(db: &Db) {
    use assignment_versions as v;
    let heads = tamper(db, |conn| {
        diesel::update(v::table.filter(v::valid_to.is_null().and(v::superseded_seq.is_null())))
            .set((v::superseded_seq.eq(1_i64), v::superseded_at.eq(article_time())))
            .execute(conn)
    })
    .await;
    let report = check(db, Check::Assignments).await;
    assert!(report.differences >= u64::try_from(heads).unwrap(), "{report:?}");
    expect(&report, report.differences, &["no open-ended version"]);
}

/// Organizations that were founded, moved, corrected and made void, tasks, counts, and two bulletins that are out.
async fn a_year(api: &TestApi) {
    let office = api.caller("340000", Role::ProvinceAdmin).await;
    let found = async |area: &str, kind: &str, on: &str| {
        let body =
            json!({"area": area, "kind": kind, "name": area, "status": "established", "established_on": on});
        let made = office.post("/v1/organizations", &body).await.expect(201);
        made.header("location").unwrap().to_owned()
    };
    let mut made = Vec::new();
    for (area, kind) in [
        ("340300", "federation"),
        ("340304", "federation"),
        ("340304001", "federation"),
        ("340304002", "work_station"),
        ("340304001001", "work_station"),
        ("340322", "federation"),
        ("341800", "federation"),
        ("341802", "federation"),
    ] {
        made.push(found(area, kind, "2022-03-01").await);
    }
    let county = api.caller("340304", Role::CountyReporter).await;
    let counted = json!({"persons": 12, "counted_on": "2022-06-01", "source": "侨情普查"});
    county
        .post("/v1/areas/340304001001/counts", &counted)
        .await
        .expect(201);
    let program = campaign(api).await;
    for period in ["2022-04", "2022-05"] {
        published(&office, program, period).await;
    }
    let (_, given) = issue(api, &json!([{"area": "340300"}])).await;
    let city = api.caller("340300", Role::CityReporter).await;
    city.post(&format!("{}/acknowledge", given[0]), &json!({}))
        .await
        .expect(200);
    // What is learnt later changes no bulletin that is out.
    for (from, to) in [(2, "340322100"), (4, "340304001002")] {
        let moved = json!({"area": to, "on": "2022-06-01", "reason": "划转"});
        office
            .post(&format!("{}/move", made[from]), &moved)
            .await
            .expect(200);
    }
    let earlier = json!({"established_on": "2022-05-01", "reason": "日期误填"});
    office.patch(&made[0], Some("\"1\""), &earlier).await.expect(200);
    let voided = found("341802001", "federation", "2022-03-01").await;
    office
        .delete(&format!("{voided}?reason=x"), Some("\"1\""))
        .await
        .expect(204);
}

#[apply(both_databases)]
fn a_register_is_clean_until_somebody_tampers_with_it(#[case] backend: Backend) {
    with_api(backend, async |api| {
        a_year(api).await;
        for check_of in Check::ALL {
            let whole = check(&api.db, *check_of).await;
            assert!(whole.is_clean() && whole.rows > 0, "{whole:#?}");
        }
        // From what nothing else is computed from to what everything is.
        check_tampered_audit(&api.db).await;
        check_tampered_assignments(&api.db).await;
        check_tampered_bulletins(&api.db).await;
        check_tampered_figures(&api.db).await;
        check_tampered_organizations(&api.db).await;
        check_tampered_areas(&api.db).await;
    });
}
