//! The tables, with one schema for both databases. `tests/` loads every table on both.
#![expect(missing_docs, reason = "the migrations say what each table and column means")]

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    ledger_clock (id) {
        id -> SmallInt,
        seq -> BigInt,
        at_us -> BigInt,
        audit_hash -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    areas (id) {
        id -> SqlUuid,
        created_seq -> BigInt,
        created_at -> SqlInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    area_versions (area_id, recorded_seq, valid_from) {
        area_id -> SqlUuid,
        version -> BigInt,
        recorded_seq -> BigInt,
        recorded_at -> SqlInstant,
        superseded_seq -> Nullable<BigInt>,
        superseded_at -> Nullable<SqlInstant>,
        valid_from -> Date,
        valid_to -> Nullable<Date>,
        code -> Text,
        name -> Text,
        parent_id -> Nullable<SqlUuid>,
        path -> Text,
        level -> Text,
        kind -> Text,
        reason -> Nullable<Text>,
        ended -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    area_successions (predecessor_id, successor_id, recorded_seq) {
        predecessor_id -> SqlUuid,
        successor_id -> SqlUuid,
        recorded_seq -> BigInt,
        recorded_at -> SqlInstant,
        superseded_seq -> Nullable<BigInt>,
        superseded_at -> Nullable<SqlInstant>,
        kind -> Text,
        on_date -> Date,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    area_counts (id) {
        id -> SqlUuid,
        area_id -> SqlUuid,
        recorded_seq -> BigInt,
        recorded_at -> SqlInstant,
        superseded_seq -> Nullable<BigInt>,
        superseded_at -> Nullable<SqlInstant>,
        persons -> Nullable<Integer>,
        households -> Nullable<Integer>,
        counted_on -> Date,
        source -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    programs (id) {
        id -> SqlUuid,
        created_seq -> BigInt,
        created_at -> SqlInstant,
        created_digest -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    program_versions (program_id, recorded_seq, valid_from) {
        program_id -> SqlUuid,
        version -> BigInt,
        recorded_seq -> BigInt,
        recorded_at -> SqlInstant,
        superseded_seq -> Nullable<BigInt>,
        superseded_at -> Nullable<SqlInstant>,
        valid_from -> Date,
        valid_to -> Nullable<Date>,
        issuer_area_id -> SqlUuid,
        code -> Text,
        title -> Text,
        aliases -> Text,
        baseline_on -> Date,
        starts_on -> Date,
        target_on -> Date,
        illustrative -> Bool,
        note -> Nullable<Text>,
        starts_precision -> Text,
        reason -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    program_cohorts (id) {
        id -> SqlUuid,
        program_id -> SqlUuid,
        area_id -> SqlUuid,
        recorded_seq -> BigInt,
        recorded_at -> SqlInstant,
        superseded_seq -> Nullable<BigInt>,
        superseded_at -> Nullable<SqlInstant>,
        valid_from -> Date,
        valid_to -> Nullable<Date>,
        cohort -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    rules (id) {
        id -> SqlUuid,
        kind -> Text,
        name -> Text,
        scope_area_id -> SqlUuid,
        version -> BigInt,
        effective_from -> Date,
        params -> Text,
        source -> Text,
        recorded_seq -> BigInt,
        recorded_at -> SqlInstant,
        superseded_seq -> Nullable<BigInt>,
        superseded_at -> Nullable<SqlInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    calendar_days (id) {
        id -> SqlUuid,
        on_date -> Date,
        kind -> Text,
        name -> Text,
        source -> Text,
        recorded_seq -> BigInt,
        recorded_at -> SqlInstant,
        superseded_seq -> Nullable<BigInt>,
        superseded_at -> Nullable<SqlInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    organizations (id) {
        id -> SqlUuid,
        created_seq -> BigInt,
        created_at -> SqlInstant,
        created_digest -> Text,
        voided_seq -> Nullable<BigInt>,
        void_reason -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    organization_versions (organization_id, recorded_seq, valid_from) {
        organization_id -> SqlUuid,
        version -> BigInt,
        recorded_seq -> BigInt,
        recorded_at -> SqlInstant,
        superseded_seq -> Nullable<BigInt>,
        superseded_at -> Nullable<SqlInstant>,
        valid_from -> Date,
        valid_to -> Nullable<Date>,
        area_id -> SqlUuid,
        host -> Text,
        parent_id -> Nullable<SqlUuid>,
        kind -> Text,
        name -> Text,
        status -> Text,
        approval_post -> Nullable<Text>,
        approval_doc_no -> Nullable<Text>,
        approved_on -> Nullable<Date>,
        approved_precision -> Nullable<Text>,
        established_on -> Nullable<Date>,
        established_precision -> Nullable<Text>,
        unveiled_on -> Nullable<Date>,
        unveiled_precision -> Nullable<Text>,
        closed_on -> Nullable<Date>,
        closed_precision -> Nullable<Text>,
        basis -> Text,
        replaces -> Nullable<Text>,
        has_office -> Bool,
        affiliation -> Nullable<Text>,
        quota_posts -> Nullable<Integer>,
        posts_filled -> Nullable<Integer>,
        five_have -> Text,
        standing_rules -> Text,
        term_ends_on -> Nullable<Date>,
        verification -> Text,
        verification_reason -> Nullable<Text>,
        note -> Nullable<Text>,
        reason -> Nullable<Text>,
        created_at -> SqlInstant,
        reopenings -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    organization_changes (id, recorded_seq) {
        id -> SqlUuid,
        recorded_seq -> BigInt,
        recorded_at -> SqlInstant,
        superseded_seq -> Nullable<BigInt>,
        superseded_at -> Nullable<SqlInstant>,
        kind -> Text,
        on_date -> Date,
        on_precision -> Text,
        doc_no -> Nullable<Text>,
        reason -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::SqlUuid;

    organization_change_parts (change_id, recorded_seq, organization_id) {
        change_id -> SqlUuid,
        recorded_seq -> BigInt,
        organization_id -> SqlUuid,
        part -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    milestones (id) {
        id -> SqlUuid,
        recorded_seq -> BigInt,
        recorded_at -> SqlInstant,
        kind -> Text,
        area_id -> SqlUuid,
        level -> Text,
        basis -> Text,
        reached_on -> Date,
        organizations -> Text,
        organizations_count -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    tasks (id) {
        id -> SqlUuid,
        version -> BigInt,
        created_seq -> BigInt,
        created_at -> SqlInstant,
        created_digest -> Text,
        updated_at -> SqlInstant,
        program_id -> SqlUuid,
        issuer_area_id -> SqlUuid,
        issuer_post -> Text,
        no -> Integer,
        theme -> Text,
        content -> Text,
        lead_post -> Text,
        supporting_posts -> Text,
        issued_on -> Date,
        due_on -> Date,
        origin_activity_id -> Nullable<SqlUuid>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    assignments (id) {
        id -> SqlUuid,
        task_id -> SqlUuid,
        area_id -> SqlUuid,
        post -> Text,
        created_seq -> BigInt,
        created_at -> SqlInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    assignment_versions (assignment_id, recorded_seq, valid_from) {
        assignment_id -> SqlUuid,
        version -> BigInt,
        recorded_seq -> BigInt,
        recorded_at -> SqlInstant,
        superseded_seq -> Nullable<BigInt>,
        superseded_at -> Nullable<SqlInstant>,
        valid_from -> Date,
        valid_to -> Nullable<Date>,
        status -> Text,
        due_on -> Date,
        acknowledged_on -> Nullable<Date>,
        submitted_on -> Nullable<Date>,
        accepted_on -> Nullable<Date>,
        reason -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    assignment_reports (id) {
        id -> SqlUuid,
        assignment_id -> SqlUuid,
        on_date -> Date,
        content -> Text,
        recorded_seq -> BigInt,
        recorded_at -> SqlInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    extensions (id) {
        id -> SqlUuid,
        assignment_id -> SqlUuid,
        created_seq -> BigInt,
        created_at -> SqlInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    extension_versions (extension_id, recorded_seq, valid_from) {
        extension_id -> SqlUuid,
        version -> BigInt,
        recorded_seq -> BigInt,
        recorded_at -> SqlInstant,
        superseded_seq -> Nullable<BigInt>,
        superseded_at -> Nullable<SqlInstant>,
        valid_from -> Date,
        valid_to -> Nullable<Date>,
        status -> Text,
        due_on -> Date,
        reason -> Text,
        decision_reason -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    activities (id) {
        id -> SqlUuid,
        created_seq -> BigInt,
        created_at -> SqlInstant,
        created_digest -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    activity_versions (activity_id, recorded_seq, valid_from) {
        activity_id -> SqlUuid,
        version -> BigInt,
        recorded_seq -> BigInt,
        recorded_at -> SqlInstant,
        superseded_seq -> Nullable<BigInt>,
        superseded_at -> Nullable<SqlInstant>,
        valid_from -> Date,
        valid_to -> Nullable<Date>,
        kind -> Text,
        program_id -> SqlUuid,
        area_id -> SqlUuid,
        on_date -> Date,
        on_precision -> Text,
        posts -> Text,
        chair_post -> Nullable<Text>,
        doc_no -> Nullable<Text>,
        quantity -> Nullable<Integer>,
        year -> Nullable<Integer>,
        category -> Nullable<Text>,
        note -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    activity_areas (activity_id, recorded_seq, area_id) {
        activity_id -> SqlUuid,
        recorded_seq -> BigInt,
        area_id -> SqlUuid,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    tokens (id) {
        id -> SqlUuid,
        version -> BigInt,
        created_at -> SqlInstant,
        updated_at -> SqlInstant,
        created_by -> Nullable<SqlUuid>,
        label -> Text,
        area_id -> SqlUuid,
        post -> Text,
        role -> Text,
        scopes -> Text,
        secret_hash -> Text,
        status -> Text,
        expires_at -> SqlInstant,
        revoked_at -> Nullable<SqlInstant>,
        revoked_seq -> Nullable<BigInt>,
        last_used_at -> Nullable<SqlInstant>,
        secret_seq -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    revoked_access_tokens (id) {
        id -> SqlUuid,
        token_id -> SqlUuid,
        revoked_seq -> BigInt,
        expires_at -> SqlInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    signing_keys (kid) {
        kid -> Text,
        public_key -> Text,
        sealed_private_key -> Text,
        created_at -> SqlInstant,
        retired_at -> Nullable<SqlInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    idempotency_keys (token_id, key_hash) {
        token_id -> SqlUuid,
        key_hash -> Text,
        fingerprint -> Text,
        status -> SmallInt,
        headers -> Text,
        body -> Text,
        sealed -> Bool,
        created_at -> SqlInstant,
        expires_at -> SqlInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    audit_entries (seq, ordinal) {
        seq -> BigInt,
        ordinal -> SmallInt,
        at -> SqlInstant,
        token_id -> Nullable<SqlUuid>,
        area_id -> Nullable<SqlUuid>,
        verb -> Text,
        resource -> Text,
        resource_id -> Text,
        before_digest -> Nullable<Text>,
        after_digest -> Nullable<Text>,
        request_id -> Text,
        prev_hash -> Text,
        hash -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    schedules (id) {
        id -> SqlUuid,
        version -> BigInt,
        created_at -> SqlInstant,
        created_digest -> Text,
        updated_at -> SqlInstant,
        issuer_area_id -> SqlUuid,
        issuer_post -> Text,
        program_id -> SqlUuid,
        kind -> Text,
        recipients -> Text,
        spec -> Text,
        time_zone -> Text,
        period_unit -> Text,
        period_offset -> Integer,
        starts_period -> Text,
        ends_period -> Nullable<Text>,
        workday_policy -> Text,
        catch_up -> Text,
        catch_up_window_s -> Nullable<BigInt>,
        catch_up_cap -> Integer,
        approval -> Text,
        paused_at -> Nullable<SqlInstant>,
        cursor_at -> SqlInstant,
        next_due_at -> Nullable<SqlInstant>,
        reason -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    bulletins (id) {
        id -> SqlUuid,
        version -> BigInt,
        created_at -> SqlInstant,
        updated_at -> SqlInstant,
        issuer_area_id -> SqlUuid,
        program_id -> SqlUuid,
        kind -> Text,
        subject -> Text,
        period -> Text,
        revision -> Integer,
        state -> Text,
        serial -> Nullable<Integer>,
        title -> Text,
        as_of -> Date,
        known_at -> SqlInstant,
        rules -> Text,
        figures -> Text,
        digest -> Text,
        corrects -> Nullable<SqlUuid>,
        published_at -> Nullable<SqlInstant>,
        period_unit -> Text,
        due_on -> Nullable<Date>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    occurrences (id) {
        id -> SqlUuid,
        schedule_id -> SqlUuid,
        period -> Text,
        due_at -> SqlInstant,
        state -> Text,
        reason -> Nullable<Text>,
        bulletin_id -> Nullable<SqlUuid>,
        failures -> Integer,
        not_before -> SqlInstant,
        created_at -> SqlInstant,
        updated_at -> SqlInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    notices (id) {
        id -> SqlUuid,
        bulletin_id -> SqlUuid,
        area_id -> SqlUuid,
        post -> Text,
        title -> Text,
        figures -> Text,
        digest -> Text,
        html -> Text,
        undeliverable_reason -> Nullable<Text>,
        created_at -> SqlInstant,
        acknowledged_at -> Nullable<SqlInstant>,
        acknowledged_by -> Nullable<SqlUuid>,
        version -> BigInt,
        text -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    endpoints (id) {
        id -> SqlUuid,
        version -> BigInt,
        created_at -> SqlInstant,
        created_digest -> Text,
        updated_at -> SqlInstant,
        area_id -> SqlUuid,
        post -> Text,
        channel -> Text,
        address -> Text,
        sealed_secret -> Nullable<Text>,
        on_uncertain -> Text,
        status -> Text,
        status_reason -> Nullable<Text>,
        fail_streak -> Integer,
        first_failed_at -> Nullable<SqlInstant>,
        blocked_until -> Nullable<SqlInstant>,
        last_sent_at -> Nullable<SqlInstant>,
        address_key -> Text,
        last_error -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    deliveries (id) {
        id -> SqlUuid,
        version -> BigInt,
        notice_id -> SqlUuid,
        channel -> Nullable<Text>,
        endpoint_id -> Nullable<SqlUuid>,
        state -> Text,
        not_before -> SqlInstant,
        expires_at -> SqlInstant,
        attempt -> Integer,
        lease_owner -> Nullable<SqlUuid>,
        lease_gen -> BigInt,
        lease_until -> Nullable<SqlInstant>,
        uncertain_count -> Integer,
        sent_at -> Nullable<SqlInstant>,
        last_class -> Nullable<Text>,
        last_error -> Nullable<Text>,
        reason -> Nullable<Text>,
        created_at -> SqlInstant,
        updated_at -> SqlInstant,
        address_key -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    delivery_attempts (delivery_id, lease_gen) {
        delivery_id -> SqlUuid,
        lease_gen -> BigInt,
        attempt -> Integer,
        node_id -> SqlUuid,
        started_at -> SqlInstant,
        ended_at -> Nullable<SqlInstant>,
        outcome -> Nullable<Text>,
        detail -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::types::{SqlInstant, SqlUuid};

    worker_nodes (id) {
        id -> SqlUuid,
        started_at -> SqlInstant,
        heartbeat_at -> SqlInstant,
        draining -> Bool,
        status -> Text,
    }
}

diesel::joinable!(area_counts -> areas (area_id));
diesel::joinable!(program_versions -> programs (program_id));
diesel::joinable!(program_versions -> areas (issuer_area_id));
diesel::joinable!(program_cohorts -> programs (program_id));
diesel::joinable!(program_cohorts -> areas (area_id));
diesel::joinable!(rules -> areas (scope_area_id));
diesel::joinable!(organization_versions -> areas (area_id));
diesel::joinable!(tasks -> programs (program_id));
diesel::joinable!(tasks -> areas (issuer_area_id));
diesel::joinable!(assignments -> tasks (task_id));
diesel::joinable!(assignments -> areas (area_id));
diesel::joinable!(assignment_versions -> assignments (assignment_id));
diesel::joinable!(assignment_reports -> assignments (assignment_id));
diesel::joinable!(extensions -> assignments (assignment_id));
diesel::joinable!(extension_versions -> extensions (extension_id));
diesel::joinable!(activity_versions -> activities (activity_id));
diesel::joinable!(activity_versions -> programs (program_id));
diesel::joinable!(activity_versions -> areas (area_id));
diesel::joinable!(activity_areas -> activities (activity_id));
diesel::joinable!(activity_areas -> areas (area_id));
diesel::joinable!(tokens -> areas (area_id));
diesel::joinable!(idempotency_keys -> tokens (token_id));
diesel::joinable!(schedules -> areas (issuer_area_id));
diesel::joinable!(schedules -> programs (program_id));
diesel::joinable!(bulletins -> areas (issuer_area_id));
diesel::joinable!(bulletins -> programs (program_id));
diesel::joinable!(occurrences -> schedules (schedule_id));
diesel::joinable!(occurrences -> bulletins (bulletin_id));
diesel::joinable!(notices -> bulletins (bulletin_id));
diesel::joinable!(notices -> areas (area_id));
diesel::joinable!(endpoints -> areas (area_id));
diesel::joinable!(deliveries -> notices (notice_id));
diesel::joinable!(deliveries -> endpoints (endpoint_id));
diesel::joinable!(delivery_attempts -> deliveries (delivery_id));

diesel::allow_tables_to_appear_in_same_query!(
    ledger_clock,
    areas,
    area_versions,
    area_successions,
    area_counts,
    programs,
    program_versions,
    program_cohorts,
    rules,
    calendar_days,
    organizations,
    organization_versions,
    organization_changes,
    organization_change_parts,
    milestones,
    tasks,
    assignments,
    assignment_versions,
    assignment_reports,
    extensions,
    extension_versions,
    activities,
    activity_versions,
    activity_areas,
    tokens,
    signing_keys,
    idempotency_keys,
    audit_entries,
    schedules,
    bulletins,
    occurrences,
    notices,
    endpoints,
    deliveries,
    delivery_attempts,
    worker_nodes,
);
