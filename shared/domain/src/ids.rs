//! One type per id, all UUIDv7: sorted by the time they were made.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::{Clock, Entropy};

/// A UUIDv7 of the clock's present, with random bits from `entropy`.
pub fn new_uuid(clock: &dyn Clock, entropy: &dyn Entropy) -> Uuid {
    let millis = u64::try_from(clock.now().micros() / 1000).unwrap_or(0);
    let mut random = [0_u8; 10];
    entropy.fill(&mut random);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

macro_rules! id_types {
    ($($(#[$meta:meta])* $name:ident;)+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        #[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema), schema(value_type = Uuid))]
        #[cfg_attr(
            feature = "diesel",
            derive(diesel::expression::AsExpression, diesel::deserialize::FromSqlRow),
            diesel(sql_type = crate::sql::SqlUuid)
        )]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id, of the clock's present.
            pub fn generate(clock: &dyn Clock, entropy: &dyn Entropy) -> Self {
                Self(new_uuid(clock, entropy))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+

        /// Calls a macro with the names of all id types.
        #[macro_export]
        macro_rules! for_each_id {
            ($then:ident) => {
                $then!{ $($name),+ }
            };
        }
    };
}

id_types! {
    /// An administrative division or park, whatever its code is at the time.
    AreaId;
    /// One count of an area's persons and households.
    CountId;
    /// A pilot programme.
    ProgramId;
    /// One row of a programme's cohort.
    CohortId;
    /// One version of a rule.
    RuleId;
    /// A grassroots organization.
    OrganizationId;
    /// A merge or a split of organizations.
    ChangeId;
    /// What an area reached.
    MilestoneId;
    /// A row of the task breakdown table.
    TaskId;
    /// A task given to one area and post.
    AssignmentId;
    /// A progress report under an assignment.
    ReportId;
    /// Something that happened.
    ActivityId;
    /// What a caller holds.
    TokenId;
    /// One access token given for it (`jti`).
    AccessTokenId;
    /// When bulletins are composed.
    ScheduleId;
    /// One period of one schedule.
    OccurrenceId;
    /// A published document with frozen figures.
    BulletinId;
    /// A bulletin as addressed to one area and post.
    NoticeId;
    /// Where a post in an area receives.
    EndpointId;
    /// A notice on its way to one endpoint.
    DeliveryId;
    /// One run of a worker process.
    NodeId;
}
