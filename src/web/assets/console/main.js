// The agent's console: signs in, keeps the desk up to date and shows it. Everything goes through the public RTM protocol.

import { announce, autosize, byId, coalesce, h, icon, setChildren, setText, toast, toastError } from "../shared/dom.js";
import { eventSummary, roughDuration, userName } from "../shared/format.js";
import { Outbox } from "../shared/outbox.js";
import { RtmSession } from "../shared/rtm.js";
import { Timeline, avatar } from "../shared/timeline.js";
import * as credentials from "./credentials.js";
import { Desk } from "./desk.js";
import { detailsOf } from "./details.js";
import { askTransfer, openHelp } from "./dialogs.js";
import { ChatList } from "./list.js";

const MAX_MESSAGE_BYTES = 16_384;
const TYPING_EVERY_MS = 4_000;
const TYPING_ENDS_AFTER_MS = 6_000;
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

let signedIn = null; // what credentials.load() gives
let session = null;
let outbox = null;
let desk = new Desk();
let selectedId = null;
let closedPage = null;
const drafts = new Map(); // chat id → {text, isPrivate}
const expiries = new Map(); // what is shown for a while only: key → timer

// ---- the page's fixed parts ----

const view = byId("desk");
const reply = byId("reply");
const privateBox = byId("private");
const fitReply = autosize(reply);
const wideEnough = matchMedia("(min-width: 1100px)");

const list = new ChatList(byId("rail"), {
  get desk() {
    return desk;
  },
  selected: () => selectedId,
  onSelect: (id, how) => select(id, how),
  onMoreClosed: () => loadClosed(),
});

const timeline = new Timeline(byId("scroller"), {
  me: () => desk.me.id,
  outbox: { of: (id) => outbox.of(id), retry: (item) => outbox.retry(item), discard: (item) => outbox.discard(item) },
  onOlder: () => loadOlder(selected()),
  onBottom: () => markSeen(),
});

const render = coalesce(() => {
  list.update();
  renderChat();
  renderTop();
  const unread = desk.unreadCount();
  document.title = unread > 0 ? `(${unread}) Switchboard` : "Switchboard";
});

const selected = () => (selectedId === null ? null : (desk.chats.get(selectedId) ?? null));

// ---- signing in ----

async function boot() {
  byId("help-button").append(icon("help"));
  byId("back").append(icon("arrowLeft"));
  byId("details").hidden = !wideEnough.matches;
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
    showSignIn(refused ? `${refused} Each link works once: a restart of the server prints a new one. Or sign in with a token.` : "");
    return;
  }
  const wanted = known.agents.findIndex((candidate) => candidate.id === agent);
  if (wanted !== -1) known.current = wanted;
  signIn(known);
}

function showSignIn(message) {
  if (message) setText(byId("signin-message"), message);
  byId("desk").hidden = true;
  byId("signin").hidden = false;
  byId("signin-token").focus();
}

function signIn(known) {
  session?.stop();
  signedIn = known;
  credentials.save(known);
  desk = new Desk();
  for (const { id, name } of known.agents) if (id) desk.agentNames.set(id, name);
  const agent = known.agents[known.current];
  desk.me = { id: agent.id ?? "", name: agent.name ?? "" };
  selectedId = null;
  closedPage = null;
  drafts.clear();
  outbox = new Outbox({
    key: `switchboard.outbox.${agent.id ?? "agent"}`,
    deliver: (item) => session.request("send_event", { chat_id: item.chatId, event: item.event }),
    onChange: render,
  });
  byId("signin").hidden = true;
  view.hidden = false;
  view.dataset.view = "list";
  session = new RtmSession({
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
  session.start();
  render();
}

function signOut() {
  const leaving = session;
  leaving
    .request("logout")
    .catch(() => {}) // the tab forgets its token in any case
    .finally(() => leaving.stop());
  credentials.clear();
  signedIn = null;
  setText(byId("signin-message"), "You are signed out. Sign in with an agent's token.");
  showSignIn("");
}

// ---- catching up: after the first login and after every gap ----

async function catchUp(answer) {
  const profile = answer.my_profile;
  desk.me = { id: profile.id, name: profile.name ?? profile.id };
  desk.agentNames.set(desk.me.id, desk.me.name);
  desk.statuses.set(desk.me.id, profile.routing_status);
  Object.assign(signedIn.agents[signedIn.current], { id: desk.me.id, name: desk.me.name });
  credentials.save(signedIn);
  renderMenu();
  desk.mergeSummaries(answer.chats_summary ?? []);

  const active = new Set();
  let page = { limit: 100, filters: { active: true } };
  do {
    const found = await session.request("list_chats", page);
    desk.mergeSummaries(found.chats_summary);
    for (const summary of found.chats_summary) active.add(summary.id);
    page = found.next_page_id ? { page_id: found.next_page_id } : null;
  } while (page && active.size < MAX_ACTIVE_CHATS);
  desk.closeAllBut(active);

  for (const chat of desk.chats.values()) chat.older = { state: "unknown", pageId: undefined }; // loaded anew when opened
  if (selected()) await open(selected());
  for (const item of outbox.items) if (!desk.chats.get(item.chatId)?.threads.size) await refresh(item.chatId);
  settleOutbox();
  await Promise.all([loadClosed(), loadStatuses()]);
  outbox.resume();
  render();
}

function settleOutbox() {
  for (const item of [...outbox.items]) {
    if (desk.chats.get(item.chatId)?.findEventByCustomId(item.event.custom_id)) outbox.settle(item.event.custom_id);
  }
}

async function loadClosed() {
  const page = closedPage ? { page_id: closedPage } : { limit: 20, filters: { active: false } };
  try {
    const found = await session.request("list_chats", page);
    desk.mergeSummaries(found.chats_summary);
    closedPage = found.next_page_id ?? null;
    list.moreClosed = closedPage !== null;
    render();
  } catch (error) {
    if (error.type !== "connection_lost") toastError(error, "The closed chats could not be loaded");
  }
}

async function loadStatuses() {
  try {
    for (const { agent_id: id, status } of await session.request("list_routing_statuses")) desk.statuses.set(id, status);
  } catch (error) {
    if (error.type !== "connection_lost") toastError(error, "The agents' statuses could not be loaded");
  }
}

/** Loads the newest threads of a chat, or the ones that a gap may have added. */
async function loadThreads(chat) {
  const page = await session.request("list_threads", { chat_id: chat.id, limit: 3 });
  chat.mergeThreadPage(page, { first: true });
  settleOutbox();
  render();
}

async function loadOlder(chat) {
  if (!chat || chat.older.state !== "more" || !session.ready) return;
  chat.older.state = "loading";
  try {
    const page = await session.request("list_threads", { chat_id: chat.id, page_id: chat.older.pageId });
    chat.mergeThreadPage(page, { first: false });
  } catch (error) {
    chat.older.state = error.type === "connection_lost" ? "more" : "failed";
    if (error.type !== "connection_lost") toastError(error, "Earlier messages could not be loaded");
  }
  render();
}

/** Asks for the whole state of one chat; forgets the chat when it is no longer ours to see. */
async function refresh(chatId) {
  try {
    desk.mergeChat(await session.request("get_chat", { chat_id: chatId }));
    const chat = desk.chat(chatId);
    if (chat === selected() && needsWatching(chat)) await open(chat); // it went to somebody else
  } catch (error) {
    if (error.type === "connection_lost") return;
    desk.chats.delete(chatId);
    if (selectedId === chatId) leaveChat();
  }
  render();
}

// ---- pushes ----

function receive(action, payload) {
  const { chat, event, opened, closed, joined, typing, peek, refresh: stale } = desk.apply(action, payload);
  if (event) {
    if (event.custom_id && event.author_id === desk.me.id) outbox.settle(event.custom_id);
    tellOf(chat, event);
  }
  if (opened) {
    if (!session.ready) return render(); // part of a catch-up, not news
    const customer = userName(chat.customer ?? { type: "customer", id: chat.id });
    announce(chat.queue ? `${customer} waits in the queue.` : `New chat with ${customer}.`);
    if (chat === selected()) open(chat).catch(ignoreLoss);
  }
  if (joined?.id === desk.me.id && chat !== selected()) announce(`You were assigned a chat with ${userName(chat.customer)}.`);
  if (closed && chat === selected()) announce("The chat was closed.");
  if (typing) expire(`typing:${chat.id}:${typing}`, TYPING_SHOWN_MS, () => chat.setTyping(typing, false));
  if (peek) expire(`peek:${chat.id}`, PEEK_SHOWN_MS, () => (chat.sneakPeek = null));
  if (stale && session.ready) refresh(chat.id);
  render();
}

function tellOf(chat, event) {
  if (event.author_id === desk.me.id) return;
  if (chat === selected()) {
    const author = event.author_id ? `${userName(chat.users.get(event.author_id))}: ` : "";
    announce(author + eventSummary(event));
  } else if (desk.isMine(chat) && event.type !== "system_message") {
    announce(`New message from ${userName(chat.users.get(event.author_id))}.`);
  }
}

function expire(key, afterMs, undo) {
  clearTimeout(expiries.get(key));
  const timer = setTimeout(() => {
    expiries.delete(key);
    undo();
    render();
  }, afterMs);
  expiries.set(key, timer);
}

const ignoreLoss = (error) => {
  if (error.type !== "connection_lost") toastError(error, "The chat could not be loaded");
};

// ---- choosing a chat ----

function select(id, { focusReply = false } = {}) {
  if (id === undefined) return;
  if (id !== selectedId) {
    keepDraft();
    stopTyping();
    stopWatching(selected());
    selectedId = id;
    const draft = drafts.get(id);
    reply.value = draft?.text ?? "";
    privateBox.checked = draft?.isPrivate ?? false;
    timeline.show(selected());
    if (session.ready) open(selected()).catch(ignoreLoss);
  }
  view.dataset.view = "chat";
  render();
  renderChat();
  fitReply();
  if (focusReply && !byId("composer").hidden) reply.focus();
}

/** Loads the chat; one that is not mine is followed while it is looked at, so that its messages come in live. */
async function open(chat) {
  if (needsWatching(chat)) {
    chat.watching = true;
    await session.request("follow_chat", { id: chat.id });
    chat.isFollowed = true;
  }
  await loadThreads(chat);
  markSeen();
}

const needsWatching = (chat) => chat.active && !desk.isMine(chat) && !chat.isFollowed;

function stopWatching(chat) {
  if (!chat?.watching) return;
  chat.watching = false;
  if (chat.active && chat.isFollowed && !desk.isMine(chat)) {
    chat.isFollowed = false;
    session.request("unfollow_chat", { id: chat.id }).catch(ignoreLoss);
  }
}

function leaveChat() {
  keepDraft();
  stopTyping();
  stopWatching(selected());
  const left = selectedId;
  selectedId = null;
  timeline.show(null);
  view.dataset.view = "list";
  list.update();
  renderChat();
  byId("rail").querySelector(`[data-chat="${CSS.escape(left ?? "")}"]`)?.focus();
}

function keepDraft() {
  if (selectedId === null) return;
  if (reply.value) drafts.set(selectedId, { text: reply.value, isPrivate: privateBox.checked });
  else drafts.delete(selectedId);
}

function markSeen() {
  const chat = selected();
  if (!chat || !desk.isMine(chat) || !session.ready || document.visibilityState === "hidden" || !document.hasFocus()) return;
  const last = chat.lastThread.events.at(-1);
  if (!last || chat.unreadBy(desk.me.id) === 0 || !timeline.isAtBottom) return;
  chat.markSeen(desk.me.id, last.created_at);
  session.request("mark_events_as_seen", { chat_id: chat.id, seen_up_to: last.created_at }).catch(ignoreLoss);
  render();
}

// ---- what an agent does with a chat ----

async function act(doing, action, payload) {
  try {
    await session.request(action, payload);
    return true;
  } catch (error) {
    toastError(error, doing);
    return false;
  }
}

async function take(chat) {
  const joined = await act("The chat could not be taken", "add_user_to_chat", {
    chat_id: chat.id,
    user_id: desk.me.id,
    user_type: "agent",
    visibility: "all",
    ignore_requester_presence: true,
  });
  if (!joined) return;
  await refresh(chat.id); // the push may still be on its way, and the reply wants the focus now
  renderChat();
  if (chat === selected()) reply.focus();
}

const takeOver = (chat) =>
  act("The chat could not be taken over", "transfer_chat", {
    id: chat.id,
    target: { type: "agent", ids: [desk.me.id] },
    ignore_requester_presence: true,
  });

const leave = (chat) =>
  act("You could not leave the chat", "remove_user_from_chat", { chat_id: chat.id, user_id: desk.me.id, user_type: "agent" });

async function transfer(chat) {
  await loadStatuses();
  const agents = [...desk.statuses]
    .filter(([id, status]) => id !== desk.me.id && status !== "offline")
    .map(([id, status]) => ({ id, status, name: desk.agentName(id) }))
    .sort((a, b) => a.status.localeCompare(b.status) || a.name.localeCompare(b.name));
  const groups = desk.groupIds();
  const choice = await askTransfer({ agents, groups });
  if (!choice) return;
  const done = await act("The chat could not be transferred", "transfer_chat", {
    id: chat.id,
    ...choice,
    ignore_requester_presence: !desk.isMine(chat),
  });
  if (done) toast("The chat was transferred.");
}

async function close(chat) {
  focusBarOf = chat.id; // the composer goes away with the focus in it
  const done = await act("The chat could not be closed", "deactivate_chat", { id: chat.id, ignore_requester_presence: !desk.isMine(chat) });
  if (!done) focusBarOf = null;
}

async function reopen(chat) {
  const done = await act("The chat could not be opened again", "resume_chat", { chat: { id: chat.id, access: chat.access } });
  if (done && chat === selected()) reply.focus();
}

async function toggleAccepting() {
  const accepting = desk.statuses.get(desk.me.id) === "accepting_chats";
  const status = accepting ? "not_accepting_chats" : "accepting_chats";
  if (await act("Your status could not be changed", "set_routing_status", { status })) {
    desk.statuses.set(desk.me.id, status);
    announce(accepting ? "You accept no new chats." : "You accept chats.");
    render();
  }
}

/** What the two main buttons of a chat do now; also behind the shortcuts. */
function actionsOf(chat) {
  if (!chat.active) return {};
  if (desk.isMine(chat)) return { transfer: () => transfer(chat), close: () => close(chat) };
  return { take: () => take(chat), transfer: () => transfer(chat), close: () => close(chat) };
}

// ---- writing ----

let typingSent = 0;
let typingTimer = 0;
let typingIn = null;

function noteTyping() {
  const chat = selected();
  if (!chat || !session.ready || !desk.isMine(chat)) return;
  if (reply.value === "") return stopTyping();
  clearTimeout(typingTimer);
  typingTimer = setTimeout(stopTyping, TYPING_ENDS_AFTER_MS);
  if (Date.now() - typingSent < TYPING_EVERY_MS) return;
  typingSent = Date.now();
  typingIn = { id: chat.id, visibility: privateBox.checked ? "agents" : "all" };
  sendTyping(true);
}

function stopTyping() {
  clearTimeout(typingTimer);
  if (typingIn) sendTyping(false);
  typingIn = null;
  typingSent = 0;
}

/** Losing one of these hurts nobody, so a refusal is not shown. */
function sendTyping(isTyping) {
  session
    .request("send_typing_indicator", { chat_id: typingIn.id, visibility: typingIn.visibility, is_typing: isTyping })
    .catch((error) => console.debug("typing indicator:", error.message));
}

function send() {
  const chat = selected();
  const text = reply.value.trim();
  if (!chat || text === "") return;
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > MAX_MESSAGE_BYTES) {
    toast(`A message may have ${MAX_MESSAGE_BYTES} bytes; this one has ${bytes}.`, { error: true });
    return;
  }
  stopTyping();
  outbox.add(chat.id, { type: "message", text, visibility: privateBox.checked ? "agents" : "all" });
  reply.value = "";
  drafts.delete(chat.id);
  fitReply();
  renderChat();
  timeline.toBottom();
}

// ---- showing ----

function renderTop() {
  const status = desk.statuses.get(desk.me.id);
  const button = byId("accepting");
  button.disabled = !session?.ready;
  button.setAttribute("aria-checked", String(status === "accepting_chats"));
  setText(byId("accepting-text"), status === "accepting_chats" ? "Accepting chats" : "Not accepting");
}

function renderMenu() {
  const name = desk.me.name || "Agent";
  byId("agent-summary").replaceChildren(avatar(desk.me.id || name, name), h("span.name", {}, name));
  const widget = signedIn.clientId
    ? `/widget?client_id=${encodeURIComponent(signedIn.clientId)}&organization_id=${encodeURIComponent(signedIn.organizationId)}`
    : null;
  const others = signedIn.agents.map((agent, index) => ({ ...agent, index })).filter((agent) => agent.index !== signedIn.current);
  byId("agent-menu-body").replaceChildren(
    h("p.menu-head", {}, h("strong", {}, name), h("span.hint", {}, desk.me.id)),
    ...others.map((agent) =>
      h(
        "div.menu-row",
        {},
        h("button.menu-item", { type: "button", onclick: () => switchTo(agent.index) }, avatar(agent.id, agent.name), h("span", {}, `Be ${agent.name}`)),
        // rel=opener copies this tab's sessionStorage into the new one, so two agents can sit side by side.
        h("a.link", { href: `/#agent=${encodeURIComponent(agent.id)}`, target: "_blank", rel: "opener", "aria-label": `${agent.name} in a new tab` }, "in a new tab"),
      ),
    ),
    ...(widget ? [h("a.menu-item", { href: widget, target: "_blank", rel: "noopener" }, icon("chat"), h("span", {}, "Open the customer page"))] : []),
    h("button.menu-item", { type: "button", onclick: signOut }, icon("arrowLeft"), h("span", {}, "Sign out")),
  );
  byId("welcome").replaceChildren(
    icon("chat"),
    h("h1", {}, "No chat is open"),
    h("p", {}, "Choose one at the left, or wait: new chats appear by themselves."),
    ...(widget ? [h("p", {}, h("a.button", { href: widget, target: "_blank", rel: "noopener" }, "Write as a customer"))] : []),
    h("p.hint", {}, "Press ", h("kbd", {}, "?"), " for the keyboard shortcuts."),
  );
}

function switchTo(index) {
  byId("agent-menu").open = false;
  signIn({ ...signedIn, current: index });
}

let shownHead = "";
let focusBarOf = null;

function renderChat() {
  const chat = selected();
  byId("welcome").hidden = chat !== null;
  byId("chat").hidden = chat === null;
  const details = byId("details");
  details.classList.toggle("is-empty", chat === null);
  if (!chat) {
    details.replaceChildren();
    shownHead = "";
    return;
  }
  const mine = desk.isMine(chat);
  const head = JSON.stringify([chat.id, chat.active, chat.queue, mine, [...chat.users.values()], chat.access, chat.lastThread?.id, details.hidden]);
  if (head !== shownHead) {
    shownHead = head;
    renderHead(chat);
    renderBar(chat, mine);
    details.replaceChildren(...detailsOf(chat, { me: desk.me.id, onLeave: () => leave(chat) }));
  }
  byId("composer").classList.toggle("is-private", privateBox.checked);
  timeline.show(chat);
  markSeen();
}

function renderHead(chat) {
  const name = userName(chat.customer ?? { type: "customer", id: chat.id });
  byId("chat-who").replaceChildren(
    avatar(chat.customer?.id ?? chat.id, name),
    h("div.lines", {}, h("h1", { dir: "auto" }, name), h("p.hint", {}, stateText(chat))),
  );
  const actions = actionsOf(chat);
  setChildren(
    byId("chat-actions"),
    [
      actions.transfer &&
        h("button", { type: "button", onclick: actions.transfer, "aria-keyshortcuts": "Alt+T", title: "Transfer (Alt+T)" }, icon("forward"), h("span", {}, "Transfer")),
      actions.close &&
        h("button", { type: "button", onclick: actions.close, "aria-keyshortcuts": "Alt+E", title: "Close the chat (Alt+E)" }, icon("check"), h("span", {}, "Close")),
      h(
        "button.quiet",
        { type: "button", onclick: toggleDetails, "aria-label": "Details", "aria-expanded": String(!byId("details").hidden), "aria-controls": "details", "aria-keyshortcuts": "Alt+I", title: "Details (Alt+I)" },
        icon("info"),
      ),
    ].filter(Boolean),
  );
}

function stateText(chat) {
  if (!chat.active) return "Closed";
  if (chat.queue) return `In the queue, number ${chat.queue.position}`;
  const names = chat.agents.map((agent) => (agent.id === desk.me.id ? "you" : userName(agent)));
  return names.length > 0 ? `With ${names.join(", ")}` : "Unassigned";
}

/** The line above the composer, or instead of it, for a chat that is not mine to answer yet. */
function renderBar(chat, mine) {
  byId("composer").hidden = !mine;
  const bar = byId("chat-bar");
  bar.hidden = mine;
  if (mine) return;
  const primary = (text, onclick, title) => h("button.primary", { type: "button", onclick, title }, text);
  if (!chat.active) {
    bar.replaceChildren(h("span", {}, "This chat is closed."), primary("Open it again", () => reopen(chat)));
    if (focusBarOf === chat.id) bar.querySelector("button").focus();
    focusBarOf = null;
  } else if (desk.isWaiting(chat)) {
    const wait = chat.queue?.wait_time > 0 ? ` Estimated wait: ${roughDuration(chat.queue.wait_time)}.` : "";
    bar.replaceChildren(
      h("span", {}, chat.queue ? `This customer waits at number ${chat.queue.position}.${wait}` : "Nobody has this chat yet."),
      primary("Take the chat", () => take(chat), "Alt+J"),
    );
  } else {
    bar.replaceChildren(
      h("span", {}, `${chat.agents.map(userName).join(", ")} is in this chat. You are looking on.`),
      h("button", { type: "button", onclick: () => takeOver(chat) }, "Take over"),
      primary("Join", () => take(chat), "Alt+J"),
    );
  }
}

function toggleDetails() {
  const details = byId("details");
  details.hidden = !details.hidden;
  renderChat();
}

let retryTicker = 0;

function showConnection({ state, reason, message, retryAt }) {
  if (state === "waiting" || state === "stopped") {
    outbox?.pause();
    desk.forgetTyping();
  }
  byId("connection").dataset.state = state;
  const words = { connecting: "Connecting…", online: "Online", waiting: "Offline", stopped: "Signed out" };
  setText(byId("connection-text"), words[state]);
  clearInterval(retryTicker);
  const banner = byId("banner");
  banner.hidden = state === "online" || state === "connecting" || !signedIn;
  if (state === "waiting") {
    const tick = () => {
      const seconds = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
      setText(byId("banner-text"), `The connection is lost. Trying again in ${seconds} s. What you write is kept.`);
    };
    tick();
    retryTicker = setInterval(tick, 500);
    byId("banner-action").hidden = false;
  } else if (state === "stopped" && signedIn) {
    if (reason === "authentication") {
      credentials.clear();
      signedIn = null;
      showSignIn(`The server refused the token: ${message}`);
    } else if (reason) {
      setText(byId("banner-text"), `${STOP_TEXT[reason] ?? (message || reason)} Reload the page to sign in again.`);
      byId("banner-action").hidden = true;
    }
  }
  render();
}

// ---- listening ----

byId("signin-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = byId("signin-token");
  const token = credentials.withScheme(field.value);
  field.value = "";
  signIn({ agents: [{ id: null, name: null, token }], current: 0 });
});

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});

reply.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.altKey && !event.isComposing) {
    event.preventDefault();
    send();
  }
});
reply.addEventListener("input", noteTyping);
reply.addEventListener("blur", stopTyping);
privateBox.addEventListener("change", () => {
  stopTyping();
  renderChat();
});
byId("accepting").addEventListener("click", toggleAccepting);
byId("help-button").addEventListener("click", openHelp);
byId("back").addEventListener("click", leaveChat);
byId("banner-action").addEventListener("click", () => session.retryNow());
addEventListener("focus", markSeen);
document.addEventListener("visibilitychange", markSeen);
document.addEventListener("click", (event) => {
  const menu = byId("agent-menu");
  if (menu.open && !menu.contains(event.target)) menu.open = false;
});

const ALT_KEYS = {
  ArrowUp: () => select(list.neighbour(-1)),
  ArrowDown: () => select(list.neighbour(1)),
  KeyR: () => reply.focus(),
  KeyN: () => privateBox.click(),
  KeyJ: (actions) => actions.take?.(),
  KeyT: (actions) => actions.transfer?.(),
  KeyE: (actions) => actions.close?.(),
  KeyI: () => toggleDetails(),
  KeyS: () => byId("accepting").click(),
};

document.addEventListener("keydown", (event) => {
  if (view.hidden || document.querySelector("dialog[open]")) return;
  const writing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (event.altKey && !event.ctrlKey && !event.metaKey && ALT_KEYS[event.code]) {
    event.preventDefault();
    const chat = selected();
    ALT_KEYS[event.code](chat ? actionsOf(chat) : {});
  } else if (event.key === "?" && !writing) {
    openHelp();
  } else if (event.key === "Escape") {
    if (byId("agent-menu").open) byId("agent-menu").open = false;
    else if (selectedId !== null) leaveChat();
  }
});

wideEnough.addEventListener("change", () => {
  byId("details").hidden = !wideEnough.matches;
  renderChat();
});

boot();
