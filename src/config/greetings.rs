//! `greetings` of a license, as JSON: `switchboard license set` writes it through here.

use super::list::ListSetting;
use super::overrides::OverrideError;
use crate::domain::greeting::{Greeting, greetings_fault, settle};
use crate::domain::license::Settings;

/// The setting's name.
pub(super) const GREETINGS: &str = "greetings";

const SETTING: ListSetting = ListSetting {
    name: GREETINGS,
    example: r#"JSON such as [{"id":1,"group":0,"rules":[{"condition":"and","type":"url_current","operator":"contains","value":"/pricing"}],"properties":{"greeting-message_text":"Can I help?"}}]"#,
    good: "greetings that can be said",
};

/// Changes the greetings; the empty text takes them away. After a refusal nothing is changed.
pub(super) fn set_greetings(settings: &mut Settings, text: &str) -> Result<(), OverrideError> {
    settings.greetings = SETTING.read(text, |greetings: &mut Vec<Greeting>| {
        settle(greetings);
        greetings_fault(greetings)
    })?;
    Ok(())
}

/// What was set: name and text.
pub(super) fn shown_greetings(settings: &Settings) -> Option<(&'static str, String)> {
    SETTING.shown(&settings.greetings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greetings_are_written_shown_and_taken_away_and_wrong_ones_change_nothing() {
        let mut settings = Settings::default();
        let text = r#"[{"rules":[{"type":"visit_time_site","operator":"greater_than","value":"5"}],"properties":{"text":"Hello","is_exit_intent":"true"}}]"#;
        set_greetings(&mut settings, text).expect("greetings");
        let (_, shown) = shown_greetings(&settings).expect("shown");
        let before = settings.clone();
        set_greetings(&mut settings, &shown).expect("what is shown can be set");
        assert_eq!(settings, before);
        assert_eq!((settings.greetings[0].id, settings.greetings[0].properties.is_exit_intent), (1, true));
        for (wrong, why) in [
            ("{}", "must be JSON such as"),
            (r#"[{"rules":[],"colour":"red"}]"#, "`0.colour`"),
            (
                &text.replace("visit_time_site", "ads_traffic"),
                "greeting 1: rule 1: ads_traffic is nothing that",
            ),
            (&text.replace("\"true\"", "\"maybe\""), "true or false"),
        ] {
            let error = set_greetings(&mut settings, wrong).expect_err(wrong).to_string();
            assert!(error.contains(why), "{error}");
        }
        assert_eq!(settings, before);
        set_greetings(&mut settings, "").expect("can be taken away");
        assert_eq!(settings, Settings::default());
    }
}
