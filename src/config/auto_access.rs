//! `auto_access` of a license, as JSON: `switchboard license set` writes it through here.

use super::list::ListSetting;
use super::overrides::OverrideError;
use crate::domain::auto_access::auto_access_fault;
use crate::domain::license::Settings;

/// The setting's name.
pub(super) const AUTO_ACCESS: &str = "auto_access";

const SETTING: ListSetting = ListSetting {
    name: AUTO_ACCESS,
    example: r#"JSON such as [{"access":{"groups":[1]},"conditions":{"url":{"values":[{"value":"/pricing"}]}}}]"#,
    good: "rules that can be kept",
};

/// Changes the rules; the empty text takes them away. After a refusal nothing is changed.
pub(super) fn set_auto_access(settings: &mut Settings, text: &str) -> Result<(), OverrideError> {
    settings.auto_access = SETTING.read(text, |rules| auto_access_fault(rules))?;
    Ok(())
}

/// What was set: name and text.
pub(super) fn shown_auto_access(settings: &Settings) -> Option<(&'static str, String)> {
    SETTING.shown(&settings.auto_access)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_written_shown_and_taken_away_and_wrong_ones_change_nothing() {
        let mut settings = Settings::default();
        let text = r#"[{"description":"sales","access":{"groups":[1]},"conditions":{"domain":{"values":[{"value":"a.example","exact_match":true}]}}}]"#;
        set_auto_access(&mut settings, text).expect("rules");
        assert_eq!(shown_auto_access(&settings), Some((AUTO_ACCESS, text.to_owned())));
        let before = settings.clone();
        for wrong in ["{}", "x", r#"[{"access":{"groups":[1]},"conditions":{"geolocation":{}}}]"#] {
            let error = set_auto_access(&mut settings, wrong).expect_err(wrong);
            assert!(error.to_string().contains("must be"), "{error}");
        }
        assert_eq!(settings, before);
        set_auto_access(&mut settings, "").expect("can be taken away");
        assert_eq!(settings, Settings::default());
    }
}
