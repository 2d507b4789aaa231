//! `switchboard check-config`

use std::error::Error;
use std::fmt::Write as _;

use super::print;
use crate::config::{Effective, Fault, Loaded};
use crate::edge::tls_config;

/// Prints every setting and its source; the faults, if there are any, are the error.
pub(super) fn run(mut loaded: Loaded) -> Result<(), Box<dyn Error>> {
    print::result(&table(&loaded.effective))?;
    loaded.warnings.iter().for_each(|warning| print::warning(warning));
    if let Some(files) = &loaded.config.tls
        && let Err(error) = tls_config(files)
    {
        let fault = Fault::new(loaded.source_of(error.setting()), error.to_string());
        loaded.faults.push(fault);
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
