//! Query conditions that select a version of a row and its position, by valid time and transaction time, each defined
//! once.

/// The current version, as latest known.
macro_rules! head {
    ($table:ident) => {
        $table::superseded_seq.is_null().and($table::valid_to.is_null())
    };
}

/// The current version of an area, as latest known, or the last version of an ended one.
macro_rules! last {
    ($table:ident) => {
        $table::superseded_seq
            .is_null()
            .and($table::valid_to.is_null().or($table::ended))
    };
}

/// The versions known at a transaction time (a `Recorded`).
macro_rules! known_at {
    ($table:ident, $known:expr) => {
        $table::recorded_seq.le($known.seq).and(
            $table::superseded_seq
                .is_null()
                .or($table::superseded_seq.gt($known.seq)),
        )
    };
}

/// The version valid on a day, as known at a transaction time.
macro_rules! true_on {
    ($table:ident, $as_of:expr, $known:expr) => {
        $crate::predicates::known_at!($table, $known)
            .and($table::valid_from.le($as_of))
            .and($table::valid_to.is_null().or($table::valid_to.gt($as_of)))
    };
}

/// Joins the current area with this id.
macro_rules! current_area {
    ($area_id:expr) => {{
        use $crate::db::schema::area_versions as a;
        a::table.on(a::area_id.eq($area_id).and($crate::predicates::head!(a)))
    }};
}

/// Joins the current or last version of the area with this id: what belongs to an ended area stays visible.
macro_rules! last_area {
    ($area_id:expr) => {{
        use $crate::db::schema::area_versions as a;
        a::table.on(a::area_id.eq($area_id).and($crate::predicates::last!(a)))
    }};
}

/// Joins the area with this id as of a day, as known at a transaction time.
macro_rules! area_on {
    ($area_id:expr, $as_of:expr, $known:expr) => {{
        use $crate::db::schema::area_versions as a;
        a::table.on(a::area_id
            .eq($area_id)
            .and($crate::predicates::true_on!(a, $as_of, $known)))
    }};
}

/// Joins the area with this id as of a day, or its last version if it ended before, as known at a transaction time.
macro_rules! area_by {
    ($area_id:expr, $as_of:expr, $known:expr) => {{
        use $crate::db::schema::area_versions as a;
        a::table.on(a::area_id
            .eq($area_id)
            .and($crate::predicates::known_at!(a, $known))
            .and(a::valid_from.le($as_of))
            .and(a::valid_to.is_null().or(a::valid_to.gt($as_of)).or(a::ended)))
    }};
}

/// Whether the joined area belongs to a `Subtree`, or has ended; the home of an ended area depends on the tree.
macro_rules! within_or_ended {
    ($subtree:expr) => {{
        use $crate::db::schema::area_versions as a;
        a::ended.or(a::path
            .ge($subtree.lower().to_owned())
            .and(a::path.lt($subtree.upper())))
    }};
}

/// Whether the joined area belongs to a `Subtree`.
macro_rules! within {
    ($subtree:expr) => {{
        use $crate::db::schema::area_versions as a;
        a::path
            .ge($subtree.lower().to_owned())
            .and(a::path.lt($subtree.upper()))
    }};
}

pub(crate) use {
    area_by, area_on, current_area, head, known_at, last, last_area, true_on, within, within_or_ended,
};
