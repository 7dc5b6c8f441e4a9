//! Which version of a row is meant, and where: the conditions of the two histories (valid and recorded time), each written once.

/// The version that is known to be true now.
macro_rules! head {
    ($table:ident) => {
        $table::superseded_seq.is_null().and($table::valid_to.is_null())
    };
}

/// The version of an area that is known to be true now, or was to the end of an area that is no more.
macro_rules! last {
    ($table:ident) => {
        $table::superseded_seq
            .is_null()
            .and($table::valid_to.is_null().or($table::ended))
    };
}

/// A version that was known at a moment (a `Recorded`).
macro_rules! known_at {
    ($table:ident, $known:expr) => {
        $table::recorded_seq.le($known.seq).and(
            $table::superseded_seq
                .is_null()
                .or($table::superseded_seq.gt($known.seq)),
        )
    };
}

/// The version that is true on a day, as known at a moment.
macro_rules! true_on {
    ($table:ident, $as_of:expr, $known:expr) => {
        $crate::predicates::known_at!($table, $known)
            .and($table::valid_from.le($as_of))
            .and($table::valid_to.is_null().or($table::valid_to.gt($as_of)))
    };
}

/// Joins the area of this id as it is now.
macro_rules! current_area {
    ($area_id:expr) => {{
        use $crate::db::schema::area_versions as a;
        a::table.on(a::area_id.eq($area_id).and($crate::predicates::head!(a)))
    }};
}

/// Joins the area of this id as it is now or last was: what belongs to an area does not vanish with it.
macro_rules! last_area {
    ($area_id:expr) => {{
        use $crate::db::schema::area_versions as a;
        a::table.on(a::area_id.eq($area_id).and($crate::predicates::last!(a)))
    }};
}

/// Joins the area of this id as it was on a day, as known at a moment.
macro_rules! area_on {
    ($area_id:expr, $as_of:expr, $known:expr) => {{
        use $crate::db::schema::area_versions as a;
        a::table.on(a::area_id
            .eq($area_id)
            .and($crate::predicates::true_on!(a, $as_of, $known)))
    }};
}

/// Joins the area of this id as it was on a day, or last was before it, as known at a moment.
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

/// Whether the joined area belongs to a `Subtree`, or has an end: whose home it is then, the tree says.
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
