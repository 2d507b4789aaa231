//! Which table answers which question: the generic names of the traits against tables and columns of their own.

use crate::store::{CellTable, IndexTable};

/// A table of cells: `license`, then these.
pub(super) struct CellSpec {
    pub(super) table: &'static str,
    pub(super) id: &'static str,
    pub(super) body: &'static str,
}

/// A table of index rows.
pub(super) struct IndexSpec {
    pub(super) table: &'static str,
    pub(super) owner: &'static str,
    pub(super) bucket: &'static str,
    pub(super) position: &'static str,
    pub(super) id: &'static str,
}

/// The table of a kind of cell.
pub(super) fn cell(table: CellTable) -> CellSpec {
    let (table, id, body) = match table {
        CellTable::Chats => ("chat_pointers", "chat", "pointer"),
        CellTable::Customers => ("customer_chats", "customer", "chats"),
        CellTable::CustomerProfiles => ("customer_profiles", "customer", "profile"),
        CellTable::CustomerVisits => ("customer_visits", "customer", "visits"),
        CellTable::EmailVerifications => ("email_verifications", "owner", "verification"),
        CellTable::RoutingStatuses => ("routing_statuses", "part", "statuses"),
        CellTable::Licenses => ("license_parts", "part", "body"),
        CellTable::LicenseDirectory => ("license_directory", "entry", "summary"),
        CellTable::LicenseLookups => ("license_lookups", "name", "target"),
        CellTable::Tokens => ("tokens", "hash", "rights"),
        CellTable::LicenseTokens => ("license_tokens", "hash", "summary"),
        CellTable::Secrets => ("secrets", "name", "secret"),
        CellTable::Revocations => ("revocations", "token_id", "revocation"),
    };
    CellSpec { table, id, body }
}

/// The table of a kind of index row. All keep their row in a blob `state`.
pub(super) fn index(table: IndexTable) -> IndexSpec {
    let (table, owner, bucket, position, id) = match table {
        IndexTable::ThreadsByChat => ("threads_by_chat", "license", "chat", "thread_no", "thread"),
        IndexTable::ChatsByLicense => ("chats_by_license", "license", "period", "created_at", "chat"),
        IndexTable::ChatsByCustomer => ("chats_by_customer", "license", "customer", "created_at", "chat"),
        IndexTable::OpenChats => ("open_chats", "shard", "day", "license", "chat"),
        IndexTable::Due => ("due_timers", "shard", "minute", "deadline", "chat"),
        IndexTable::ThreadsByDay => ("threads_by_day", "license", "day", "created_at", "thread"),
        IndexTable::Decisions => ("decisions", "license", "bucket", "decided_at", "id"),
        IndexTable::ChangedChats => ("changed_chats", "license", "day", "changed_at", "chat"),
    };
    IndexSpec { table, owner, bucket, position, id }
}
