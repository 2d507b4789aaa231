use proptest::prelude::*;
use serde_json::json;

use super::super::command::testing::{agent_id, an_agent, demo_license};
use super::super::license::Group;
use super::super::properties::merge;
use super::*;

fn news(change: impl FnOnce(&mut License)) -> Vec<LicenseNews> {
    let before = demo_license();
    let mut after = before.clone();
    change(&mut after);
    license_news(&before, &after)
}

fn agent<'a>(license: &'a mut License, name: &str) -> &'a mut Agent {
    license.agents.get_mut(&agent_id(name)).expect("an agent of the story")
}

fn unchanged(name: &str) -> AgentChange {
    AgentChange {
        id: agent_id(name),
        name: None,
        role: None,
        awaiting_approval: None,
        groups: None,
        work_scheduler: None,
    }
}

fn group(name: &str) -> Group {
    Group { name: name.to_owned(), routing: Default::default(), widget: Default::default() }
}

fn rule(description: &str, page: &str) -> AutoAccess {
    let conditions = json!({ "url": { "values": [{ "value": page }] } });
    let rule = json!({ "description": description, "access": { "groups": [1] }, "conditions": conditions });
    serde_json::from_value(rule).expect("a rule")
}

fn number(name: &str, value: i32) -> Properties {
    let values = BTreeMap::from([(name.to_owned(), PropertyValue::Int(value))]);
    Properties::from([("test".to_owned(), values)])
}

#[test]
fn what_agents_do_not_see_is_no_news() {
    assert_eq!(news(|_| ()), []);
    let settings = news(|license| {
        license.version += 1;
        license.clients.clear();
        license.settings.queue_limit = Some(7);
        license.settings.welcome_message = Some("Hello".to_owned());
        agent(license, "smith").max_chats_count = Some(3);
        agent(license, "bot").suspended = true;
        license.groups.values_mut().for_each(|group| group.routing.queue_enabled = Some(false));
    });
    assert_eq!(settings, []);
}

#[test]
fn of_an_agent_what_changed_is_told_and_nothing_else() {
    let renamed = AgentChange { name: Some("Neo".to_owned()), ..unchanged("smith") };
    let told = news(|license| agent(license, "smith").name = "Neo".to_owned());
    assert_eq!(told, [LicenseNews::AgentUpdated(renamed)]);
    let renamed = AgentChange { name: Some("Neo".to_owned()), ..unchanged("bot") };
    let told = news(|license| agent(license, "bot").name = "Neo".to_owned());
    assert_eq!(told, [LicenseNews::BotUpdated(renamed)]);
    let groups = Some(BTreeMap::from([(GroupId(1), Priority::Normal), (GroupId(2), Priority::First)]));
    let told = news(|license| {
        agent(license, "smith").groups.insert(GroupId(2), Priority::First);
    });
    assert_eq!(told, [LicenseNews::AgentUpdated(AgentChange { groups, ..unchanged("smith") })]);
}

#[test]
fn who_is_suspended_approved_or_gone_is_named() {
    let smith = agent_id("smith");
    let told = news(|license| agent(license, "smith").suspended = true);
    assert_eq!(told, [LicenseNews::AgentSuspended(smith.clone())]);
    let told = news(|license| agent(license, "smith").awaiting_approval = true);
    let awaits = AgentChange { awaiting_approval: Some(true), ..unchanged("smith") };
    assert_eq!(told, [LicenseNews::AgentUpdated(awaits)]);
    let mut before = demo_license();
    let waiting = agent(&mut before, "smith");
    (waiting.awaiting_approval, waiting.suspended) = (true, true);
    let told = license_news(&before, &demo_license());
    let expected = [LicenseNews::AgentApproved(smith.clone()), LicenseNews::AgentUnsuspended(smith.clone())];
    assert_eq!(told, expected);
    let told = news(|license| license.agents.retain(|_, agent| agent.name == "Brown"));
    assert_eq!(told, [LicenseNews::BotDeleted(agent_id("bot")), LicenseNews::AgentDeleted(smith)]);
}

#[test]
fn who_becomes_a_bot_is_another_one() {
    let told = news(|license| agent(license, "smith").kind = AgentKind::Bot);
    let bot = Box::new(an_agent("smith", &[1], AgentKind::Bot));
    assert_eq!(told, [LicenseNews::AgentDeleted(agent_id("smith")), LicenseNews::BotCreated(bot)]);
}

#[test]
fn a_group_takes_its_memberships_with_it() {
    let told = news(|license| {
        license.groups.remove(&GroupId(1));
        license.agents.values_mut().for_each(|agent| {
            agent.groups.remove(&GroupId(1));
        });
    });
    assert_eq!(told, [LicenseNews::GroupDeleted(GroupId(1))]);
}

#[test]
fn a_group_without_a_language_speaks_that_of_its_license() {
    let told = news(|license| {
        license.settings.widget.language = Some("pl".to_owned());
        license.groups.entry(GroupId(1)).and_modify(|group| group.widget.language = Some("en".to_owned()));
        license.groups.insert(GroupId(3), group("Third"));
        agent(license, "brown").groups.insert(GroupId(3), Priority::Last);
    });
    let pl = || Some("pl".to_owned());
    let priorities = BTreeMap::from([(agent_id("brown"), Priority::Last)]);
    let language = "pl".to_owned();
    let created =
        LicenseNews::GroupCreated { id: GroupId(3), name: "Third".to_owned(), language, priorities };
    let speaks = |id| LicenseNews::GroupUpdated { id: GroupId(id), name: None, language: pl() };
    assert_eq!(told[..3], [speaks(0), speaks(2), created], "group 1 speaks what it spoke");
    assert!(matches!(&told[3..], [LicenseNews::AgentUpdated(change)] if change.id == agent_id("brown")));
}

#[test]
fn properties_that_were_set_are_told_where_they_stand() {
    let mut before = demo_license();
    before.settings.widget.properties = number("a", 1);
    let mut after = before.clone();
    merge(&mut after.settings.widget.properties, &number("b", 2));
    after.groups.entry(GroupId(2)).and_modify(|group| group.widget.properties = number("c", 3));
    let expected = [
        LicenseNews::LicensePropertiesUpdated(number("b", 2)),
        LicenseNews::GroupPropertiesUpdated { group: GroupId(2), properties: number("c", 3) },
    ];
    assert_eq!(license_news(&before, &after), expected);
    assert_eq!(license_news(&after, &before), [], "the protocol has no push of properties that are gone");
}

fn rules_told(before: &[AutoAccess], after: &[AutoAccess]) -> Vec<RuleChange> {
    let of = |rules: &[AutoAccess]| {
        let mut license = demo_license();
        license.settings.auto_access = rules.to_vec();
        license
    };
    match &license_news(&of(before), &of(after))[..] {
        [] => Vec::new(),
        [LicenseNews::AutoAccessesUpdated(changes)] => changes.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_rule_keeps_its_id_and_its_neighbours_are_linked_anew() {
    let (a, b, c) = (rule("a", "/a"), rule("b", "/b"), rule("c", "/c"));
    let added = rules_told(std::slice::from_ref(&a), &[a.clone(), b.clone()]);
    assert_eq!([added[0].status, added[1].status], [RuleStatus::Updated, RuleStatus::Added]);
    assert_eq!(added[0].next_id.as_ref(), Some(&added[1].id));
    assert_eq!((added[0].access.as_ref(), added[1].next_id.as_deref()), (None, Some("")));
    let removed = rules_told(&[a.clone(), b.clone(), c.clone()], &[a.clone(), c.clone()]);
    assert_eq!(
        removed.iter().map(|change| (change.status, &change.id)).collect::<Vec<_>>(),
        [(RuleStatus::Updated, &added[0].id), (RuleStatus::Deleted, &added[1].id)]
    );
    let changed = rules_told(&[a.clone(), b], &[a, rule("b", "/other")]);
    assert_eq!((changed.len(), &changed[0].id, &changed[0].next_id), (1, &added[1].id, &None));
    assert_eq!(changed[0].conditions, Some(rule("b", "/other").conditions));
}

/// What a client keeps that reads a license once and then goes by the news.
#[derive(Clone, Debug, PartialEq, Default)]
struct Picture {
    groups: BTreeMap<GroupId, (String, String)>,
    agents: BTreeMap<AgentId, Shown>,
    of_license: Properties,
    of_groups: BTreeMap<GroupId, Properties>,
    rules: BTreeMap<String, (String, AutoAccess)>,
}

/// Of bots it knows the name and the groups alone.
#[derive(Clone, Debug, PartialEq)]
struct Shown {
    kind: AgentKind,
    name: String,
    groups: BTreeMap<GroupId, Priority>,
    /// Role, awaiting approval, suspended, hours.
    of_people: Option<(Role, bool, bool, WorkSchedule)>,
}

impl Shown {
    fn new(agent: &Agent) -> Self {
        let of_people = (agent.role, agent.awaiting_approval, agent.suspended, shown_hours(agent));
        let is_human = agent.kind == AgentKind::Human;
        Self {
            kind: agent.kind,
            name: agent.name.clone(),
            groups: agent.groups.clone(),
            of_people: is_human.then_some(of_people),
        }
    }
}

impl Picture {
    fn of(license: &License) -> Self {
        let language =
            |id| license.widget(id).map_or_else(String::new, |widget| widget.language().to_owned());
        let mut groups: BTreeMap<_, _> =
            license.groups.iter().map(|(id, group)| (*id, (group.name.clone(), language(*id)))).collect();
        groups.insert(GroupId::ALL, (String::new(), language(GroupId::ALL)));
        let of_groups = license.groups.iter().map(|(id, group)| (*id, group.widget.properties.clone()));
        let ids = rule_ids(license);
        Self {
            groups,
            agents: license.agents.iter().map(|(id, agent)| (id.clone(), Shown::new(agent))).collect(),
            of_license: license.settings.widget.properties.clone(),
            of_groups: of_groups.filter(|(_, properties)| !properties.is_empty()).collect(),
            rules: linked(license, &ids)
                .map(|(id, rule, next)| (id.to_owned(), (next.to_owned(), rule.clone())))
                .collect(),
        }
    }

    fn hears(&mut self, news: LicenseNews) {
        let people =
            |agents: &mut BTreeMap<AgentId, Shown>, id: &AgentId, change: &dyn Fn(&mut bool, &mut bool)| {
                let (_, awaiting, suspended, _) =
                    agents.get_mut(id).and_then(|shown| shown.of_people.as_mut()).expect("a person");
                change(awaiting, suspended);
            };
        match news {
            LicenseNews::GroupCreated { id, name, language, .. } => {
                assert!(self.groups.insert(id, (name, language)).is_none());
            }
            LicenseNews::GroupUpdated { id, name, language } => {
                let shown = self.groups.get_mut(&id).expect("a group");
                shown.0 = name.unwrap_or_else(|| shown.0.clone());
                shown.1 = language.unwrap_or_else(|| shown.1.clone());
            }
            LicenseNews::GroupDeleted(id) => {
                assert!(self.groups.remove(&id).is_some());
                self.of_groups.remove(&id);
                self.agents.values_mut().for_each(|agent| agent.groups.retain(|group, _| *group != id));
            }
            LicenseNews::AgentCreated(agent) => {
                // That they are suspended has a push of its own.
                let agent = Agent { suspended: false, ..*agent };
                assert!(self.agents.insert(agent.id.clone(), Shown::new(&agent)).is_none());
            }
            LicenseNews::BotCreated(agent) => {
                assert!(self.agents.insert(agent.id.clone(), Shown::new(&agent)).is_none());
            }
            LicenseNews::AgentUpdated(change) | LicenseNews::BotUpdated(change) => {
                assert!(!change.is_empty());
                let shown = self.agents.get_mut(&change.id).expect("an agent");
                shown.name = change.name.unwrap_or_else(|| shown.name.clone());
                shown.groups = change.groups.unwrap_or_else(|| shown.groups.clone());
                if let Some((role, awaiting, _, hours)) = &mut shown.of_people {
                    *role = change.role.unwrap_or(*role);
                    *awaiting = change.awaiting_approval.unwrap_or(*awaiting);
                    *hours = change.work_scheduler.unwrap_or_else(|| hours.clone());
                }
            }
            LicenseNews::AgentApproved(id) => people(&mut self.agents, &id, &|awaits, _| *awaits = false),
            LicenseNews::AgentSuspended(id) => {
                people(&mut self.agents, &id, &|_, suspended| *suspended = true)
            }
            LicenseNews::AgentUnsuspended(id) => {
                people(&mut self.agents, &id, &|_, suspended| *suspended = false);
            }
            LicenseNews::AgentDeleted(id) | LicenseNews::BotDeleted(id) => {
                assert!(self.agents.remove(&id).is_some());
            }
            LicenseNews::LicensePropertiesUpdated(set) => merge(&mut self.of_license, &set),
            LicenseNews::GroupPropertiesUpdated { group, properties } => {
                merge(self.of_groups.entry(group).or_default(), &properties);
            }
            LicenseNews::AutoAccessesUpdated(changes) => {
                changes.into_iter().for_each(|change| self.relinks(change))
            }
        }
    }

    fn relinks(&mut self, change: RuleChange) {
        let RuleChange { id, status, next_id, description, access, conditions } = change;
        match (status, self.rules.get_mut(&id)) {
            (RuleStatus::Added, None) => {
                let description = description.expect("all of it");
                let rule = AutoAccess {
                    description,
                    access: access.expect("all of it"),
                    conditions: conditions.expect("all of it"),
                };
                self.rules.insert(id, (next_id.expect("all of it"), rule));
            }
            (RuleStatus::Updated, Some((next, rule))) => {
                *next = next_id.unwrap_or_else(|| next.clone());
                rule.access = access.unwrap_or_else(|| rule.access.clone());
                rule.conditions = conditions.unwrap_or_else(|| rule.conditions.clone());
            }
            (RuleStatus::Deleted, Some(_)) => drop(self.rules.remove(&id)),
            (status, known) => panic!("{status:?} of {known:?}"),
        }
    }
}

/// What an agent is, a bit each, and in which groups; whether first or last there.
type Drawn = (u8, Vec<(i64, bool)>);

fn agents_of_some_license() -> impl Strategy<Value = Vec<Option<Drawn>>> {
    let groups = prop::collection::vec((0_i64..4, any::<bool>()), 0..4);
    prop::collection::vec(prop::option::weighted(0.8, (any::<u8>(), groups)), 4)
}

prop_compose! {
    fn some_license()(
        agents in agents_of_some_license(),
        groups in prop::collection::vec(prop::option::weighted(0.7, (0_u8..3, 0_u8..3, 0_i32..3)), 3),
        language in 0_u8..3,
        property in 0_i32..3,
        rules in prop::collection::vec((0_u8..3, 0_u8..2), 0..5),
    ) -> License {
        let spoken = |choice: u8| ["en", "pl"].get(usize::from(choice)).map(|&language| language.to_owned());
        let set = |value: i32| if value > 0 { number("a", value) } else { Properties::default() };
        let mut license = demo_license();
        license.groups.clear();
        for (id, chosen) in (1..).zip(groups) {
            if let Some((name, language, property)) = chosen {
                let mut made = group(&format!("Group {name}"));
                made.widget.language = spoken(language);
                made.widget.properties = set(property);
                license.groups.insert(GroupId(id), made);
            }
        }
        license.agents.clear();
        for (name, chosen) in ["smith", "brown", "jones", "bot"].into_iter().zip(agents) {
            let Some((bits, groups)) = chosen else { continue };
            let bit = |number: u8| bits >> number & 1 == 1;
            let kind = if bit(0) && bit(1) { AgentKind::Bot } else { AgentKind::Human };
            let mut agent = an_agent(name, &[], kind);
            let groups = groups.into_iter().map(|(id, first)| (GroupId(id), first));
            let groups = groups.filter(|(id, _)| license.has_group(*id));
            let priority = |first| if first { Priority::First } else { Priority::Last };
            agent.groups = groups.map(|(id, first)| (id, priority(first))).collect();
            (agent.suspended, agent.awaiting_approval) = (bit(2), bit(3));
            agent.role = if bit(4) { Role::Administrator } else { Role::Normal };
            agent.name = if bit(5) { "Neo".to_owned() } else { agent.name };
            let timezone = if bit(6) { "Europe/Warsaw" } else { "Asia/Tokyo" }.to_owned();
            agent.work_scheduler = bit(7).then(|| WorkSchedule { timezone, schedule: Vec::new() });
            license.agents.insert(agent.id.clone(), agent);
        }
        license.settings.widget.language = spoken(language);
        license.settings.widget.properties = set(property);
        let rules = rules.iter().map(|(description, page)| rule(&description.to_string(), &page.to_string()));
        license.settings.auto_access = rules.collect();
        license
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn who_hears_the_news_knows_the_license(before in some_license(), after in some_license()) {
        let mut picture = Picture::of(&before);
        license_news(&before, &after).into_iter().for_each(|news| picture.hears(news));
        let mut expected = Picture::of(&after);
        // That properties are gone is not told.
        let still = Picture::of(&before);
        if expected.of_license.is_empty() {
            expected.of_license = still.of_license;
        }
        for (group, properties) in still.of_groups {
            if after.groups.contains_key(&group) {
                expected.of_groups.entry(group).or_insert(properties);
            }
        }
        prop_assert_eq!(picture, expected);
        prop_assert_eq!(license_news(&after, &after), []);
    }
}
