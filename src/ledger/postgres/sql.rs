//! Parameters with their types, so that a statement is one exchange with the server.

use postgres::types::{ToSql, Type};

/// A parameter and its type.
pub(super) type Param<'a> = (&'a (dyn ToSql + Sync), Type);

pub(super) fn int(value: &i64) -> Param<'_> {
    (value, Type::INT8)
}

pub(super) fn ints<T: ToSql + Sync>(value: &T) -> Param<'_> {
    (value, Type::INT8_ARRAY)
}

pub(super) fn text<T: ToSql + Sync>(value: &T) -> Param<'_> {
    (value, Type::TEXT)
}

pub(super) fn texts<T: ToSql + Sync>(value: &T) -> Param<'_> {
    (value, Type::TEXT_ARRAY)
}

pub(super) fn bytes<T: ToSql + Sync>(value: &T) -> Param<'_> {
    (value, Type::BYTEA)
}

pub(super) fn many_bytes<T: ToSql + Sync>(value: &T) -> Param<'_> {
    (value, Type::BYTEA_ARRAY)
}

pub(super) fn truth(value: &bool) -> Param<'_> {
    (value, Type::BOOL)
}

/// Seconds.
pub(super) fn seconds(value: &f64) -> Param<'_> {
    (value, Type::FLOAT8)
}
