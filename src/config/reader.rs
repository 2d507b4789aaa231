//! Brings together what file, environment and flags say of each setting, and collects all faults.
//!
//! A section asks for its keys one by one ([`Reader::get`]); what nobody asked for is unknown in the end.

use std::collections::{BTreeMap, BTreeSet};

use super::fault::{Fault, Source};
use super::file::FileSettings;
use super::kind::{Key, Kind};
use super::names::{self, PREFIX, TEST_PREFIX};

/// What a setting is in the end, and whose word that was; for `switchboard check-config`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// Dotted name.
    pub key: &'static str,
    /// As it was written; secrets are masked.
    pub value: String,
    /// Whose word it is.
    pub source: Source,
}

/// Everything that was said, and what became of it.
pub(super) struct Reader {
    /// By dotted key, weakest first.
    given: BTreeMap<String, Vec<(String, Source)>>,
    sections: Vec<(String, Source)>,
    environment: BTreeMap<String, String>,
    known: BTreeSet<&'static str>,
    effective: Vec<Effective>,
    faults: Vec<Fault>,
}

impl Reader {
    /// Over a file, an environment and flags (dotted key and value), with the faults of form that were found.
    pub(super) fn new(
        file: FileSettings,
        environment: &[(String, String)],
        flags: &[(&'static str, String)],
        faults: Vec<Fault>,
    ) -> Self {
        let mut given: BTreeMap<String, Vec<(String, Source)>> = BTreeMap::new();
        for (key, text, source) in file.values {
            given.entry(key).or_default().push((text, source));
        }
        // Variables are matched to keys when the keys are asked for; flags must stay the stronger.
        let flags = flags.iter().map(|(key, text)| {
            let flag = names::flag(key).unwrap_or(key);
            ((*key).to_owned(), (text.clone(), Source::Flag(format!("--{flag}"))))
        });
        let environment = environment
            .iter()
            .filter(|(name, _)| name.starts_with(PREFIX) && !name.starts_with(TEST_PREFIX))
            .cloned()
            .collect();
        for (key, said) in flags {
            given.entry(key).or_default().push(said);
        }
        Self {
            given,
            sections: file.sections,
            environment,
            known: BTreeSet::new(),
            effective: Vec::new(),
            faults,
        }
    }

    /// The setting's value; its default where nothing good was said.
    pub(super) fn get<K: Kind>(&mut self, key: &Key<K>) -> K::Value {
        self.read(key, str::to_owned)
    }

    /// The same for a secret: it is neither shown nor repeated in a fault.
    pub(super) fn get_secret<K: Kind>(&mut self, key: &Key<K>) -> K::Value {
        self.read(key, |text| if text.is_empty() { String::new() } else { "********".to_owned() })
    }

    fn read<K: Kind>(&mut self, key: &Key<K>, show: fn(&str) -> String) -> K::Value {
        self.known.insert(key.name);
        let mut value = None;
        let (mut text, mut source) = (key.default.to_owned(), Source::Default);
        for (given, from) in self.said_of(key.name) {
            match key.kind.parse(&given) {
                Some(parsed) => (value, text, source) = (Some(parsed), given, from),
                None => self.fault(
                    from,
                    format!("{} = \"{}\": must be {}", key.name, show(&given), key.kind.allowed()),
                ),
            }
        }
        self.effective.push(Effective { key: key.name, value: show(&text), source });
        value
            .or_else(|| key.kind.parse(key.default))
            .unwrap_or_else(|| unreachable!("the default of {} is one of its values", key.name))
    }

    /// Weakest first: file, environment, flag.
    fn said_of(&mut self, key: &'static str) -> Vec<(String, Source)> {
        let variable = names::variable(key);
        let mut said = self.given.remove(key).unwrap_or_default();
        if let Some(text) = self.environment.remove(&variable) {
            let flags = said.iter().position(|(_, source)| matches!(source, Source::Flag(_)));
            said.insert(flags.unwrap_or(said.len()), (text, Source::Environment(variable)));
        }
        said
    }

    /// Notes a fault of a value that was said by `source`.
    pub(super) fn fault(&mut self, source: Source, problem: String) {
        self.faults.push(Fault::new(source, problem));
    }

    /// Notes that the setting `key` does not go together with others.
    pub(super) fn clash(&mut self, key: &'static str, problem: &str) {
        let source = self.source_of(key);
        self.fault(source, format!("{key}: {problem}"));
    }

    /// True if somebody gave the setting a value.
    pub(super) fn is_set(&self, key: &'static str) -> bool {
        self.source_of(key) != Source::Default
    }

    fn source_of(&self, key: &'static str) -> Source {
        let found = self.effective.iter().find(|effective| effective.key == key);
        found.map_or(Source::Default, |effective| effective.source.clone())
    }

    /// Ends the reading: what nobody asked for is a fault where it stands in the file, a warning where it is a
    /// variable.
    pub(super) fn finish(mut self) -> (Vec<Effective>, Vec<String>, Vec<Fault>) {
        let unknown = std::mem::take(&mut self.given);
        let sections = std::mem::take(&mut self.sections);
        for (section, source) in &sections {
            let prefix = format!("{section}.");
            let inside = |key: &str| key.starts_with(&prefix);
            let speaks =
                unknown.keys().any(|key| inside(key)) || sections.iter().any(|(name, _)| inside(name));
            if !speaks && !self.known.iter().any(|key| inside(key)) {
                self.fault(source.clone(), format!("[{section}]: there is no such section"));
            }
        }
        for (key, said) in unknown {
            for (_, source) in said {
                let hint = hint(&key, self.known.iter().copied());
                self.fault(source, format!("{key}: there is no such setting{hint}"));
            }
        }
        let variables: Vec<String> = self.known.iter().map(|key| names::variable(key)).collect();
        let warnings = self
            .environment
            .keys()
            .filter(|name| *name != names::CONFIG_VARIABLE)
            .map(|name| format!("{name}: no setting has this variable{}", hint(name, variables.iter())))
            .collect();
        (self.effective, warnings, self.faults)
    }
}

/// A word of help for a name that is nearly right.
fn hint<'a>(name: &str, known: impl Iterator<Item = impl AsRef<str> + 'a>) -> String {
    let near = known.map(|known| (distance(name, known.as_ref()), known)).min_by_key(|(far, _)| *far);
    match near {
        Some((far, known)) if far <= 1 + name.len() / 8 => format!("; did you mean {}?", known.as_ref()),
        _ => String::new(),
    }
}

/// How many letters have to be changed, added or dropped.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_letters() {
        for (a, b, expected) in
            [("", "", 0), ("abc", "abc", 0), ("abc", "abd", 1), ("abc", "bc", 1), ("", "xy", 2)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
