// The agent's console: signs in, keeps the desk up to date and shows it. Everything goes through the public RTM protocol.

import { announce, byId, coalesce, h, icon, setText, toastError } from "../shared/dom.js";
import { eventSummary, userName } from "../shared/format.js";
import { Outbox } from "../shared/outbox.js";
import { RtmSession } from "../shared/rtm.js";
import { Timeline, avatar } from "../shared/timeline.js";
import { Actions } from "./actions.js";
import { ChatView } from "./chat-view.js";
import { Composer } from "./composer.js";
import * as credentials from "./credentials.js";
import { Desk } from "./desk.js";
import { openHelp } from "./dialogs.js";
import { openFigures } from "./figures.js";
import { ChatList } from "./list.js";

const TYPING_SHOWN_MS = 12_000;
const PEEK_SHOWN_MS = 30_000;
const MAX_ACTIVE_CHATS = 1_000;

const STOP_TEXT = {
  agent_logged_out_remotely: "You were signed out from elsewhere.",
  agent_disconnected_by_server: "The server ended this session.",
  connection_evicted: "This session was replaced by a newer one of yours.",
  access_token_revoked: "Your token was revoked.",
  license_expired: "The license has expired.",
  license_not_found: "The license does not exist.",
  too_many_connections: "You have too many open sessions.",
  unsupported_version: "The server does not speak this version.",
};

/** What the parts of the page share. */
const app = {
  session: null,
  outbox: null,
  desk: new Desk(),
  selected: () => (selectedId === null ? null : (app.desk.chats.get(selectedId) ?? null)),
  render: coalesce(renderAll),
  renderChat,
  refresh,
  loadStatuses,
  focusBar: (chatId) => view.focusBar(chatId),
  showNewest: () => {
    renderChat();
    timeline.toBottom();
  },
};

let signedIn = null; // what credentials.load() gives
let selectedId = null;
let closedPage = null;
const expiries = new Map(); // what is shown for a while only: key → timer

const page = byId("desk");
app.actions = new Actions(app);
app.composer = new Composer(app);
const view = new ChatView(app);
const list = new ChatList(byId("rail"), {
  get desk() {
    return app.desk;
  },
  selected: () => selectedId,
  onSelect: select,
  onMoreClosed: loadClosed,
});
const timeline = new Timeline(byId("scroller"), {
  me: () => app.desk.me.id,
  get outbox() {
    return app.outbox;
  },
  onOlder: () => loadOlder(app.selected()),
  onBottom: markSeen,
});

// ---- signing in ----

async function boot() {
  byId("help-button").append(icon("help"));
  byId("back").append(icon("arrowLeft"));
  const { code, agent } = credentials.takeFragment();
  let refused = "";
  if (code) {
    try {
      credentials.save(await credentials.redeem(code));
    } catch (error) {
      refused = error.message;
    }
  }
  const known = credentials.load();
  if (!known) {
    showSignIn(refused ? `The link did not work: ${refused}` : "");
    return;
  }
  const wanted = known.agents.findIndex((candidate) => candidate.id === agent);
  if (wanted !== -1) known.current = wanted;
  signIn(known);
}

function showSignIn(message) {
  if (message) setText(byId("signin-message"), message);
  page.hidden = true;
  byId("signin").hidden = false;
  byId("signin-token").focus();
}

function signIn(known) {
  app.session?.stop();
  signedIn = known;
  credentials.save(known);
  const agent = known.agents[known.current];
  app.desk = new Desk();
  app.desk.me = { id: agent.id ?? "", name: agent.name ?? "" };
  for (const { id, name } of known.agents) if (id) app.desk.agentNames.set(id, name);
  selectedId = null;
  closedPage = null;
  app.composer.forgetDrafts();
  app.outbox = new Outbox({
    key: `switchboard.outbox.${agent.id ?? "agent"}`,
    deliver: (item) => app.session.request("send_event", { chat_id: item.chatId, event: item.event }),
    onChange: app.render,
  });
  byId("signin").hidden = true;
  page.hidden = false;
  page.dataset.view = "list";
  app.session = new RtmSession({
    surface: "agent",
    query: () => (known.organizationId ? `organization_id=${encodeURIComponent(known.organizationId)}` : ""),
    loginPayload: async (again) => ({
      token: agent.token,
      reconnect: again,
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      application: { name: "Switchboard console" },
    }),
    onLogin: catchUp,
    onPush: receive,
    onStatus: showConnection,
  });
  renderMenu();
  app.session.start();
  app.render();
}

function signOut() {
  const leaving = app.session;
  leaving
    .request("logout")
    .catch(() => {}) // the tab forgets its token in any case
    .finally(() => leaving.stop());
  credentials.clear();
  signedIn = null;
  showSignIn("You are signed out. Sign in with an agent's token.");
}

// ---- catching up: after the first login and after every gap ----

async function catchUp(answer) {
  const { desk, session, outbox } = app;
  const profile = answer.my_profile;
  desk.me = { id: profile.id, name: profile.name ?? profile.id };
  desk.agentNames.set(desk.me.id, desk.me.name);
  desk.statuses.set(desk.me.id, profile.routing_status);
  Object.assign(signedIn.agents[signedIn.current], { id: desk.me.id, name: desk.me.name });
  credentials.save(signedIn);
  renderMenu();
  desk.mergeSummaries(answer.chats_summary ?? []);

  const active = new Set();
  let next = { limit: 100, filters: { active: true } };
  do {
    const found = await session.request("list_chats", next);
    desk.mergeSummaries(found.chats_summary);
    for (const summary of found.chats_summary) active.add(summary.id);
    next = found.next_page_id ? { page_id: found.next_page_id } : null;
  } while (next && active.size < MAX_ACTIVE_CHATS);
  if (!next) desk.closeAllBut(active);

  for (const chat of desk.chats.values()) chat.older = { state: "unknown", pageId: undefined }; // loaded anew when opened
  if (app.selected()) await open(app.selected());
  for (const item of outbox.items) if (!desk.chats.get(item.chatId)?.threads.size) await refresh(item.chatId);
  settleOutbox();
  await Promise.all([loadClosed(), loadStatuses()]);
  outbox.resume();
  app.render();
}

function settleOutbox() {
  for (const item of [...app.outbox.items]) {
    if (app.desk.chats.get(item.chatId)?.findEventByCustomId(item.event.custom_id)) app.outbox.settle(item.event.custom_id);
  }
}

async function loadClosed() {
  const next = closedPage ? { page_id: closedPage } : { limit: 20, filters: { active: false } };
  try {
    const found = await app.session.request("list_chats", next);
    app.desk.mergeSummaries(found.chats_summary);
    closedPage = found.next_page_id ?? null;
    list.moreClosed = closedPage !== null;
    app.render();
  } catch (error) {
    showUnlessLost(error, "The closed chats could not be loaded");
  }
}

async function loadStatuses() {
  try {
    for (const { agent_id: id, status } of await app.session.request("list_routing_statuses")) app.desk.statuses.set(id, status);
  } catch (error) {
    showUnlessLost(error, "The agents' statuses could not be loaded");
  }
}

/** Loads the newest threads of a chat, or the ones that a gap may have added. */
async function loadThreads(chat) {
  const found = await app.session.request("list_threads", { chat_id: chat.id, limit: 3 });
  chat.mergeThreadPage(found, { first: true });
  settleOutbox();
  app.render();
}

async function loadOlder(chat) {
  if (!chat || chat.older.state !== "more" || !app.session.ready) return;
  chat.older.state = "loading";
  try {
    const found = await app.session.request("list_threads", { chat_id: chat.id, page_id: chat.older.pageId });
    chat.mergeThreadPage(found, { first: false });
  } catch (error) {
    chat.older.state = error.type === "connection_lost" ? "more" : "failed";
    showUnlessLost(error, "Earlier messages could not be loaded");
  }
  app.render();
}

/** Asks for the whole state of one chat; forgets the chat when it is no longer ours to see. */
async function refresh(chatId) {
  try {
    app.desk.mergeChat(await app.session.request("get_chat", { chat_id: chatId }));
    const chat = app.desk.chat(chatId);
    if (chat === app.selected() && needsWatching(chat)) await open(chat); // it went to somebody else
  } catch (error) {
    if (error.type === "connection_lost") return;
    app.desk.chats.delete(chatId);
    if (selectedId === chatId) leaveChat();
  }
  app.render();
}

function showUnlessLost(error, doing) {
  if (error.type !== "connection_lost") toastError(error, doing);
}

const showLoadError = (error) => showUnlessLost(error, "The chat could not be loaded");

// ---- pushes ----

function receive(action, payload) {
  const { chat, event, opened, closed, joined, typing, peek, refresh: stale } = app.desk.apply(action, payload);
  app.render();
  if (event) {
    if (event.custom_id && event.author_id === app.desk.me.id) app.outbox.settle(event.custom_id);
    tellOf(chat, event);
  }
  if (typing) expire(`typing:${chat.id}:${typing}`, TYPING_SHOWN_MS, () => chat.setTyping(typing, false));
  if (peek) expire(`peek:${chat.id}`, PEEK_SHOWN_MS, () => (chat.sneakPeek = null));
  if (!app.session.ready) return; // the rest is news, or asks; this is part of catching up
  if (opened) {
    const customer = userName(chat.customer ?? { type: "customer", id: chat.id });
    announce(chat.queue ? `${customer} waits in the queue.` : `New chat with ${customer}.`);
    if (chat === app.selected()) open(chat).catch(showLoadError);
  }
  if (joined?.id === app.desk.me.id && chat !== app.selected()) announce(`You were assigned a chat with ${userName(chat.customer)}.`);
  if (closed && chat === app.selected()) announce("The chat was closed.");
  if (stale) refresh(chat.id);
}

function tellOf(chat, event) {
  if (event.author_id === app.desk.me.id) return;
  if (chat === app.selected()) {
    const author = event.author_id ? `${userName(chat.users.get(event.author_id))}: ` : "";
    announce(author + eventSummary(event));
  } else if (app.desk.isMine(chat) && event.type !== "system_message") {
    announce(`New message from ${userName(chat.users.get(event.author_id))}.`);
  }
}

function expire(key, afterMs, undo) {
  clearTimeout(expiries.get(key));
  const timer = setTimeout(() => {
    expiries.delete(key);
    undo();
    app.render();
  }, afterMs);
  expiries.set(key, timer);
}

// ---- choosing a chat ----

function select(id, { focusReply = false } = {}) {
  if (id === undefined) return;
  if (id !== selectedId) {
    app.composer.leave(selectedId);
    stopWatching(app.selected());
    selectedId = id;
    app.composer.enter(id);
    if (app.session.ready) open(app.selected()).catch(showLoadError);
  }
  page.dataset.view = "chat";
  renderAll();
  if (focusReply) app.composer.focus();
}

/** Loads the chat; one that is not mine is followed while it is looked at, so that its messages come in live. */
async function open(chat) {
  if (needsWatching(chat)) {
    chat.watching = true;
    await app.session.request("follow_chat", { id: chat.id });
    chat.isFollowed = true;
  }
  await loadThreads(chat);
  markSeen();
}

const needsWatching = (chat) => chat.active && !app.desk.isMine(chat) && !chat.isFollowed;

function stopWatching(chat) {
  if (!chat?.watching) return;
  chat.watching = false;
  if (chat.active && chat.isFollowed && !app.desk.isMine(chat)) {
    chat.isFollowed = false;
    app.session.request("unfollow_chat", { id: chat.id }).catch(showLoadError);
  }
}

function leaveChat() {
  app.composer.leave(selectedId);
  stopWatching(app.selected());
  const left = selectedId;
  selectedId = null;
  page.dataset.view = "list";
  renderAll();
  list.focus(left);
}

function markSeen() {
  const chat = app.selected();
  if (!chat || !app.desk.isMine(chat) || !app.session.ready || document.visibilityState === "hidden" || !document.hasFocus()) return;
  const last = chat.lastThread.events.at(-1);
  if (!last || chat.unreadBy(app.desk.me.id) === 0 || !timeline.isAtBottom) return;
  chat.markSeen(app.desk.me.id, last.created_at);
  app.session.request("mark_events_as_seen", { chat_id: chat.id, seen_up_to: last.created_at }).catch(showLoadError);
  app.render();
}

// ---- showing ----

function renderAll() {
  list.update();
  renderChat();
  renderTop();
  const unread = app.desk.unreadCount();
  document.title = unread > 0 ? `(${unread}) Switchboard` : "Switchboard";
}

function renderChat() {
  const chat = app.selected();
  view.render(chat);
  timeline.show(chat);
  markSeen();
}

function renderTop() {
  const status = app.desk.statuses.get(app.desk.me.id);
  const button = byId("accepting");
  button.disabled = !app.session?.ready;
  button.setAttribute("aria-checked", String(status === "accepting_chats"));
  setText(byId("accepting-text"), status === "accepting_chats" ? "Accepting chats" : "Not accepting");
}

function renderMenu() {
  const { me } = app.desk;
  const name = me.name || "Agent";
  const { clientId, organizationId } = signedIn;
  const widget = clientId && `/widget?${new URLSearchParams({ client_id: clientId, organization_id: organizationId })}`;
  const toWidget = { href: widget, target: "_blank", rel: "noopener" };
  const others = signedIn.agents.map((agent, index) => ({ ...agent, index })).filter((agent) => agent.index !== signedIn.current);
  byId("agent-summary").replaceChildren(avatar(me.id || name, name), h("span.name", {}, name));
  byId("agent-menu-body").replaceChildren(
    h("p.menu-head", {}, h("strong", {}, name), h("span.hint", {}, me.id)),
    ...others.map((agent) =>
      h(
        "div.menu-row",
        {},
        h("button.menu-item", { type: "button", onclick: () => switchTo(agent.index) }, avatar(agent.id, agent.name), h("span", {}, `Be ${agent.name}`)),
        // rel=opener copies this tab's sessionStorage into the new one, so two agents can sit side by side.
        h("a.link", { href: `/#agent=${encodeURIComponent(agent.id)}`, target: "_blank", rel: "opener", "aria-label": `${agent.name} in a new tab` }, "in a new tab"),
      ),
    ),
    ...(widget ? [h("a.menu-item", toWidget, icon("chat"), h("span", {}, "Open the customer page"))] : []),
    h("button.menu-item", { type: "button", onclick: showFigures }, icon("info"), h("span", {}, "Figures")),
    h("button.menu-item", { type: "button", onclick: signOut }, icon("arrowLeft"), h("span", {}, "Sign out")),
  );
  byId("welcome").replaceChildren(
    icon("chat"),
    h("h1", {}, "No chat is open"),
    h("p", {}, "Choose one at the left, or wait: new chats appear by themselves."),
    ...(widget ? [h("p", {}, h("a.button", toWidget, "Write as a customer"))] : []),
    h("p.hint", {}, "Press ", h("kbd", {}, "?"), " for the keyboard shortcuts."),
  );
}

function showFigures() {
  byId("agent-menu").open = false;
  openFigures(signedIn.agents[signedIn.current].token);
}

function switchTo(index) {
  byId("agent-menu").open = false;
  signIn({ ...signedIn, current: index });
}

let retryTicker = 0;

function showConnection({ state, reason, message, retryAt }) {
  if (state === "waiting" || state === "stopped") {
    app.outbox.pause();
    app.desk.forgetTyping();
  }
  byId("connection").dataset.state = state;
  const words = { connecting: "Connecting…", online: "Online", waiting: "Offline", stopped: "Signed out" };
  setText(byId("connection-text"), words[state]);
  clearInterval(retryTicker);
  byId("banner").hidden = state === "online" || state === "connecting" || !signedIn;
  byId("banner-action").hidden = state !== "waiting";
  if (state === "waiting") {
    const tick = () => {
      const seconds = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
      setText(byId("banner-text"), `The connection is lost. Trying again in ${seconds} s. What you write is kept.`);
    };
    tick();
    retryTicker = setInterval(tick, 500);
  } else if (state === "stopped" && signedIn && reason === "authentication") {
    credentials.clear();
    signedIn = null;
    showSignIn(`The server refused the token: ${message}`);
  } else if (state === "stopped" && reason) {
    setText(byId("banner-text"), `${STOP_TEXT[reason] ?? (message || reason)} Reload the page to sign in again.`);
  }
  app.render();
}

// ---- listening ----

byId("signin-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = byId("signin-token");
  const token = credentials.withScheme(field.value);
  field.value = "";
  signIn({ agents: [{ id: null, name: null, token }], current: 0 });
});
byId("accepting").addEventListener("click", () => app.actions.toggleAccepting());
byId("help-button").addEventListener("click", openHelp);
byId("back").addEventListener("click", leaveChat);
byId("banner-action").addEventListener("click", () => app.session.retryNow());
addEventListener("focus", markSeen);
document.addEventListener("visibilitychange", markSeen);
document.addEventListener("click", (event) => {
  const menu = byId("agent-menu");
  if (menu.open && !menu.contains(event.target)) menu.open = false;
});

const ALT_KEYS = {
  ArrowUp: () => select(list.neighbour(-1)),
  ArrowDown: () => select(list.neighbour(1)),
  KeyR: () => app.composer.focus(),
  KeyN: () => app.composer.togglePrivate(),
  KeyJ: () => app.actions.of(app.selected()).take?.(),
  KeyT: () => app.actions.of(app.selected()).transfer?.(),
  KeyE: () => app.actions.of(app.selected()).close?.(),
  KeyI: () => view.toggleDetails(),
  KeyS: () => byId("accepting").click(),
};

document.addEventListener("keydown", (event) => {
  if (page.hidden || document.querySelector("dialog[open]")) return;
  const writing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (event.altKey && !event.ctrlKey && !event.metaKey && ALT_KEYS[event.code]) {
    event.preventDefault();
    ALT_KEYS[event.code]();
  } else if (event.key === "?" && !writing) {
    openHelp();
  } else if (event.key === "Escape") {
    if (byId("agent-menu").open) byId("agent-menu").open = false;
    else if (selectedId !== null) leaveChat();
  }
});

boot();
