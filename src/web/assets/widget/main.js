// The customer's page: one conversation, started, carried on, ended and started again. Everything goes through the
// public customer RTM protocol.

import { announce, autosize, byId, coalesce, icon, setChildren, setText, toast, toastError } from "../shared/dom.js";
import { Conversation } from "../shared/conversation.js";
import { eventSummary, roughDuration, userName } from "../shared/format.js";
import { Outbox } from "../shared/outbox.js";
import { RtmSession } from "../shared/rtm.js";
import { Timeline, avatar } from "../shared/timeline.js";
import { GreetingCard } from "./greeting.js";
import { CustomerToken, configuration } from "./token.js";

const MAX_MESSAGE_BYTES = 16_384;
const PEEK_EVERY_MS = 1_000;
const TYPING_SHOWN_MS = 12_000;
/** Messages written before the chat has an id. */
const NEW_CHAT = "new";

const STOP_TEXT = {
  authentication: "The server did not accept this page.",
  customer_banned: "You cannot chat here at the moment.",
  license_expired: "This chat is not available.",
  license_not_found: "This chat is not available.",
  logged_out_remotely: "You were signed out.",
  too_many_connections: "This chat is open in too many windows. Close some and reload this page.",
  inactivity_timeout: "You were away for a while. Reload the page to go on.",
};

let session = null;
let outbox = null;
let customer = { id: "", name: "", email: "" };
let profile = {}; // what the customer said of themselves on this page
let conversation = new Conversation(NEW_CHAT);
let mode = "loading"; // loading, start, chat, stopped
const typingTimers = new Map();

const page = byId("widget");
const message = byId("message");
const first = byId("first");
const fitMessage = autosize(message);

const timeline = new Timeline(byId("scroller"), {
  me: () => customer.id,
  outbox: { of: (id) => outbox?.of(id) ?? [], retry: (item) => outbox.retry(item), discard: (item) => outbox.discard(item) },
  onOlder: () => loadOlder(),
  onBottom: () => markSeen(),
});

const greeting = new GreetingCard({
  ask: (action, payload) => session.request(action, payload),
  say: (text) => write(text) && message.focus(),
  onChange: () => render(),
});

const render = coalesce(show);

// ---- start ----

async function boot() {
  byId("send").append(icon("send"));
  let client;
  try {
    client = await configuration();
  } catch (error) {
    return stopped(error.message);
  }
  const token = new CustomerToken(client);
  outbox = new Outbox({ key: `switchboard.outbox.${client.organizationId}`, deliver, onChange: render });
  session = new RtmSession({
    surface: "customer",
    query: () => `organization_id=${encodeURIComponent(client.organizationId)}`,
    loginPayload: async () => ({
      token: await token.get(),
      customer: profile,
      customer_page: { url: location.href, title: document.title },
      is_mobile: matchMedia("(max-width: 600px)").matches,
      application: { name: "Switchboard customer page" },
    }),
    onLogin: (answer) => {
      token.accepted();
      return catchUp(answer);
    },
    onPush: receive,
    onStatus: showConnection,
    renewToken: () => token.forget(),
  });
  session.start();
}

/** After the first login and after every gap: the newest chat, and what of it this page has not seen. */
async function catchUp(answer) {
  customer = { ...customer, ...answer.customer };
  greeting.show(answer.greeting);
  const { chats_summary: summaries } = await session.request("list_chats", { limit: 10 });
  const newest = summaries.find((summary) => summary.active) ?? summaries[0];
  if (newest) {
    adopt(newest.id);
    conversation.mergeSummary(newest);
    await loadNewest();
    conversation.mergeChat(await session.request("get_chat", { chat_id: newest.id })); // who is in it now
  }
  mode = conversation.active || outbox.of(conversation.id).length > 0 ? "chat" : "start";
  outbox.resume();
  render();
}

/** The chat got its id: messages that opened it belong to it. */
function adopt(chatId) {
  if (conversation.id === chatId) return;
  conversation = new Conversation(chatId);
  outbox.rename(NEW_CHAT, chatId);
}

function settleOutbox() {
  for (const item of outbox.of(conversation.id)) {
    if (conversation.findEventByCustomId(item.event.custom_id)) outbox.settle(item.event.custom_id);
  }
}

async function loadNewest() {
  conversation.mergeThreadPage(await session.request("list_threads", { chat_id: conversation.id, limit: 3 }), { first: true });
  settleOutbox();
}

/** A chat that came by a push may have a history from before this page. */
async function loadHistory() {
  try {
    await loadNewest();
  } catch (error) {
    if (error.type !== "connection_lost") toastError(error, "Earlier messages could not be loaded");
  }
  render();
}

async function loadOlder() {
  if (conversation.older.state !== "more" || !session?.ready) return;
  conversation.older.state = "loading";
  try {
    const older = await session.request("list_threads", { chat_id: conversation.id, page_id: conversation.older.pageId });
    conversation.mergeThreadPage(older, { first: false });
  } catch (error) {
    conversation.older.state = error.type === "connection_lost" ? "more" : "failed";
    if (error.type !== "connection_lost") toastError(error, "Earlier messages could not be loaded");
  }
  render();
}

// ---- writing ----

/** Sends one message: into the active thread, else it opens the next thread of the chat, else the first chat. */
async function deliver(item) {
  const { event } = item;
  if (conversation.active) {
    await session.request("send_event", { chat_id: conversation.id, event });
  } else if (conversation.id !== NEW_CHAT) {
    const thread = { events: [event], ...greeting.threadProperties };
    const answer = await session.request("resume_chat", { chat: { id: conversation.id, thread } });
    opened(answer.thread_id);
  } else {
    const thread = { events: [event], ...greeting.threadProperties };
    const answer = await session.request("start_chat", { chat: { thread } });
    adopt(answer.chat_id);
    opened(answer.thread_id);
  }
}

/** The answer may be read before the push that tells of the thread. */
function opened(threadId) {
  greeting.show(null);
  if (!conversation.threads.has(threadId)) {
    conversation.mergeThread({ id: threadId, active: true, created_at: new Date().toISOString() });
  }
  render();
}

function write(text) {
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > MAX_MESSAGE_BYTES) {
    toast(`A message may have ${MAX_MESSAGE_BYTES} bytes; this one has ${bytes}.`, { error: true });
    return false;
  }
  outbox.add(conversation.id, { type: "message", text });
  mode = "chat";
  show();
  timeline.toBottom();
  return true;
}

async function begin() {
  const text = first.value.trim();
  if (text === "") return;
  const known = { name: byId("name").value.trim(), email: byId("email").value.trim() };
  profile = Object.fromEntries(Object.entries(known).filter(([key, value]) => value && value !== customer[key]));
  if (Object.keys(profile).length > 0) {
    try {
      await session.request("update_customer", profile);
      customer = { ...customer, ...profile };
    } catch (error) {
      if (error.type !== "connection_lost") {
        toastError(error, "Your name could not be kept");
        return;
      }
      // The next login tells it.
    }
  }
  if (!write(text)) return;
  first.value = "";
  message.focus();
}

function send() {
  const text = message.value.trim();
  if (text === "") return;
  endPeek();
  if (!write(text)) return;
  message.value = "";
  fitMessage();
}

let peekTimer = 0;

/** Agents see what is being written; losing one of these hurts nobody. */
function peek() {
  if (peekTimer) return;
  peekTimer = setTimeout(() => {
    peekTimer = 0;
    if (!conversation.active || !session.ready) return;
    session
      .request("send_sneak_peek", { chat_id: conversation.id, sneak_peek_text: message.value.slice(0, 2_000) })
      .catch((error) => console.debug("sneak peek:", error.message));
  }, PEEK_EVERY_MS);
}

function endPeek() {
  clearTimeout(peekTimer);
  peekTimer = 0;
}

async function end() {
  const dialog = byId("confirm");
  dialog.returnValue = "";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  if (dialog.returnValue !== "end") return;
  try {
    await session.request("deactivate_chat", { id: conversation.id });
  } catch (error) {
    toastError(error, "The chat could not be ended");
  }
}

// ---- pushes ----

function receive(action, payload) {
  if (action === "incoming_chat") incomingChat(payload.chat);
  else if (action === "customer_updated") customer = { ...customer, ...payload };
  else if (action === "incoming_greeting") greeting.show(payload);
  else if (action === "greeting_canceled") greeting.gone(payload.unique_id);
  else if (payload?.chat_id === conversation.id) receiveInChat(action, payload);
  render();
}

function incomingChat(chat) {
  if (conversation.active && conversation.id !== chat.id) return; // another chat of this customer, from elsewhere
  adopt(chat.id);
  conversation.mergeChat(chat);
  settleOutbox();
  if (conversation.active) {
    mode = "chat";
    greeting.show(null); // whoever chats is past being greeted
  }
  if (conversation.older.state === "unknown" && session.ready) loadHistory();
}

function receiveInChat(action, payload) {
  switch (action) {
    case "incoming_event":
    case "event_updated": {
      const event = conversation.addEvent(payload.thread_id, payload.event);
      if (!event) break;
      if (event.custom_id && event.author_id === customer.id) outbox.settle(event.custom_id);
      if (event.author_id !== customer.id) {
        const author = event.author_id ? `${userName(conversation.users.get(event.author_id))}: ` : "";
        announce(author + eventSummary(event));
      }
      break;
    }
    case "event_deleted":
      conversation.removeEvent(payload.thread_id, payload.event_id);
      break;
    case "chat_deactivated":
      conversation.deactivate(payload.thread_id);
      if (outbox.of(conversation.id).length === 0) mode = "start";
      break;
    case "chat_transferred":
      conversation.setQueue(payload.queue ?? null);
      break;
    case "user_added_to_chat":
      conversation.addUser(payload.user);
      if (payload.user.type === "agent") announce(`${userName(payload.user)} joined.`);
      break;
    case "user_removed_from_chat":
      conversation.removeUser(payload.user_id);
      break;
    case "queue_position_updated":
      conversation.setQueue(payload.queue);
      break;
    case "incoming_typing_indicator": {
      const { author_id: author, is_typing: isTyping } = payload.typing_indicator;
      conversation.setTyping(author, isTyping);
      clearTimeout(typingTimers.get(author));
      const expire = () => {
        conversation.setTyping(author, false);
        render();
      };
      typingTimers.set(author, setTimeout(expire, TYPING_SHOWN_MS));
      break;
    }
    case "events_marked_as_seen":
      conversation.markSeen(payload.user_id, payload.seen_up_to);
      break;
    default:
      break;
  }
}

function markSeen() {
  if (!session?.ready || document.visibilityState === "hidden" || !document.hasFocus()) return;
  const last = conversation.lastThread?.events.at(-1);
  if (!last || conversation.unreadBy(customer.id) === 0 || !timeline.isAtBottom) return;
  conversation.markSeen(customer.id, last.created_at);
  session.request("mark_events_as_seen", { chat_id: conversation.id, seen_up_to: last.created_at }).catch((error) => {
    if (error.type !== "connection_lost") toastError(error, "The message could not be marked as seen");
  });
}

// ---- showing ----

function show() {
  page.dataset.mode = mode;
  const { active, agents, queue } = conversation;
  const hasHistory = conversation.orderedThreads().some((thread) => thread.events.length > 0);
  const names = agents.map(userName);
  if (mode === "chat" || mode === "start") {
    setText(byId("title"), active && names.length > 0 ? names.join(", ") : "Chat with us");
    setText(byId("subtitle"), subtitle(active, names, queue, hasHistory));
  }
  setChildren(
    byId("faces"),
    (active ? agents : []).slice(0, 3).map((agent) => avatar(agent.id, userName(agent))),
  );
  byId("end").hidden = !(mode === "chat" && active);
  byId("start").hidden = mode !== "start";
  byId("composer").hidden = mode !== "chat";
  byId("scroller").hidden = mode === "start" && !hasHistory;
  greeting.render(mode === "start");
  byId("greeting").hidden = mode === "start" && greeting.isShown && !hasHistory;
  byId("fields").hidden = Boolean(customer.name && customer.email) || hasHistory;
  setText(
    byId("greeting"),
    hasHistory ? "This chat has ended. Write again, and it goes on from here." : "Hello! What can we do for you?",
  );
  setText(byId("begin"), hasHistory ? "Start a new chat" : "Start the chat");
  byId("queue").hidden = !(active && (queue || agents.length === 0));
  setText(byId("queue"), queueText(queue));
  timeline.show(conversation);
  markSeen();
}

function subtitle(active, names, queue, hasHistory) {
  if (active && names.length > 0) return names.length === 1 ? "is here for you" : "are here for you";
  if (active && queue) return "You are in the queue";
  if (active) return "We answer as soon as somebody is here";
  return hasHistory ? "The last chat has ended" : "Write to us, we answer here";
}

function queueText(queue) {
  if (!queue) return "Nobody is free at this moment. Leave your message: it is kept, and the answer appears here.";
  const wait = queue.wait_time > 0 ? ` The wait is ${roughDuration(queue.wait_time)}.` : "";
  return queue.position === 1 ? `You are next.${wait}` : `You are number ${queue.position} in the queue.${wait}`;
}

let retryTicker = 0;

function showConnection({ state, reason, message: why, retryAt }) {
  clearInterval(retryTicker);
  const banner = byId("banner");
  banner.hidden = state !== "waiting";
  page.dataset.connection = state;
  if (state === "waiting") {
    outbox.pause();
    const tick = () => {
      const seconds = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
      setText(byId("banner-text"), `The connection is lost. Trying again in ${seconds} s.`);
    };
    tick();
    retryTicker = setInterval(tick, 500);
  } else if (state === "stopped") {
    outbox.pause();
    stopped(STOP_TEXT[reason] ?? (why || reason));
  }
}

function stopped(text) {
  mode = "stopped";
  show();
  setText(byId("subtitle"), "Not connected");
  byId("banner").hidden = false;
  byId("banner-action").hidden = true;
  setText(byId("banner-text"), text);
}

// ---- listening ----

byId("start").addEventListener("submit", (event) => {
  event.preventDefault();
  begin();
});
byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
const sendOnEnter = (field, action) =>
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.altKey && !event.isComposing) {
      event.preventDefault();
      action();
    }
  });
sendOnEnter(message, send);
sendOnEnter(first, begin);
message.addEventListener("input", peek);
byId("end").addEventListener("click", end);
byId("banner-action").addEventListener("click", () => session.retryNow());
addEventListener("focus", markSeen);
document.addEventListener("visibilitychange", render);

boot();
