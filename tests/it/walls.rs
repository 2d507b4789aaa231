//! The walls between the rooms of `src`: which room may name which (`src/lib.rs` says it in words).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What each room may name besides itself.
const ALLOWED: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("clock", &["domain"]),
    ("places", &["domain"]),
    ("id_source", &["domain"]),
    ("protocol", &["domain"]),
    ("store", &["domain"]),
    ("config", &["domain"]),
    ("web", &[]),
    ("files", &["config", "domain"]),
    ("outgoing", &["domain"]),
    ("observe", &["store", "protocol", "config"]),
    ("tenants", &["config", "domain", "protocol", "store"]),
    ("actors", &["config", "domain", "store", "observe"]),
    (
        "requests",
        &["actors", "config", "domain", "files", "observe", "outgoing", "protocol", "store", "tenants"],
    ),
    ("nodes", &["actors", "domain", "store", "tenants"]),
    (
        "sessions",
        &[
            "actors", "config", "domain", "nodes", "observe", "places", "protocol", "requests", "store",
            "tenants",
        ],
    ),
    ("bench", &["config", "domain", "observe", "protocol"]),
    (
        "edge",
        &[
            "actors", "config", "domain", "files", "observe", "protocol", "requests", "sessions", "store",
            "tenants", "web",
        ],
    ),
];

/// Rooms that put the others together and may name all of them.
const COMPOSERS: &[&str] = &["node", "cli", "admin", "opening", "main", "lib"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("src can be read") {
        let path = entry.expect("src can be read").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// `src/actors/chat/turn.rs` -> `actors`; `src/node.rs` -> `node`.
fn room(source: &Path, root: &Path) -> String {
    let inside = source.strip_prefix(root).expect("a file of src");
    let first = inside.components().next().expect("a file has a name");
    let name = first.as_os_str().to_string_lossy();
    name.trim_end_matches(".rs").to_owned()
}

/// Tests may name what they need: `tests.rs`, and what lies in a folder `tests`.
fn is_test(source: &Path) -> bool {
    source.file_stem().is_some_and(|name| name == "tests") || source.iter().any(|part| part == "tests")
}

/// Rooms that a source names by `crate::<room>`, comments and the tests at its end left out.
fn named_rooms(text: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for rest in line.split("crate::").skip(1) {
            let name: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            if !name.is_empty() {
                rooms.push(name);
            }
        }
    }
    rooms
}

#[test]
fn rooms_know_only_the_rooms_below_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    let mut broken = Vec::new();
    let mut checked = 0;
    for file in files {
        let room = room(&file, &root);
        if COMPOSERS.contains(&room.as_str()) || is_test(file.strip_prefix(&root).expect("a file of src")) {
            continue;
        }
        let Some(may) = allowed.get(room.as_str()) else {
            broken.push(format!("{}: the room `{room}` is not in the table of this test", file.display()));
            continue;
        };
        let text = fs::read_to_string(&file).expect("a source can be read");
        for named in named_rooms(&text) {
            checked += 1;
            if named != room && !may.contains(&named.as_str()) {
                broken.push(format!("{}: `{room}` names `{named}`", file.display()));
            }
        }
    }
    assert!(checked > 100, "only {checked} names were looked at: the test does not see the sources");
    assert!(broken.is_empty(), "walls are broken:\n{}", broken.join("\n"));
}

#[test]
fn the_domain_names_no_runtime_and_no_clock() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/domain");
    let mut files = Vec::new();
    sources(&root, &mut files);
    for file in files {
        let text = fs::read_to_string(&file).expect("a source can be read");
        for banned in
            ["actix", "tokio", "async fn", "SystemTime", "Instant::now", "getrandom", "std::fs", "std::net"]
        {
            let named =
                text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(banned));
            assert!(!named, "{} names {banned}", file.display());
        }
    }
}
