//! The tenant: agents, groups, clients, settings. One license never sees a byte of another.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::auto_access::AutoAccess;
use super::event::EventLimits;
use super::greeting::Greeting;
use super::id::{AccountId, AgentId, ClientId, GroupId, LicenseId, OrganizationId};
use super::routing::GroupSettings;
use super::thread_limits::ThreadLimits;
use super::time::Timestamp;
use super::widget::Widget;

/// Everything that is configured for a tenant. Stored as one versioned value; nodes follow it by version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct License {
    /// Which.
    pub id: LicenseId,
    /// The organization that owns it; customers' requests name it.
    pub organization_id: OrganizationId,
    /// Grows with every change.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// People and bots who answer.
    pub agents: BTreeMap<AgentId, Agent>,
    /// Groups other than 0, which every license has.
    pub groups: BTreeMap<GroupId, Group>,
    /// Applications that may ask for customer tokens.
    pub clients: BTreeMap<ClientId, Client>,
    /// Settings that differ from the server's.
    pub settings: Settings,
    /// Hides agents' ids from customers (they see a keyed hash, never the e-mail address).
    pub pseudonym_key: [u8; 16],
    /// Made by the first start of an empty server.
    #[serde(default)]
    pub demo: bool,
}

/// A person or a bot who answers chats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// E-mail address, or a bot's id.
    pub id: AgentId,
    /// The account behind it: first half of a personal access token.
    pub account_id: AccountId,
    /// Display name.
    pub name: String,
    /// Picture URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    /// Shown to customers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_title: Option<String>,
    /// What they may configure.
    pub role: Role,
    /// Person or bot.
    pub kind: AgentKind,
    /// What kind of bot, as whoever runs it calls it; none: a [`CHATBOT`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot_type: Option<String>,
    /// Groups they are in, with their priority there; in group 0 everybody is, here stands only who has a priority there.
    pub groups: BTreeMap<GroupId, Priority>,
    /// Chats at once; none follows the setting `agent.max_chats_count`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_chats_count: Option<u32>,
    /// The routing status that their first session of a day begins with.
    #[serde(default)]
    pub login_status: LoginStatus,
    /// Their working hours; none = always. Outside of them they are given no chats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_scheduler: Option<WorkSchedule>,
    /// Rights withdrawn by the owner.
    #[serde(default)]
    pub suspended: bool,
    /// Not yet approved by the owner.
    #[serde(default)]
    pub awaiting_approval: bool,
}

/// Why an agent may do nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withdrawn {
    /// The owner took their rights back.
    Suspended,
    /// The owner has not let them in yet.
    AwaitingApproval,
}

/// The status of an agent who has just logged in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginStatus {
    /// Takes chats at once.
    #[default]
    AcceptingChats,
    /// Takes them when told to.
    NotAcceptingChats,
}

/// An agent's or bot's working hours (`work_scheduler`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkSchedule {
    /// IANA name, such as `Europe/Warsaw`: the hours are those of the clocks there, summer time included.
    pub timezone: String,
    /// Periods; a day may have several.
    pub schedule: Vec<WorkPeriod>,
}

/// From an hour to an hour of one day of the week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkPeriod {
    /// The day on which it begins.
    pub day: Weekday,
    /// False: as if it were not there.
    pub enabled: bool,
    /// `08:00`
    pub start: String,
    /// `16:00`, and `24:00` for the end of the day; before `start` it is an hour of the next day.
    pub end: String,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the days'")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// What an agent may do in the license, lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Answers chats.
    Normal,
    /// Configures the license.
    Administrator,
    /// Administrator who also sees the bills.
    ViceOwner,
    /// Owns the organization.
    Owner,
}

/// The type of a bot of which no other is known (`create_bot`).
pub const CHATBOT: &str = "chatbot";
/// The type of a bot that answers by itself.
pub const AI_AGENT: &str = "ai_agent";

/// Who stands behind an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgentKind {
    /// A person.
    Human,
    /// A program; it uses the Web API only.
    Bot,
}

/// When an agent's turn comes inside a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Before all others.
    First,
    /// When no `first` is free.
    Normal,
    /// When nobody else is free.
    Last,
    /// Never.
    Supervisor,
}

/// A group of agents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Display name.
    pub name: String,
    /// Where its routing differs from the license's.
    #[serde(default)]
    pub routing: GroupSettings,
    /// Where its customers' pages differ from the license's.
    #[serde(default, skip_serializing_if = "Widget::is_empty")]
    pub widget: Widget,
}

/// An application registered with a license.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Web origins from which customers may use it, such as `https://shop.example`.
    pub origins: Vec<String>,
    /// Any loopback origin is fine too (the demo client).
    #[serde(default)]
    pub loopback: bool,
}

/// Settings of a license; what is absent follows the server's configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// `chat.thread_inactivity_timeout`, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread_inactivity_timeout_ms: Option<u64>,
    /// `chat.idle_after`, milliseconds; 0 = off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_after_ms: Option<u64>,
    /// `chat.continuous_inactivity_timeout`, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continuous_inactivity_timeout_ms: Option<u64>,
    /// `chat.customer_gone_after`, milliseconds; 0 = off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_gone_after_ms: Option<u64>,
    /// `chat.unreplied_transfer_after`, milliseconds; 0 = off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreplied_transfer_after_ms: Option<u64>,
    /// `chat.inactive_send`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inactive_send: Option<InactiveSend>,
    /// `chat.welcome_message`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub welcome_message: Option<String>,
    /// `routing.max_customer_chats_count`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_customer_chats_count: Option<u32>,
    /// `routing.offline_start`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offline_start: Option<OfflineStart>,
    /// `routing.agent_disconnect_grace`, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_disconnect_grace_ms: Option<u64>,
    /// `agent.max_chats_count`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_chats_count: Option<u32>,
    /// `agent.max_chats_ceiling`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_chats_ceiling: Option<u32>,
    /// `license.concurrent_chats`; -1 = no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrent_chats: Option<i64>,
    /// `license.queue`; -1 = no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_plan: Option<i64>,
    /// `license.queue_continuous`; -1 = no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_continuous: Option<i64>,
    /// `chats.max_agent_active_chats`; -1 = no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_agent_active_chats: Option<i64>,
    /// `chats.manual_routing`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manual_routing: Option<bool>,
    /// `chats.queue.enabled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_enabled: Option<bool>,
    /// `chats.queue.limit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_limit: Option<u32>,
    /// `chats.queue.reopen_threshold`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_reopen_threshold: Option<u32>,
    /// `chats.prefer_recent_agent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefer_recent_agent: Option<bool>,
    /// `event.max_size`, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_max_size: Option<u64>,
    /// `file.max_size`, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_max_size: Option<u64>,
    /// Where customers' chats go by the pages that they are on; the first rule that fits counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub auto_access: Vec<AutoAccess>,
    /// What customers who look around are told; of several that are due the first counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub greetings: Vec<Greeting>,
    /// What customers' pages show.
    #[serde(skip_serializing_if = "Widget::is_empty")]
    pub widget: Widget,
}

/// What an event other than `annotation` does when no thread is active.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InactiveSend {
    /// Opens the next thread (seeds; the default).
    NewThread,
    /// Answers `chat_inactive`, as hosted 3.x does.
    Refuse,
}

/// What a start does when nobody accepts chats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfflineStart {
    /// The chat waits (seeds: messages reach the offline too; the default).
    Queue,
    /// `groups_offline` unless the chat is continuous, as hosted 3.x does.
    Refuse,
}

/// The rules that bind a chat: the license's settings laid over the server's.
#[derive(Clone, Debug)]
pub struct ChatRules {
    /// Silence after which the active thread is archived.
    pub thread_inactivity_timeout: Duration,
    /// The same for continuous chats.
    pub continuous_inactivity_timeout: Duration,
    /// Silence after which a chat frees its agent's slot; zero = never.
    pub idle_after: Duration,
    /// A customer who is gone for so long is waited for no longer; zero = for ever. Continuous chats wait.
    pub customer_gone_after: Duration,
    /// An unanswered customer message after which the next agent gets the chat; zero = never.
    pub unreplied_transfer_after: Duration,
    /// An event without an active thread.
    pub inactive_send: InactiveSend,
    /// Agents pick chats themselves, where a group does not say otherwise.
    pub manual_routing: bool,
    /// Sizes.
    pub events: EventLimits,
    /// How much a thread may hold.
    pub thread: ThreadLimits,
    /// Customers are mailed transcripts if they want them: the server has a relay.
    pub mails_transcripts: bool,
}

impl License {
    /// The agent, if the license has one of that id.
    pub fn agent(&self, id: &AgentId) -> Option<&Agent> {
        self.agents.get(id)
    }

    /// True for group 0 and for every group that was made.
    pub fn has_group(&self, id: GroupId) -> bool {
        id == GroupId::ALL || self.groups.contains_key(&id)
    }

    /// An agent's display name; the id where the agent is gone.
    pub fn agent_name<'a>(&'a self, id: &'a AgentId) -> &'a str {
        self.agent(id).map_or(id.as_str(), |agent| agent.name.as_str())
    }
}

impl Agent {
    /// Why they may do nothing; none: they may.
    pub fn withdrawn(&self) -> Option<Withdrawn> {
        if self.suspended {
            return Some(Withdrawn::Suspended);
        }
        self.awaiting_approval.then_some(Withdrawn::AwaitingApproval)
    }

    /// The groups they are in, group 0 among them.
    pub fn group_ids(&self) -> impl Iterator<Item = GroupId> + '_ {
        let named = self.groups.keys().copied().filter(|group| *group != GroupId::ALL);
        std::iter::once(GroupId::ALL).chain(named)
    }

    /// What kind of bot it is; none for a person.
    pub fn type_of_bot(&self) -> Option<&str> {
        (self.kind == AgentKind::Bot).then(|| self.bot_type.as_deref().unwrap_or(CHATBOT))
    }
}
