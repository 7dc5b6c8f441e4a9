//! The yardstick's queries: the service's columns and joins, for one database at a time.

use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use qiaojian_domain::clock::{Clock as _, SystemClock, UtcTime};
use qiaojian_domain::ids::OrganizationId;
use qiaojian_domain::organization::{Basis, Host, Kind, Status};
use serde::Serialize;

use super::wire::BareInput;

diesel::table! {
    bare_organizations (id) {
        id -> qiaojian_store::db::types::SqlUuid,
        area -> Text,
        host -> Text,
        kind -> Text,
        name -> Text,
        status -> Text,
        established_on -> Nullable<Date>,
        basis -> Text,
        created_at -> qiaojian_store::db::types::SqlInstant,
    }
}

/// The row of the bare insert.
#[derive(Debug, Clone, Insertable, Serialize)]
#[diesel(table_name = bare_organizations)]
pub struct Bare {
    id: OrganizationId,
    area: String,
    host: Host,
    kind: Kind,
    name: String,
    status: Status,
    established_on: Option<NaiveDate>,
    basis: Basis,
    created_at: UtcTime,
}

impl Bare {
    pub fn new(id: OrganizationId, input: BareInput) -> Self {
        Self {
            id,
            area: input.area,
            host: input.host,
            kind: input.kind,
            name: input.name,
            status: input.status,
            established_on: input.established_on,
            basis: Basis::New,
            created_at: SystemClock.now(),
        }
    }
}

/// Areas with an organization, of all areas, by city and level.
#[derive(Debug, QueryableByName)]
pub struct FigureRow {
    /// Empty for the province itself.
    #[diesel(sql_type = Text)]
    pub city: String,
    #[diesel(sql_type = Text)]
    pub level: String,
    #[diesel(sql_type = BigInt)]
    pub numerator: i64,
    #[diesel(sql_type = BigInt)]
    pub denominator: i64,
}

const COVERAGE: &str = "
    SELECT substr(a.path, 8, 6) AS city, a.level AS level, count(*) AS denominator,
        sum(CASE WHEN EXISTS (
            SELECT 1 FROM organization_versions o
            WHERE o.area_id = a.area_id AND o.superseded_seq IS NULL AND o.valid_to IS NULL AND o.kind <> 'liaison_post'
                AND o.established_on <= CURRENT_DATE AND (o.closed_on IS NULL OR o.closed_on > CURRENT_DATE)
        ) THEN 1 ELSE 0 END) AS numerator
    FROM area_versions a
    WHERE a.path >= '340000/' AND a.path < '3400000' AND a.superseded_seq IS NULL AND a.valid_to IS NULL
        AND a.kind = 'administrative' AND a.level <> 'park'
    GROUP BY 1, 2 ORDER BY 1, 2";

macro_rules! queries {
    ($database:ident, $connection:ty) => {
        pub mod $database {
            use diesel::prelude::*;
            use qiaojian_domain::ids::OrganizationId;
            use qiaojian_store::Subtree;
            use qiaojian_store::db::schema::{area_versions, organization_versions};
            use qiaojian_store::organizations::{OrganizationInArea, OrganizationVersion};

            use super::{Bare, COVERAGE, FigureRow, bare_organizations};

            macro_rules! heads {
                () => {
                    organization_versions::table
                        .inner_join(
                            area_versions::table.on(area_versions::area_id
                                .eq(organization_versions::area_id)
                                .and(area_versions::superseded_seq.is_null())
                                .and(area_versions::valid_to.is_null())),
                        )
                        .filter(
                            organization_versions::superseded_seq
                                .is_null()
                                .and(organization_versions::valid_to.is_null()),
                        )
                        .select((
                            OrganizationVersion::as_select(),
                            area_versions::code,
                            area_versions::path,
                            area_versions::level,
                        ))
                };
            }

            pub fn find(
                conn: &mut $connection,
                id: OrganizationId,
            ) -> QueryResult<Option<OrganizationInArea>> {
                heads!()
                    .filter(organization_versions::organization_id.eq(id))
                    .first(conn)
                    .optional()
            }

            pub fn list(
                conn: &mut $connection,
                code: &str,
                limit: i64,
            ) -> QueryResult<Vec<OrganizationInArea>> {
                let path: String = area_versions::table
                    .filter(
                        area_versions::superseded_seq
                            .is_null()
                            .and(area_versions::valid_to.is_null()),
                    )
                    .filter(area_versions::code.eq(code))
                    .select(area_versions::path)
                    .first(conn)?;
                heads!()
                    .filter(
                        area_versions::path
                            .ge(&path)
                            .and(area_versions::path.lt(Subtree::rooted_at(&path).upper())),
                    )
                    .order((area_versions::path, organization_versions::organization_id))
                    .limit(limit)
                    .load(conn)
            }

            pub fn insert(conn: &mut $connection, row: &Bare) -> QueryResult<Bare> {
                diesel::insert_into(bare_organizations::table)
                    .values(row)
                    .execute(conn)?;
                Ok(row.clone())
            }

            pub fn coverage(conn: &mut $connection) -> QueryResult<Vec<FigureRow>> {
                diesel::sql_query(COVERAGE).load(conn)
            }
        }
    };
}

queries!(sqlite, diesel::SqliteConnection);
queries!(postgres, diesel::PgConnection);
