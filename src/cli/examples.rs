//! What `--help` shows below the flags: how it works, and examples.

pub(super) const SERVE_EXAMPLES: &str = "\
Settings come from, in rising order: the built-in default, switchboard.toml (or --config), the environment, \
flags. A setting `section.key` has the variable SWITCHBOARD_SECTION_KEY; a flag has that of its own name, such \
as SWITCHBOARD_DATA_DIR. `switchboard check-config` lists every setting, its value and where it came from.

Examples:
  switchboard                                   demo license, http://127.0.0.1:8080, data in ./data
  switchboard serve --listen 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem
  switchboard serve --data-dir /var/lib/switchboard --no-demo
  SWITCHBOARD_CHATS_QUEUE_LIMIT=500 switchboard serve";

pub(super) const MIGRATE_EXAMPLES: &str = "\
Run it before the first start on a CQL store, and before the first start of a new version. It is safe to run twice, \
and from two nodes at once. The embedded store needs no migration.

Examples:
  switchboard migrate --cql-contact-points db1,db2,db3
  SWITCHBOARD_CQL_USER=admin SWITCHBOARD_CQL_PASSWORD=... switchboard migrate";

pub(super) const TOKEN_EXAMPLES: &str = "\
Examples:
  switchboard token create --agent smith@example.com --kind pat --expires 30d
  switchboard token list --agent smith@example.com
  switchboard token revoke 3f9a01c7";

pub(super) const TOKEN_CREATE_EXAMPLES: &str = "\
The secret is printed once and stored nowhere: only its hash is. A token can never do more than its agent's \
role.

Examples:
  switchboard token create --agent smith@example.com --kind pat
  switchboard token create --agent smith@example.com --kind bearer --expires 8h
  switchboard token create --agent smith@example.com --scopes chats--all:ro,customers:ro
  switchboard token create --agent crm@example.com --kind bot --label \"CRM import\" --json";

pub(super) const TOKEN_REVOKE_EXAMPLES: &str = "\
Sessions that use the token are closed at once, on other nodes within license.poll_every.

Examples:
  switchboard token revoke 3f9a01c7
  switchboard token revoke --agent smith@example.com";

pub(super) const LICENSE_EXAMPLES: &str = "\
Examples:
  switchboard license show
  switchboard license create --agents 10 --origins https://shop.example --credentials-file shop.json
  switchboard license set --set chats.queue.limit=50";

pub(super) const LICENSE_CREATE_EXAMPLES: &str = "\
Every agent gets a bearer token and a personal access token; the first agent owns the license. The secrets are \
written to --credentials-file (mode 0600), or printed where none is named, and are stored nowhere else.

Examples:
  switchboard license create
  switchboard license create --agents 10 --origins https://shop.example,https://www.shop.example
  switchboard license create --agents 10000 --loopback --credentials-file bench.json";

pub(super) const LICENSE_SET_EXAMPLES: &str = "\
A setting is named as in switchboard.toml; an empty value takes it away, so that the server's own counts again. \
These can be set: chat.thread_inactivity_timeout, chat.continuous_inactivity_timeout, chat.idle_after, \
chat.customer_gone_after, chat.unreplied_transfer_after, chat.inactive_send, chat.welcome_message, event.max_size, file.max_size, routing.agent_disconnect_grace, routing.offline_start, \
routing.max_customer_chats_count, chats.manual_routing, chats.prefer_recent_agent, chats.queue.enabled, \
chats.queue.limit, chats.queue.reopen_threshold, agent.max_chats_count, agent.max_chats_ceiling, \
license.concurrent_chats, license.queue, license.queue_continuous, chats.max_agent_active_chats.

Where customers' chats go by the pages that they are on: auto_access (JSON list of `access` and `conditions`). What customers who look around are \
told: greetings (JSON list of `rules` and `properties` or `rich_message`; docs/settings.md).

What customers' pages show, for all groups that have none of their own: widget.prechat_form, widget.postchat_form and \
widget.ticket_form (JSON with `fields`; off: none), widget.buttons (JSON list), widget.language, widget.phrases (JSON: \
language, key, phrase), properties (JSON: namespace, name, value).

A running server follows the change at once, other nodes within license.poll_every.

Examples:
  switchboard license set --set chats.queue.limit=50 --set chat.thread_inactivity_timeout=10m
  switchboard license set --set chats.queue.limit=
  switchboard license set --set widget.prechat_form=off --set widget.language=pl
  switchboard license set --set auto_access=\"$(cat auto_access.json)\"
  switchboard license set --set greetings=\"$(cat greetings.json)\"
  switchboard license set --new-client --origins https://shop.example
  switchboard license set --client 0123456789abcdef0123456789abcdef --origins https://shop.example
  switchboard license set --remove-client 0123456789abcdef0123456789abcdef";

pub(super) const AGENT_SET_EXAMPLES: &str = "\
An empty value takes a setting away. These can be set: name; max_chats_count; login_status (accepting_chats, \
not_accepting_chats: what a day begins with); group.N (first, normal, last, supervisor; empty: not in group N); \
work_scheduler (working hours as JSON; empty: always); suspended and awaiting_approval (true, false); \
bot_type (of a bot: ai_agent, or what else it is; empty: chatbot).

Examples:
  switchboard agent set --agent smith@example.com --set max_chats_count=3 --set group.5=first
  switchboard agent set --agent smith@example.com --set suspended=true
  switchboard agent set --agent smith@example.com --set 'work_scheduler={\"timezone\":\"Europe/Warsaw\",\"schedule\":\
[{\"day\":\"monday\",\"enabled\":true,\"start\":\"08:00\",\"end\":\"16:00\"}]}'";

pub(super) const GROUP_SET_EXAMPLES: &str = "\
These can be set: name; chats.manual_routing.override and chats.queue.enabled.override (-1 as the license, 0 off, \
1 on); chats.queue.reopen_threshold.override (-1 as the license); chats.queue.routing_priority (chats of the group \
with the higher number leave the queue first); widget.prechat_form, widget.postchat_form, widget.ticket_form, widget.buttons, \
widget.language, widget.phrases and properties, as of `license set` (empty: as the license).

Examples:
  switchboard group set --group 5 --set name=Sales
  switchboard group set --group 5 --set chats.manual_routing.override=1 --set chats.queue.routing_priority=10";

pub(super) const EXPLAIN_EXAMPLES: &str = "\
Shows each decision about the chat, oldest first: what was asked, who was considered and what spoke for or against \
them, the rule that decided, and what came of it. Decisions are kept for routing.explain_keep (24 h).

Examples:
  switchboard explain PJ0MRSHTDG
  switchboard explain PJ0MRSHTDG --json";

pub(super) const CLUSTER_EXAMPLES: &str = "\
Goes to a node that runs on this machine, by the socket in its --data-dir; that node asks the others.

Examples:
  switchboard cluster status
  switchboard cluster drain node-2
  switchboard cluster rebalance --data-dir /var/lib/switchboard";

pub(super) const BENCH_EXAMPLES: &str = "\
With --self a server is started on a scratch store and a free port; else --target and --credentials (what \
`license create --agents N --credentials-file FILE` wrote) say where to go. Ends with 1 if an audit fails.

Examples:
  switchboard bench chat --self --baseline --rounds 3 --json chat.json --html chat.html
  switchboard bench open --self --rate 10s:500,20s:2000
  switchboard bench find-knee --self --goal 50
  switchboard bench idle --target http://127.0.0.1:8080 --credentials bench.json --server-pid 4711
  switchboard bench --compare before.json after.json";

pub(super) const TORTURE_EXAMPLES: &str = "\
Starts nodes of this binary on a keyspace of their own in a CQL store that runs already, lets customers and agents talk through
them, and inflicts one fault after the other. Fails if an acknowledged message is lost, doubled, reordered or not pushed.

Examples:
  switchboard torture --seconds 300
  switchboard torture --contact-points 10.0.0.5,10.0.0.6 --replication-factor 3 --nodes 5 --haproxy --seed 7";
pub(super) const CHECK_EXAMPLES: &str = "\
Takes the flags of `serve`, reads the same file and the same environment, and starts nothing. Secrets are \
masked. Ends with 0 where the server would start with these settings, else with 2; all faults are listed at once.

Examples:
  switchboard check-config
  switchboard check-config --config /etc/switchboard.toml
  switchboard check-config --listen 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem";
