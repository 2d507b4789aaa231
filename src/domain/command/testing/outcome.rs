//! What came of a step.

use super::*;

/// What a step led to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) result: Result<Decision, Rejection>,
    pub(super) license: License,
}

impl Outcome {
    #[track_caller]
    pub(crate) fn decision(&self) -> &Decision {
        match &self.result {
            Ok(decision) => decision,
            Err(rejection) => panic!("refused: {rejection}"),
        }
    }

    /// It went well and something happened.
    #[track_caller]
    pub(crate) fn done(&self) -> &Self {
        let decision = self.decision();
        assert!(!(decision.changes.is_empty() && decision.pushes.is_empty()), "nothing happened");
        self
    }

    #[track_caller]
    pub(crate) fn refused(&self) -> &Rejection {
        self.result.as_ref().expect_err("a rejection")
    }

    /// The parameter that was found wrong.
    #[track_caller]
    pub(crate) fn wrong_field(&self) -> &'static str {
        match self.refused() {
            Rejection::Validation { field, .. } => field,
            other => panic!("{other:?}"),
        }
    }

    /// It went well and changed nothing.
    #[track_caller]
    pub(crate) fn is_nothing(&self) -> bool {
        self.decision().changes.is_empty() && self.decision().pushes.is_empty()
    }

    #[track_caller]
    pub(crate) fn event_id(&self) -> EventId {
        match &self.decision().reply {
            Reply::Event(id) => id.clone(),
            // Of an event that opened the thread.
            Reply::Thread { events: Some(ids), .. } if ids.len() == 1 => ids[0].clone(),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn pushes(&self) -> &[Push] {
        &self.decision().pushes
    }

    /// The first push of that name.
    #[track_caller]
    pub(crate) fn push(&self, name: &str) -> &PushBody {
        let found = self.pushes().iter().find(|push| push_name(&push.body) == name);
        &found.unwrap_or_else(|| panic!("no {name} among {:?}", self.names())).body
    }

    /// The names of all pushes, in order.
    #[track_caller]
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.pushes().iter().map(|push| push_name(&push.body)).collect()
    }

    /// The names of the pushes that this user gets, in order.
    #[track_caller]
    pub(crate) fn told(&self, name: &str) -> Vec<&'static str> {
        let reached = self.pushes().iter().filter(|push| reaches(&push.to, name, &self.license));
        reached.map(|push| push_name(&push.body)).collect()
    }

    /// Who did it, as this user is told by each push of that name.
    #[track_caller]
    pub(crate) fn requesters_told(&self, name: &str, push: &str) -> Vec<Option<UserId>> {
        let reached = self.pushes().iter().filter(|told| reaches(&told.to, name, &self.license));
        reached
            .filter(|told| push_name(&told.body) == push)
            .map(|told| requester(&told.body).cloned())
            .collect()
    }
}

/// The user who a push says did it.
pub(crate) fn requester(body: &PushBody) -> Option<&UserId> {
    match body {
        PushBody::UserAddedToChat { requester, .. }
        | PushBody::UserRemovedFromChat { requester, .. }
        | PushBody::ChatTransferred { requester, .. } => requester.as_ref(),
        PushBody::ChatDeactivated { user, .. } => user.as_ref(),
        PushBody::IncomingRichMessagePostback { user, .. } => Some(user),
        _ => None,
    }
}

/// Does the audience hold this user?
pub(crate) fn reaches(audience: &Audience, name: &str, license: &License) -> bool {
    if is_customer(name) {
        return audience.customers.contains(&customer_id(name));
    }
    let id = agent_id(name);
    let groups: Vec<GroupId> =
        license.agent(&id).map(|agent| agent.group_ids().collect()).unwrap_or_default();
    audience.reaches_agent(&id, groups)
}

/// The protocol's name of a push.
pub(crate) fn push_name(body: &PushBody) -> &'static str {
    match body {
        PushBody::IncomingChat { .. } => "incoming_chat",
        PushBody::ChatDeactivated { .. } => "chat_deactivated",
        PushBody::ChatAccessUpdated { .. } => "chat_access_updated",
        PushBody::ChatTransferred { .. } => "chat_transferred",
        PushBody::UserAddedToChat { .. } => "user_added_to_chat",
        PushBody::UserRemovedFromChat { .. } => "user_removed_from_chat",
        PushBody::IncomingEvent { .. } => "incoming_event",
        PushBody::ChatPropertiesUpdated { .. } => "chat_properties_updated",
        PushBody::ChatPropertiesDeleted { .. } => "chat_properties_deleted",
        PushBody::ThreadPropertiesUpdated { .. } => "thread_properties_updated",
        PushBody::ThreadPropertiesDeleted { .. } => "thread_properties_deleted",
        PushBody::EventPropertiesUpdated { .. } => "event_properties_updated",
        PushBody::EventPropertiesDeleted { .. } => "event_properties_deleted",
        PushBody::EventsMarkedAsSeen { .. } => "events_marked_as_seen",
        PushBody::IncomingTypingIndicator { .. } => "incoming_typing_indicator",
        PushBody::IncomingSneakPeek { .. } => "incoming_sneak_peek",
        PushBody::ChatUnfollowed { .. } => "chat_unfollowed",
        PushBody::CustomerUpdated { .. } => "customer_updated",
        PushBody::RoutingStatusSet { .. } => "routing_status_set",
        PushBody::GroupsStatusUpdated { .. } => "groups_status_updated",
        PushBody::QueuePositionsUpdated(_) => "queue_positions_updated",
        PushBody::QueuePositionUpdated { .. } => "queue_position_updated",
        PushBody::ThreadTagged { .. } => "thread_tagged",
        PushBody::ThreadUntagged { .. } => "thread_untagged",
        PushBody::EventDeleted { .. } => "event_deleted",
        PushBody::IncomingRichMessagePostback { .. } => "incoming_rich_message_postback",
        PushBody::IncomingThinkingIndicator { .. } => "incoming_thinking_indicator",
        PushBody::IncomingEventPreview { .. } => "incoming_event_preview",
        PushBody::IncomingMulticast { .. } => "incoming_multicast",
        PushBody::CustomerBanned { .. } => "customer_banned",
        PushBody::IncomingWelcomeMessage { .. } => "incoming_welcome_message",
        PushBody::IncomingGreeting { .. } => "incoming_greeting",
        PushBody::GreetingAccepted { .. } => "greeting_accepted",
        PushBody::GreetingCanceled { .. } => "greeting_canceled",
        PushBody::IncomingCustomer(_) => "incoming_customer",
        PushBody::CustomerPageUpdated { .. } => "customer_page_updated",
        PushBody::CustomerStatisticsUpdated(_) => "customer_statistics_updated",
        PushBody::CustomerTransferred { .. } => "customer_transferred",
        PushBody::CustomerLeft { .. } => "customer_left",
        PushBody::LicenseNews(_) => "license_news",
    }
}
