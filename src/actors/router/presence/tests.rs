use super::super::super::roll::Present;
use super::*;

fn session(number: u64) -> SessionId {
    SessionId { node: Incarnation(uuid::Uuid::nil()), number }
}

/// All who are there were heard of: nobody.
fn complete() -> Presence {
    let mut presence = Presence::default();
    assert_eq!(presence.complete(|_| None, |_| false), []);
    presence
}

#[test]
fn the_oldest_of_too_many_sessions_ends_wherever_it_is() {
    let (mut presence, agent) = (complete(), AgentId::new("smith@example.com"));
    let elsewhere = SessionId { node: Incarnation(uuid::Uuid::from_u128(1)), number: 1 };
    for (moment, id) in [session(1), elsewhere, session(2)].into_iter().enumerate() {
        presence.came(&agent, (id, moment as u64), false, false, Status::Accepting);
    }
    assert_eq!(presence.too_many(&agent, 3), []);
    assert_eq!(presence.too_many(&agent, 2), [session(1)]);
    assert_eq!(presence.too_many(&agent, 2), [], "it was told already");
    presence.came(&agent, (session(3), 9), false, false, Status::Accepting);
    assert_eq!(presence.too_many(&agent, 2), [elsewhere]);
    presence.left(&agent, session(1), Leave::Disconnected);
    presence.left(&agent, elsewhere, Leave::Disconnected);
    assert_eq!(presence.too_many(&agent, 2), []);
    assert_eq!(presence.statuses()[&agent], Status::Accepting);
}

#[test]
fn only_the_last_session_takes_an_agent_away() {
    let (mut presence, agent) = (complete(), AgentId::new("smith@example.com"));
    assert_eq!(
        presence.came(&agent, (session(1), 0), false, false, Status::Accepting),
        (Status::Accepting, Change::Now(Status::Accepting))
    );
    assert_eq!(
        presence.came(&agent, (session(2), 0), false, false, Status::Accepting),
        (Status::Accepting, Change::None)
    );
    assert_eq!(presence.left(&agent, session(1), Leave::SignedOut), Change::None);
    assert_eq!(presence.left(&agent, session(3), Leave::SignedOut), Change::None);
    assert_eq!(presence.left(&agent, session(2), Leave::Disconnected), Change::Gone(Leave::Disconnected));
    assert!(presence.statuses().is_empty());
}

#[test]
fn a_reconnect_restores_the_last_status() {
    let (mut presence, agent) = (complete(), AgentId::new("smith@example.com"));
    presence.came(&agent, (session(1), 0), false, false, Status::Accepting);
    assert_eq!(presence.set(&agent, Status::NotAccepting, false), Some(Change::Now(Status::NotAccepting)));
    presence.left(&agent, session(1), Leave::Disconnected);
    assert_eq!(
        presence.came(&agent, (session(1), 0), false, true, Status::Accepting).0,
        Status::NotAccepting
    );
    presence.left(&agent, session(1), Leave::Disconnected);
    assert_eq!(presence.came(&agent, (session(1), 0), false, false, Status::Accepting).0, Status::Accepting);
}

#[test]
fn nobody_sets_the_status_of_an_agent_who_is_not_there() {
    let (mut presence, agent) = (complete(), AgentId::new("smith@example.com"));
    assert_eq!(presence.set(&agent, Status::Accepting, false), None);
    assert_eq!(presence.set(&agent, Status::Accepting, true), Some(Change::Now(Status::Accepting)));
}

#[test]
fn an_agent_is_away_once_all_their_connections_are() {
    let (mut presence, agent) = (complete(), AgentId::new("smith@example.com"));
    presence.came(&agent, (session(1), 0), false, false, Status::Accepting);
    presence.came(&agent, (session(2), 0), false, false, Status::Accepting);
    assert_eq!(presence.set_away(&agent, session(1), true), Some(Change::None));
    assert_eq!(presence.set_away(&agent, session(2), true), Some(Change::Now(Status::NotAccepting)));
    assert_eq!(presence.set_away(&agent, session(1), false), Some(Change::Now(Status::Accepting)));
    // The connection that is not away ends: the other one counts.
    assert_eq!(presence.left(&agent, session(1), Leave::Disconnected), Change::Now(Status::NotAccepting));
    assert_eq!(presence.set_away(&agent, session(1), false), None);
    assert_eq!(presence.left(&agent, session(2), Leave::SignedOut), Change::Gone(Leave::SignedOut));
}

#[test]
fn a_login_that_is_away_gets_no_chats_and_the_login_status_is_what_a_day_begins_with() {
    let (mut presence, agent) = (complete(), AgentId::new("smith@example.com"));
    assert_eq!(
        presence.came(&agent, (session(1), 0), true, false, Status::Accepting).0,
        Status::NotAccepting
    );
    presence.left(&agent, session(1), Leave::SignedOut);
    assert_eq!(
        presence.came(&agent, (session(2), 0), false, false, Status::NotAccepting).0,
        Status::NotAccepting
    );
    assert_eq!(presence.set(&agent, Status::Accepting, false), Some(Change::Now(Status::Accepting)));
    presence.left(&agent, session(2), Leave::SignedOut);
    // What was set lasted for that session.
    assert_eq!(
        presence.came(&agent, (session(3), 0), false, false, Status::NotAccepting).0,
        Status::NotAccepting
    );
}

#[test]
fn a_roll_replaces_what_its_node_told_before_and_nothing_else() {
    let (mut presence, smith, brown) =
        (complete(), AgentId::new("smith@example.com"), AgentId::new("brown@example.com"));
    let (here, accepting) = (session(1).node, Status::Accepting);
    let elsewhere = SessionId { node: Incarnation(uuid::Uuid::from_u128(2)), number: 1 };
    presence.came(&smith, (session(1), 1), false, false, accepting);
    presence.came(&smith, (elsewhere, 9), false, false, accepting);
    presence.came(&brown, (session(2), 8), false, false, accepting);
    let roll = RollCall { moment: 7, present: Vec::new() };
    assert_eq!(
        presence.roll(here, &roll, |_| accepting),
        [],
        "one has another session, the other came since"
    );
    let gone = presence.node_gone(elsewhere.node);
    assert_eq!(gone, [(smith.clone(), Change::Gone(Leave::Disconnected))]);
    let present = Present { agent: smith.clone(), sessions: vec![5], away: vec![5], status: Some(accepting) };
    let back = presence.roll(here, &RollCall { moment: 9, present: vec![present] }, |_| accepting);
    let brown_left = (brown, Change::Gone(Leave::Disconnected));
    assert_eq!(back, [(smith.clone(), Change::Now(Status::NotAccepting)), brown_left]);
    assert_eq!(presence.set_away(&smith, session(5), false), Some(Change::Now(accepting)));
}

#[test]
fn a_node_that_did_not_hear_of_a_bot_s_new_status_does_not_bring_the_old_one_back() {
    let bot = AgentId::new("bot");
    let heard =
        Present { agent: bot.clone(), sessions: vec![], away: vec![], status: Some(Status::Accepting) };
    let roll = RollCall { moment: 1, present: vec![heard] };
    let mut presence = complete();
    let told = presence.roll(session(1).node, &roll, |_| Status::Offline);
    assert_eq!(told, [(bot.clone(), Change::Now(Status::Accepting))], "a router that knows nothing yet");
    assert_eq!(presence.set(&bot, Status::Offline, true), Some(Change::Now(Status::Offline)));
    let late = RollCall { moment: 2, ..roll };
    assert_eq!(presence.roll(session(1).node, &late, |_| Status::Offline), []);
}

#[test]
fn what_a_node_said_before_it_said_something_else_or_died_comes_too_late() {
    let (agent, login) = (AgentId::new("smith@example.com"), |_: &AgentId| Status::Accepting);
    let present = Present { agent: agent.clone(), sessions: vec![1], away: vec![], status: None };
    let (here, early) = (session(1), RollCall { moment: 3, present: vec![present] });
    let mut presence = complete();
    presence.roll(here.node, &RollCall { moment: 5, present: Vec::new() }, login);
    assert_eq!(presence.roll(here.node, &early, login), []);
    let (_, change) = presence.came(&agent, (here, 2), false, false, Status::Accepting);
    assert_eq!(change, Change::None, "it ended before the node told who is there");
    let (_, change) = presence.came(&agent, (session(2), 6), false, false, Status::Accepting);
    assert_eq!(change, Change::Now(Status::Accepting));
    assert_eq!(presence.node_gone(here.node), [(agent.clone(), Change::Gone(Leave::Disconnected))]);
    let late = RollCall { moment: 7, ..early };
    assert_eq!(presence.roll(here.node, &late, login), []);
    let (_, change) = presence.came(&agent, (session(3), 8), false, false, Status::Accepting);
    assert_eq!(change, Change::None);
    assert!(presence.statuses().is_empty(), "nobody tells again that a node is no more");
}

#[test]
fn a_roll_that_is_ahead_of_a_login_changes_nothing_about_what_the_day_begins_with() {
    let (agent, begun) = (AgentId::new("smith@example.com"), session(1));
    let roll = |moment| {
        let present = Present { agent: agent.clone(), sessions: vec![1], away: vec![], status: None };
        RollCall { moment, present: vec![present] }
    };
    let mut presence = complete();
    let told = presence.roll(begun.node, &roll(2), |_| Status::NotAccepting);
    assert_eq!(told, [(agent.clone(), Change::Now(Status::NotAccepting))]);
    let came = presence.came(&agent, (begun, 1), false, false, Status::NotAccepting);
    assert_eq!(came, (Status::NotAccepting, Change::None));
    // Somebody who reconnects has what they had before, whatever comes first.
    presence.set(&agent, Status::Accepting, false);
    presence.left(&agent, begun, Leave::Disconnected);
    presence.roll(begun.node, &roll(4), |_| Status::NotAccepting);
    let back = presence.came(&agent, (begun, 3), false, true, Status::NotAccepting);
    assert_eq!(back, (Status::Accepting, Change::None));
}

fn chosen(status: Status) -> Choice {
    Choice { status, away: false, gone: false }
}

/// Smith has chosen a status under the router before; whether all who are there were heard of is not known yet.
fn beginning(choice: Choice) -> (Presence, AgentId) {
    let (mut presence, agent) = (Presence::default(), AgentId::new("smith@example.com"));
    presence.recall(BTreeMap::from([(agent.clone(), choice)]));
    (presence, agent)
}

/// All who are there were heard of; everybody is an agent of the license.
fn completes(presence: &mut Presence) -> Vec<(AgentId, Change)> {
    presence.complete(|_| Some(Status::Accepting), |agent| agent.as_str().starts_with("bot"))
}

fn roll_of(agent: &AgentId, number: u64, status: Option<Status>) -> RollCall {
    let present = Present { agent: agent.clone(), sessions: vec![number], away: vec![], status };
    RollCall { moment: 2, present: vec![present] }
}

const ELSEWHERE: Incarnation = Incarnation(uuid::Uuid::from_u128(2));

#[test]
fn who_reconnects_before_the_others_were_heard_of_has_what_they_chose() {
    let (mut presence, agent) = beginning(chosen(Status::NotAccepting));
    let came = presence.came(&agent, (session(1), 1), false, true, Status::Accepting);
    assert_eq!(came.0, Status::NotAccepting);
    assert_eq!(completes(&mut presence), []);
    assert_eq!(presence.statuses()[&agent], Status::NotAccepting);
    assert_eq!(presence.choices().changes(), 0, "there is nothing new to store");
}

#[test]
fn a_day_begins_anew_once_it_is_known_that_nobody_else_of_theirs_is_there() {
    let (mut presence, agent) = beginning(chosen(Status::NotAccepting));
    presence.came(&agent, (session(1), 1), false, false, Status::Accepting);
    assert_eq!(completes(&mut presence), [(agent.clone(), Change::Now(Status::Accepting))]);
    assert_eq!(presence.choices().get(&agent), None);
    let (mut presence, agent) = beginning(chosen(Status::NotAccepting));
    presence.came(&agent, (session(1), 1), false, false, Status::Accepting);
    presence.roll(ELSEWHERE, &roll_of(&agent, 7, None), |_| Status::Accepting);
    assert_eq!(completes(&mut presence), [], "another of their connections was there before");
    assert_eq!(presence.statuses()[&agent], Status::NotAccepting);
    assert_eq!(presence.choices().get(&agent), Some(chosen(Status::NotAccepting)));
}

#[test]
fn what_is_set_before_all_were_heard_of_stands() {
    let (mut presence, agent) = beginning(chosen(Status::NotAccepting));
    presence.came(&agent, (session(1), 1), false, false, Status::NotAccepting);
    assert!(presence.set(&agent, Status::Accepting, false).is_some());
    presence.recall(BTreeMap::from([(agent.clone(), chosen(Status::NotAccepting))]));
    presence.roll(ELSEWHERE, &roll_of(&agent, 7, Some(Status::NotAccepting)), |_| Status::NotAccepting);
    completes(&mut presence);
    assert_eq!(presence.statuses()[&agent], Status::Accepting);
    assert_eq!(presence.choices().get(&agent), Some(chosen(Status::Accepting)));
}

#[test]
fn nodes_are_believed_of_what_a_router_did_not_store() {
    for is_outdated in [false, true] {
        let (mut presence, agent) = beginning(chosen(Status::NotAccepting));
        if is_outdated {
            presence.doubt_choices();
        }
        presence.roll(ELSEWHERE, &roll_of(&agent, 7, Some(Status::Accepting)), |_| Status::Accepting);
        completes(&mut presence);
        let expected = if is_outdated { Status::Accepting } else { Status::NotAccepting };
        assert_eq!(presence.statuses()[&agent], expected);
        assert_eq!(presence.choices().get(&agent), Some(chosen(expected)));
    }
}

#[test]
fn bots_have_what_was_chosen_for_them_and_strangers_are_forgotten() {
    let (bot, stranger) = (AgentId::new("bot"), AgentId::new("stranger"));
    let (mut presence, agent) = beginning(chosen(Status::NotAccepting));
    let accepting = chosen(Status::Accepting);
    let gone = Choice { gone: true, ..accepting };
    let others = [(bot.clone(), accepting), (stranger.clone(), accepting), (AgentId::new("bot 2"), gone)];
    presence.recall(BTreeMap::from(others));
    let login = |id: &AgentId| (*id != stranger).then_some(Status::Accepting);
    let changes = presence.complete(login, |id| id.as_str().starts_with("bot"));
    assert_eq!(
        changes,
        [(bot.clone(), Change::Now(Status::Accepting))],
        "who had a connection has to come back"
    );
    assert_eq!(presence.choices().get(&stranger), None);
    assert_eq!(presence.choices().get(&agent), Some(chosen(Status::NotAccepting)), "they may reconnect");
    // The node that heard what it was before does not know better.
    presence.set(&bot, Status::Offline, true);
    assert_eq!(presence.choices().get(&bot), Some(chosen(Status::Offline)));
}

#[test]
fn who_was_away_when_the_router_ended_gets_no_chats_when_they_reconnect() {
    let (mut presence, agent) = (complete(), AgentId::new("smith@example.com"));
    presence.came(&agent, (session(1), 1), true, false, Status::Accepting);
    let away = presence.choices().get(&agent).expect("it is to be stored");
    assert_eq!(away, Choice { status: Status::Accepting, away: true, gone: false });
    let (mut next, agent) = beginning(away);
    let came = next.came(&agent, (session(2), 1), false, true, Status::Accepting);
    assert_eq!(came.0, Status::NotAccepting);
    // One that is still there comes back to what it had before.
    let (mut next, agent) = beginning(away);
    let mut roll = roll_of(&agent, 7, None);
    roll.present[0].away = vec![7];
    next.roll(ELSEWHERE, &roll, |_| Status::Accepting);
    completes(&mut next);
    assert_eq!(next.statuses()[&agent], Status::NotAccepting);
    let back = next.set_away(&agent, SessionId { node: ELSEWHERE, number: 7 }, false);
    assert_eq!(back, Some(Change::Now(Status::Accepting)));
    presence.set_away(&agent, session(1), false);
    assert_eq!(presence.choices().get(&agent), None, "it is what their day began with");
}
