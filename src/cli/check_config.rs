//! `switchboard check-config`

use std::fmt::Write as _;
use std::io;

use super::args::ServerFlags;
use super::print;
use crate::config::{Effective, Fault, Faults, Loaded, Source};
use crate::edge::tls_config;

/// The settings are wrong, or cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum CheckError {
    #[error(transparent)]
    Faults(#[from] Faults),
    #[error("the settings cannot be printed")]
    Output(#[from] io::Error),
}

/// Prints every setting and its source; the faults, if there are any, are the error.
pub(super) fn run(_flags: &ServerFlags, mut loaded: Loaded) -> Result<(), CheckError> {
    print::result(&table(&loaded.effective))?;
    loaded.warnings.iter().for_each(|warning| print::warning(warning));
    if let Some(files) = &loaded.config.tls
        && let Err(error) = tls_config(files)
    {
        let source = loaded.effective.iter().find(|one| one.key == "tls.cert");
        let source = source.map_or(Source::Default, |one| one.source.clone());
        loaded.faults.push(Fault::new(source, error.to_string()));
    }
    loaded.into_result()?;
    Ok(())
}

fn table(effective: &[Effective]) -> String {
    let width = |text: fn(&Effective) -> &str| effective.iter().map(|one| text(one).len()).max().unwrap_or(0);
    let (keys, values) = (width(|one| one.key), width(|one| &one.value));
    effective.iter().fold(String::new(), |mut table, Effective { key, value, source }| {
        let _ = writeln!(table, "{key:keys$}  {value:values$}  {source}");
        table
    })
}
