//! One newtype per kind of id. All ids are UUIDv7 and therefore sorted by creation time.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::{Clock, Entropy};

/// Creates a UUIDv7 with the clock's current time and random bits from `entropy`.
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
            /// Generates a new id with the clock's current time.
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
    /// Identifies an administrative division or park, independently of its current code.
    AreaId;
    /// Identifies one count of an area's persons and households.
    CountId;
    /// Identifies a pilot programme.
    ProgramId;
    /// Identifies one row of a programme's cohort.
    CohortId;
    /// Identifies one version of a rule.
    RuleId;
    /// Identifies a grassroots organization.
    OrganizationId;
    /// Identifies a merger or a split of organizations.
    ChangeId;
    /// Identifies a milestone of an area.
    MilestoneId;
    /// Identifies a row of the task breakdown table.
    TaskId;
    /// Identifies an assignment: a task as assigned to one area and post.
    AssignmentId;
    /// Identifies a progress report on an assignment.
    ReportId;
    /// Identifies an activity.
    ActivityId;
    /// Identifies a token, with which a caller obtains access tokens.
    TokenId;
    /// Identifies one access token issued for a token (`jti`).
    AccessTokenId;
    /// Identifies a schedule for composing bulletins.
    ScheduleId;
    /// Identifies one period of one schedule.
    OccurrenceId;
    /// Identifies a bulletin: a published document with frozen figures.
    BulletinId;
    /// Identifies a notice: a bulletin as addressed to one area and post.
    NoticeId;
    /// Identifies an endpoint, where a post in an area receives notices.
    EndpointId;
    /// Identifies the delivery of a notice to one endpoint.
    DeliveryId;
    /// Identifies one run of a worker process.
    NodeId;
}

#[cfg(feature = "diesel")]
mod column;
