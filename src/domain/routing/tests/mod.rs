//! The rules by example, then by comparison with a slow, obvious model.
