//! `docs/requirements.md` is complete and names only tests that exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const LAST: u32 = 203;

/// What the page says.
#[derive(Default)]
struct Page {
    /// Short name and file.
    places: BTreeMap<String, PathBuf>,
    /// Number of the requirement, and the cell that says what shows it.
    rows: Vec<(u32, String)>,
    /// The paragraph of the routing rules, such as `4.2`, and the cell that says what shows it.
    rules: Vec<(String, String)>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> Page {
    let text = fs::read_to_string(root().join("docs/requirements.md")).expect("docs/requirements.md");
    let mut page = Page::default();
    for line in text.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        match cells[..] {
            [number, _, shown] => {
                if let Ok(number) = number.parse() {
                    page.rows.push((number, shown.to_owned()));
                } else if number.split('.').all(|part| part.parse::<u32>().is_ok()) {
                    page.rules.push((number.to_owned(), shown.to_owned()));
                }
            }
            [place, file] if file.starts_with('`') => {
                page.places.insert(place.to_owned(), root().join(file.trim_matches('`')));
            }
            _ => {}
        }
    }
    page
}

impl Page {
    /// The tests that a cell names.
    fn tests(cell: &str) -> impl Iterator<Item = &str> {
        cell.split('`').skip(1).step_by(2)
    }

    fn file_of(&self, place: &str) -> Option<PathBuf> {
        if let Some(module) = place.strip_prefix("it::") {
            let folder = root().join("tests/it").join(module.replace("::", "/"));
            let file = folder.with_extension("rs");
            return Some(if file.exists() { file } else { folder.join("mod.rs") });
        }
        self.places.get(place).cloned()
    }

    fn exists(&self, test: &str) -> Result<(), String> {
        let (place, name) = test.rsplit_once("::").ok_or("is no `<where>::<test>`")?;
        let file = self.file_of(place).ok_or("stands in a place that the list does not name")?;
        let source = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let found = match file.extension().and_then(|extension| extension.to_str()) {
            Some("mjs") => has_title(&source, name),
            _ => has_test(&source, name),
        };
        if found { Ok(()) } else { Err(format!("is not in {}", file.display())) }
    }
}

/// A function of that name with a test's attribute above it.
fn has_test(source: &str, name: &str) -> bool {
    let head = format!("fn {name}(");
    let is_test = |line: &&str| line.contains("test]") || line.contains("test(flavor");
    let lines: Vec<&str> = source.lines().collect();
    lines
        .iter()
        .enumerate()
        .any(|(at, line)| line.contains(&head) && lines[at.saturating_sub(4)..at].iter().any(is_test))
}

/// A test of node's runner with that title, its other characters as `_`.
fn has_title(source: &str, name: &str) -> bool {
    source.lines().any(|line| {
        let rest = line.trim_start();
        let title = rest.strip_prefix("it(\"").or_else(|| rest.strip_prefix("test(\""));
        title.and_then(|title| title.split('"').next()).is_some_and(|title| as_name(title) == name)
    })
}

fn as_name(title: &str) -> String {
    let words = title.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_")
}

#[test]
fn every_requirement_has_a_row() {
    let numbers: Vec<u32> = page().rows.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=LAST).collect::<Vec<_>>());
}

#[test]
fn every_requirement_is_shown_by_a_test_or_open_with_a_reason() {
    for (number, shown) in page().rows {
        let open = shown.split_once("*open:* ").is_some_and(|(_, why)| !why.is_empty());
        assert!(open || Page::tests(&shown).next().is_some(), "{number}: {shown}");
    }
}

#[test]
fn every_chapter_of_the_routing_rules_has_rows_and_each_is_shown_by_a_test_or_open_with_a_reason() {
    let rules = page().rules;
    let chapters: BTreeSet<u32> =
        rules.iter().filter_map(|(number, _)| number.split('.').next()?.parse().ok()).collect();
    assert_eq!(chapters, (1..=13).collect());
    for (number, shown) in rules {
        let open = shown.split_once("*open:* ").is_some_and(|(_, why)| !why.is_empty());
        assert!(open || Page::tests(&shown).next().is_some(), "{number}: {shown}");
    }
}

#[test]
fn every_named_test_exists() {
    let page = page();
    let mut faults = BTreeSet::new();
    let rows = page.rows.iter().map(|(number, shown)| (number.to_string(), shown));
    for (number, shown) in rows.chain(page.rules.iter().map(|(number, shown)| (number.clone(), shown))) {
        for test in Page::tests(shown) {
            if let Err(why) = page.exists(test) {
                faults.insert(format!("{number}: {test} {why}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_name_without_a_test_is_noticed() {
    assert!(has_test("    #[test]\n    fn it_holds() {}", "it_holds"));
    assert!(has_test("#[tokio::test]\nasync fn it_holds() {}", "it_holds"));
    assert!(has_test("#[tokio::test(flavor = \"multi_thread\")]\nasync fn it_holds() {}", "it_holds"));
    assert!(!has_test("fn it_holds() {}", "it_holds"), "a helper is no test");
    assert!(!has_test("#[test]\nfn it_holds_not() {}", "it_holds"));
    assert!(has_title("  it(\"a ping, unasked, is answered\", async () => {", "a_ping_unasked_is_answered"));
    assert!(!has_title("  // it(\"a ping\"", "a_ping"));
}
