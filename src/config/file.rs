//! The settings file: TOML, flattened to dotted keys that remember their line.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::fault::{Fault, Source};

/// The file that is read when nobody names another, if it exists.
pub(super) const DEFAULT_FILE: &str = "switchboard.toml";

/// More is no settings file.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// What a file says.
#[derive(Default)]
pub(super) struct FileSettings {
    /// Dotted key, text of the value, where.
    pub(super) values: Vec<(String, String, Source)>,
    /// Sections, with where they begin: an empty one of an unknown name is a mistake too.
    pub(super) sections: Vec<(String, Source)>,
}

/// Reads the file named, or the default one where it exists. Faults of form are added to `faults`; what can be
/// read around them is.
pub(super) fn read(named: Option<&Path>, folder: &Path, faults: &mut Vec<Fault>) -> FileSettings {
    let path = named.map_or_else(|| PathBuf::from(DEFAULT_FILE), Path::to_path_buf);
    let place = folder.join(&path);
    let content = match read_bounded(&place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => {
            return FileSettings::default();
        }
        content => content,
    };
    match content {
        Ok(content) => parse(&path, &content, faults),
        Err(error) => {
            faults.push(Fault::new(Source::WholeFile(path), format!("cannot be read: {error}")));
            FileSettings::default()
        }
    }
}

fn read_bounded(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > MAX_FILE_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "larger than 1 MiB"));
    }
    fs::read_to_string(path)
}

fn parse(path: &Path, content: &str, faults: &mut Vec<Fault>) -> FileSettings {
    let (document, errors) = DeTable::parse_recoverable(content);
    for error in errors {
        let line = error.span().map_or(1, |span| line_at(content, span.start));
        faults.push(Fault::new(Source::file(path, line), error.message().to_owned()));
    }
    let mut walk = Walk { path, content, faults, found: FileSettings::default() };
    walk.table("", document.get_ref());
    walk.found
}

fn line_at(content: &str, offset: usize) -> usize {
    content.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

struct Walk<'a> {
    path: &'a Path,
    content: &'a str,
    faults: &'a mut Vec<Fault>,
    found: FileSettings,
}

impl Walk<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let dotted = match prefix {
                "" => name.get_ref().to_string(),
                _ => format!("{prefix}.{}", name.get_ref()),
            };
            let source = Source::file(self.path, line_at(self.content, name.span().start));
            if let DeValue::Table(inner) = value.get_ref() {
                self.found.sections.push((dotted.clone(), source));
                self.table(&dotted, inner);
                continue;
            }
            match text_of(value.get_ref()) {
                Ok(text) => self.found.values.push((dotted, text, source)),
                Err(what) => {
                    let problem = format!("{dotted}: {what} is no value of a setting; write it in quotes");
                    self.faults.push(Fault::new(source, problem));
                }
            }
        }
    }
}

/// The text of a value as an operator would write it on the command line.
fn text_of(value: &DeValue<'_>) -> Result<String, &'static str> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        DeValue::Integer(_) => Err("a number that is not decimal"),
        DeValue::Boolean(yes) => Ok(yes.to_string()),
        DeValue::Array(items) => {
            let texts: Result<Vec<String>, _> = items.iter().map(|item| text_of(item.get_ref())).collect();
            texts.map(|texts| texts.join(","))
        }
        DeValue::Float(_) => Err("a number with a fraction"),
        DeValue::Datetime(_) => Err("a date"),
        DeValue::Table(_) => Err("a table in an array"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_remember_their_line() {
        let mut faults = Vec::new();
        let content = "[server]\nlisten = \"a\"\n\n[chats.queue]\nlimit = 5\nenabled = true\n";
        let found = parse(Path::new("x.toml"), content, &mut faults);
        let seen: Vec<String> =
            found.values.iter().map(|(key, text, source)| format!("{source}: {key}={text}")).collect();
        assert_eq!(
            seen,
            [
                "x.toml:2: server.listen=a",
                "x.toml:5: chats.queue.limit=5",
                "x.toml:6: chats.queue.enabled=true"
            ]
        );
        assert!(faults.is_empty());
    }

    #[test]
    fn every_fault_of_form_is_found() {
        let mut faults = Vec::new();
        let found = parse(Path::new("x.toml"), "a = = 1\nb = 1.5\nc = 2\nc = 3\nd = 4\n", &mut faults);
        let lines: Vec<String> = faults.iter().map(|fault| fault.source().to_string()).collect();
        for line in ["x.toml:1", "x.toml:2", "x.toml:4"] {
            assert!(lines.contains(&line.to_owned()), "{line} in {lines:?}");
        }
        assert!(found.values.iter().any(|(key, _, _)| key == "d"));
    }
}
