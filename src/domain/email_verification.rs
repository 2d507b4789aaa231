//! The proof that an e-mail address is a customer's (`request_email_verification`): what is waited for, how long, and how
//! often somebody may be written to for it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::time::Timestamp;

/// What was asked lapses so long after it was asked last.
pub const VALID: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Who asked earlier than so many others is not called.
const MAX_CALLBACKS: usize = 10;
/// Mails in a stretch of time, for a customer and for an address.
const MAX_MAILS: [(usize, Duration); 2] =
    [(3, Duration::from_secs(3_600)), (10, Duration::from_secs(24 * 3_600))];

/// When mails went out, oldest first, those of the last day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mails {
    /// When.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<Timestamp>,
}

impl Mails {
    /// Counts one more, unless there were too many lately; says whether it may go.
    pub fn admits(&mut self, now: Timestamp) -> bool {
        let among = |span: Duration| self.sent.iter().filter(|at| now.since(**at) < span).count();
        if MAX_MAILS.iter().any(|(most, span)| among(*span) >= *most) {
            return false;
        }
        let longest = MAX_MAILS.iter().map(|(_, span)| *span).max().unwrap_or_default();
        self.sent.retain(|at| now.since(*at) < longest);
        self.sent.push(now);
        true
    }

    /// The one that was counted at this moment did not go.
    pub fn withdraw(&mut self, counted_at: Timestamp) {
        if let Some(position) = self.sent.iter().rposition(|at| *at == counted_at) {
            self.sent.remove(position);
        }
    }
}

/// What is kept of a customer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailVerification {
    /// What is waited for, or was done last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked: Option<Asked>,
    /// To whatever address.
    #[serde(default)]
    mails: Mails,
}

/// One address that is to be proven.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Asked {
    email: String,
    /// What the links in the mails name; the same in all of them.
    number: String,
    asked_at: Timestamp,
    /// Whom to tell, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    callbacks: Vec<String>,
    /// It is proven.
    #[serde(default)]
    is_used: bool,
}

impl EmailVerification {
    /// Waits for an address to be proven, and counts the mail. The answer is the number for its link: `fresh`, or what is
    /// waited for already; none if too many mails went out lately.
    pub fn ask(&mut self, email: &str, callback: &str, fresh: &str, now: Timestamp) -> Option<String> {
        if !self.mails.admits(now) {
            return None;
        }
        let known = self.asked.take().filter(|asked| asked.email == email && !asked.is_used);
        let known = known.filter(|asked| now.since(asked.asked_at) < VALID);
        let mut asked = known.unwrap_or_else(|| Asked {
            email: email.to_owned(),
            number: fresh.to_owned(),
            ..Asked::default()
        });
        asked.asked_at = now;
        asked.callbacks.push(callback.to_owned());
        let excess = asked.callbacks.len().saturating_sub(MAX_CALLBACKS);
        asked.callbacks.drain(..excess);
        let number = asked.number.clone();
        self.asked = Some(asked);
        Some(number)
    }

    /// Takes back the last request of that callback, since no mail went out.
    pub fn withdraw(&mut self, callback: &str) {
        if let Some(asked) = &mut self.asked
            && let Some(last) = asked.callbacks.iter().rposition(|known| known == callback)
        {
            asked.callbacks.remove(last);
        }
    }

    /// The address that a link proves, and whether it was used already; none if it is no longer good.
    pub fn proves(&self, number: &str, now: Timestamp) -> Option<(&str, bool)> {
        let asked = self.asked.as_ref().filter(|asked| asked.number == number);
        let asked = asked.filter(|asked| now.since(asked.asked_at) < VALID);
        asked.map(|asked| (asked.email.as_str(), asked.is_used))
    }

    /// A link is used; says whom to tell of it. None if it is no longer good, or was used before.
    pub fn use_up(&mut self, number: &str, now: Timestamp) -> Option<Vec<String>> {
        let (_, is_used) = self.proves(number, now)?;
        let asked = self.asked.as_mut().filter(|_| !is_used)?;
        asked.is_used = true;
        Some(std::mem::take(&mut asked.callbacks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);
    const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

    #[test]
    fn a_mailbox_gets_three_mails_an_hour_and_ten_a_day() {
        let mut mails = Mails::default();
        let admitted = |mails: &mut Mails, at: Timestamp| (0..5).filter(|_| mails.admits(at)).count();
        assert_eq!(admitted(&mut mails, NOW), 3);
        assert_eq!(admitted(&mut mails, NOW.after(HOUR / 2)), 0);
        assert_eq!(admitted(&mut mails, NOW.after(HOUR)), 3);
        assert_eq!(admitted(&mut mails, NOW.after(HOUR * 2)), 3);
        assert_eq!(admitted(&mut mails, NOW.after(HOUR * 3)), 1);
        assert_eq!(admitted(&mut mails, NOW.after(HOUR * 4)), 0);
        assert_eq!(admitted(&mut mails, NOW.after(HOUR * 24)), 3);
        assert!(mails.sent.len() <= 10, "{}", mails.sent.len());
    }

    #[test]
    fn a_mail_that_did_not_go_out_does_not_count() {
        let mut mails = Mails::default();
        for second in 0..20 {
            let at = NOW.after(Duration::from_secs(second));
            assert!(mails.admits(at));
            mails.withdraw(at);
        }
        assert_eq!(mails, Mails::default());
    }

    #[test]
    fn the_ten_newest_requests_are_called_once() {
        let mut asked = EmailVerification::default();
        for hour in 0..12 {
            let at = NOW.after(HOUR * 3 * hour);
            let number = asked.ask("a@b", &format!("c{hour}"), &format!("n{hour}"), at);
            assert_eq!(number.as_deref(), Some("n0"), "all mails have the same link");
        }
        let at = NOW.after(HOUR * 36);
        assert_eq!(asked.proves("n0", at), Some(("a@b", false)));
        assert_eq!(asked.use_up("n1", at), None);
        let called = asked.use_up("n0", at).expect("whom to call");
        assert_eq!(called, (2..12).map(|hour| format!("c{hour}")).collect::<Vec<_>>());
        assert_eq!(asked.use_up("n0", at), None, "twice");
        assert_eq!(asked.proves("n0", at), Some(("a@b", true)));
        assert_eq!(asked.ask("a@b", "c", "n", at).as_deref(), Some("n"), "it is asked anew");
    }

    #[test]
    fn what_was_asked_lapses_after_a_week_and_with_another_address() {
        let mut asked = EmailVerification::default();
        asked.ask("a@b", "c0", "n0", NOW);
        let late = NOW.after(VALID);
        assert!(asked.proves("n0", late.before(HOUR)).is_some());
        assert_eq!(asked.proves("n0", late), None);
        assert_eq!(asked.use_up("n0", late), None);
        assert_eq!(asked.ask("a@b", "c1", "n1", late).as_deref(), Some("n1"));
        assert_eq!(asked.ask("x@b", "c2", "n2", late).as_deref(), Some("n2"));
        assert_eq!(asked.proves("n1", late), None);
        assert_eq!(asked.use_up("n2", late), Some(vec!["c2".to_owned()]), "c1 asked for the other one");
    }

    #[test]
    fn a_request_without_a_mail_is_taken_back() {
        let mut asked = EmailVerification::default();
        for callback in ["c", "d", "c"] {
            asked.ask("a@b", callback, "n", NOW);
        }
        asked.withdraw("c");
        asked.withdraw("nobody");
        assert_eq!(asked.use_up("n", NOW), Some(vec!["c".to_owned(), "d".to_owned()]));
    }
}
