//! What a token allows: a set of scopes with everything that they imply.
//!
//! The rules are those of `authorization.json`, `scope_rules`: `rw` contains `ro`, `all` contains `access` and
//! `my`, `access` contains `my`, writing a conversation contains reading the chat.

use std::sync::LazyLock;

use super::scope_table::SCOPES;
use crate::domain::command::Reach;
use crate::domain::license::Role;

/// A set of scopes, complete with what they imply. Cheap to copy and to ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(u128);

/// No such scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no scope \"{0}\"")]
pub struct UnknownScope(pub String);

impl ScopeSet {
    /// Of scopes by their names, with what they imply.
    ///
    /// # Errors
    /// The first name that is no scope.
    pub fn parse<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Result<Self, UnknownScope> {
        names.into_iter().try_fold(Self::default(), |set, name| {
            let name = name.as_ref();
            let index = index_of(name).ok_or_else(|| UnknownScope(name.to_owned()))?;
            Ok(Self(set.0 | IMPLIED[index]))
        })
    }

    /// Everything that an agent of this role may hold; what a token allows for which nobody chose scopes.
    pub fn of_role(role: Role) -> Self {
        let held = SCOPES.iter().enumerate().filter(|(_, (_, lowest))| lowest.is_some_and(|low| role >= low));
        Self(held.fold(0, |bits, (index, _)| bits | IMPLIED[index]))
    }

    /// Is the scope in the set, by itself or implied?
    pub fn allows(self, name: &str) -> bool {
        index_of(name).is_some_and(|index| self.0 & (1 << index) != 0)
    }

    /// Is one of them? True for no names at all: a method without scopes is open to every token.
    pub fn allows_any<S: AsRef<str>>(self, names: &[S]) -> bool {
        names.is_empty() || names.iter().any(|name| self.allows(name.as_ref()))
    }

    /// Are all of them?
    pub fn allows_all<S: AsRef<str>>(self, names: &[S]) -> bool {
        names.iter().all(|name| self.allows(name.as_ref()))
    }

    /// Is everything of `other` in this set too?
    pub fn contains(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// What one of the sets holds.
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What both sets hold.
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Which chats may be read.
    pub fn reach_read(self) -> Reach {
        self.reach(["chats--all:ro", "chats--access:ro", "chats--my:ro"])
    }

    /// Which chats may be written.
    pub fn reach_write(self) -> Reach {
        self.reach(["chats--all:rw", "chats--access:rw", "chats--my:rw"])
    }

    /// The names, with the implied ones.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let held = SCOPES.iter().enumerate().filter(move |(index, _)| self.0 & (1 << index) != 0);
        held.map(|(_, (name, _))| *name)
    }

    fn reach(self, [all, access, my]: [&str; 3]) -> Reach {
        if self.allows(all) {
            Reach::All
        } else if self.allows(access) {
            Reach::Access
        } else if self.allows(my) {
            Reach::My
        } else {
            Reach::Nothing
        }
    }
}

fn index_of(name: &str) -> Option<usize> {
    SCOPES.iter().position(|(known, _)| *known == name)
}

/// By index, the scope itself and all that it implies.
static IMPLIED: LazyLock<[u128; SCOPES.len()]> = LazyLock::new(|| {
    std::array::from_fn(|outer| {
        let implies = |(_, (inner, _)): &(usize, &(&str, _))| implies(SCOPES[outer].0, inner);
        SCOPES.iter().enumerate().filter(implies).fold(0, |bits, (inner, _)| bits | 1 << inner)
    })
});

fn implies(outer: &str, inner: &str) -> bool {
    if outer == inner {
        return true;
    }
    let (Some(outer), Some(inner)) = (Parts::of(outer), Parts::of(inner)) else { return false };
    let same_verb = outer.verb == inner.verb;
    let wider_verb = same_verb || (inner.verb == "ro" && matches!(outer.verb, "rw" | "rc"));
    let wider_reach = outer.reach == inner.reach
        || matches!((outer.reach, inner.reach), ("all", "access" | "my" | "groups") | ("access", "my"));
    let same_thing = outer.resource == inner.resource;
    let reads_chat =
        outer.resource == "chats.conversation" && inner.resource == "chats" && inner.verb == "ro";
    let writes_conversation =
        outer.resource == "chats" && outer.verb == "rw" && inner.resource == "chats.conversation";
    wider_reach && ((same_thing && wider_verb) || reads_chat || writes_conversation)
}

/// `resource--reach:verb`; the reach may be missing.
struct Parts<'a> {
    resource: &'a str,
    reach: &'a str,
    verb: &'a str,
}

impl<'a> Parts<'a> {
    fn of(name: &'a str) -> Option<Self> {
        let (subject, verb) = name.rsplit_once(':')?;
        let (resource, reach) = subject.split_once("--").unwrap_or((subject, ""));
        Some(Self { resource, reach, verb })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> ScopeSet {
        ScopeSet::parse(names).expect("scopes")
    }

    #[test]
    fn the_table_is_that_of_the_protocol() {
        let text = include_str!("../../tests/protocol/authorization.json");
        let document: serde_json::Value = serde_json::from_str(text).expect("JSON");
        let listed = document["scopes"].as_object().expect("scopes");
        let ours: Vec<&str> = SCOPES.iter().map(|(name, _)| *name).collect();
        assert!(listed.keys().all(|name| ours.contains(&name.as_str())));
        assert_eq!(listed.len(), SCOPES.len());
        for (name, role) in SCOPES {
            let expected = match listed[name]["role"].as_str() {
                Some("normal" | "member") => Some(Role::Normal),
                Some("administrator") => Some(Role::Administrator),
                Some("owner") => Some(Role::Owner),
                Some("private") => None,
                _ => continue,
            };
            assert_eq!(role, expected, "{name}");
        }
    }

    #[test]
    fn scopes_imply_others() {
        for (held, asked, expected) in [
            ("chats--all:rw", "chats--my:ro", true),
            ("chats--access:rw", "chats--my:rw", true),
            ("chats--access:rw", "chats--all:ro", false),
            ("chats--my:rw", "chats--access:ro", false),
            ("chats--all:ro", "chats--all:rw", false),
            ("chats.conversation--access:rw", "chats--access:ro", true),
            ("chats.conversation--access:rw", "chats--my:ro", true),
            ("chats.conversation--access:rw", "chats--access:rw", false),
            ("chats.conversation--access:rw", "chats--all:ro", false),
            ("chats--all:rw", "chats.conversation--access:rw", true),
            ("agents--all:rw", "agents--my:ro", true),
            ("agents--all:rw", "agents-bot--all:rw", false),
            ("accounts--all:rc", "accounts--all:ro", true),
            ("accounts--all:rc", "accounts--all:rw", false),
            ("customers:rw", "customers:ro", true),
            ("customers:own", "customers:rw", false),
            ("tags--all:rw", "tags--groups:ro", true),
        ] {
            assert_eq!(set(&[held]).allows(asked), expected, "{held} {asked}");
        }
    }

    #[test]
    fn reach_follows_the_widest_scope() {
        assert_eq!(set(&["chats--all:ro", "chats--my:rw"]).reach_read(), Reach::All);
        assert_eq!(set(&["chats--all:ro", "chats--my:rw"]).reach_write(), Reach::My);
        assert_eq!(set(&["chats.conversation--access:rw"]).reach_read(), Reach::Access);
        assert_eq!(set(&["customers:ro"]).reach_read(), Reach::Nothing);
    }

    #[test]
    fn roles_hold_more_and_more() {
        let [normal, admin, owner] = [Role::Normal, Role::Administrator, Role::Owner].map(ScopeSet::of_role);
        assert!(admin.contains(normal) && owner.contains(admin));
        assert!(normal.allows("chats--access:rw") && !normal.allows("chats--all:ro"));
        assert!(admin.allows("chats--all:rw") && !admin.allows("organization--my:rw"));
        assert!(!owner.allows("subscription.lc:rw"));
    }

    #[test]
    fn unknown_names_are_refused_and_never_allowed() {
        assert_eq!(ScopeSet::parse(["chats--all:rx"]), Err(UnknownScope("chats--all:rx".to_owned())));
        assert!(!ScopeSet::of_role(Role::Owner).allows("everything"));
    }

    #[test]
    fn a_role_holds_whatever_its_scopes_imply() {
        for role in [Role::Normal, Role::Administrator, Role::Owner] {
            let held = ScopeSet::of_role(role);
            let implied = ScopeSet::parse(held.names()).expect("scopes");
            assert_eq!(held, implied, "{role:?}");
        }
    }
}
