// The list of messages of one chat: threads, days, events, messages on their way, who is typing.
// It keeps the place: at the bottom it follows new messages, further up it stays where the reader is.

import { h, icon, outsideLink, setChildren, textWithLinks } from "./dom.js";
import { clockTime, dayName, fileSize, fullTime, hueClass, initials, isSameDay, userName } from "./format.js";
import { compareTimes } from "./conversation.js";

const GROUP_WITHIN_MS = 3 * 60_000;
const NEAR_PX = 80;

export class Timeline {
  #scroller;
  #list;
  #jump;
  #rows = new Map();
  #conversation = null;
  #options;
  #following = true;
  #unseenBelow = 0;
  #reachedEdge;

  /**
   * @param {HTMLElement} scroller  the element that scrolls
   * @param {object} options
   *   me()            id of the reader
   *   outbox          Outbox
   *   onOlder()       asked when the reader nears the top
   *   onBottom()      asked when the newest message is in view
   */
  constructor(scroller, options) {
    this.#scroller = scroller;
    this.#options = options;
    this.#list = h("ol.timeline");
    this.#jump = h(
      "button.jump",
      { type: "button", hidden: true, onclick: () => this.toBottom() },
      icon("arrowDown"),
      h("span", {}, "New messages"),
    );
    scroller.append(this.#list);
    scroller.after(this.#jump);
    this.#reachedEdge = () => {
      if (!this.#conversation) return;
      if (scroller.scrollTop < NEAR_PX * 2) this.#options.onOlder();
      if (this.isAtBottom) {
        this.#unseenBelow = 0;
        this.#jump.hidden = true;
        this.#options.onBottom();
      }
    };
    scroller.addEventListener("scroll", () => {
      this.#following = this.isAtBottom;
      this.#reachedEdge();
    });
    new ResizeObserver(() => {
      if (this.#following) this.toBottom();
    }).observe(scroller);
  }

  get isAtBottom() {
    return this.#scroller.scrollHeight - this.#scroller.scrollTop - this.#scroller.clientHeight < NEAR_PX;
  }

  toBottom() {
    this.#following = true;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#reachedEdge();
  }

  show(conversation) {
    if (this.#conversation !== conversation) {
      this.#conversation = conversation;
      this.#rows.clear();
      this.#unseenBelow = 0;
      this.#following = true;
    }
    this.update();
  }

  update() {
    const conversation = this.#conversation;
    const before = { height: this.#scroller.scrollHeight, top: this.#scroller.scrollTop };
    const firstKey = this.#list.querySelector("[data-event]")?.dataset.event;
    const rows = new Map();
    for (const row of conversation ? this.#describe(conversation) : []) {
      const signature = JSON.stringify(row.signature);
      const known = this.#rows.get(row.key);
      rows.set(row.key, known?.signature === signature ? known : { signature, element: row.build() });
    }
    const added = [...rows.keys()].some((key) => key.startsWith("event:") && !this.#rows.has(key));
    this.#rows = rows;
    setChildren(this.#list, [...rows.values()].map((row) => row.element));

    const grownAbove = firstKey !== undefined && this.#list.querySelector("[data-event]")?.dataset.event !== firstKey;
    if (this.#following) {
      this.toBottom();
    } else if (grownAbove) {
      this.#scroller.scrollTop = before.top + this.#scroller.scrollHeight - before.height;
    } else if (added) {
      this.#unseenBelow += 1;
      this.#jump.hidden = false;
    }
    // Threads may be short: fill the view before anybody has to scroll.
    if (conversation && this.#scroller.scrollHeight <= this.#scroller.clientHeight) this.#options.onOlder();
  }

  // ---- what there is to show ----

  *#describe(conversation) {
    const me = this.#options.me();
    yield this.#edge(conversation);

    const seenBy = this.#lastSeen(conversation, me);
    let previous = null;
    let day = null;
    for (const thread of conversation.orderedThreads()) {
      if (thread.events.length === 0 && !thread.active) continue;
      yield threadRow(thread);
      day = thread.created_at;
      previous = null;
      if (thread.restricted_access) yield noteRow(`restricted:${thread.id}`, `This part is closed to you: ${thread.restricted_access}`);
      for (const event of thread.events) {
        if (!isSameDay(day, event.created_at)) {
          day = event.created_at;
          previous = null;
          yield noteRow(`day:${thread.id}:${event.created_at.slice(0, 10)}`, dayName(event.created_at), "day");
        }
        yield this.#eventRow(conversation, event, previous, me, event.id === seenBy?.eventId ? seenBy.text : "");
        previous = event;
      }
    }
    for (const item of this.#options.outbox.of(conversation.id)) {
      yield this.#outgoingRow(item, previous, me);
      previous = { ...item.event, author_id: me, created_at: item.writtenAt };
    }
    if (conversation.sneakPeek) yield sneakPeekRow(conversation);
    yield* typingRow(conversation, me);
  }

  #edge(conversation) {
    const text = { more: "Loading…", loading: "Loading…", failed: "Earlier messages could not be loaded" }[conversation.older.state] ?? "";
    return {
      key: "edge",
      signature: [text],
      build: () => h("li.edge", { hidden: text === "" }, text),
    };
  }

  /** The newest own message that the other side has seen. */
  #lastSeen(conversation, me) {
    const own = conversation.lastThread?.events.filter((event) => event.author_id === me && event.visibility !== "agents") ?? [];
    const readers = [...conversation.users.values()].filter((user) => user.id !== me && user.events_seen_up_to);
    const iAmCustomer = conversation.users.get(me)?.type === "customer";
    const others = readers.filter((user) => (iAmCustomer ? user.type === "agent" : user.type === "customer"));
    for (const event of own.reverse()) {
      const by = others.filter((user) => compareTimes(user.events_seen_up_to, event.created_at) >= 0);
      if (by.length > 0) return { eventId: event.id, text: "Seen" };
    }
    return null;
  }

  #eventRow(conversation, event, previous, me, seen) {
    const author = event.author_id ? conversation.users.get(event.author_id) : null;
    const name = event.author_id === me ? "You" : author ? userName(author) : "Former member";
    const grouped = isContinuation(event, previous);
    if (event.type === "system_message" || event.type === "system" || (event.type === "custom" && !event.text)) {
      const text = event.type === "custom" ? "Custom event" : event.type === "system" ? (event.subtype ?? "System event") : (event.text ?? event.system_message_type);
      return {
        key: `event:${event.id}`,
        signature: [text],
        build: () => h("li.system", { "data-event": event.id, title: fullTime(event.created_at) }, h("span", {}, text)),
      };
    }
    return {
      key: `event:${event.id}`,
      signature: [event, name, grouped, seen],
      build: () =>
        messageElement({
          event,
          name,
          userId: event.author_id ?? "",
          mine: event.author_id === me,
          grouped,
          time: event.created_at,
          status: seen ? h("span.status", {}, icon("checks"), seen) : null,
          attributes: { "data-event": event.id },
        }),
    };
  }

  #outgoingRow(item, previous, me) {
    const event = { ...item.event, author_id: me, created_at: item.writtenAt };
    const grouped = isContinuation(event, previous);
    const failed = item.state === "failed";
    const { outbox } = this.#options;
    return {
      key: `out:${item.event.custom_id}`,
      signature: [item.state, item.error, grouped],
      build: () => {
        const status = failed
          ? h(
              "span.status.is-failed",
              { role: "alert" },
              icon("alert"),
              h("span", {}, `Not sent: ${item.error}`),
              h("button.link", { type: "button", onclick: () => outbox.retry(item) }, "Try again"),
              h("button.link", { type: "button", onclick: () => outbox.discard(item) }, "Delete"),
            )
          : h("span.status", {}, icon(item.state === "sent" ? "check" : "clock"), item.state === "sent" ? "Sent" : "Sending…");
        return messageElement({
          event,
          name: "You",
          userId: me,
          mine: true,
          grouped,
          time: item.writtenAt,
          status,
          attributes: { "data-outgoing": item.state },
        });
      },
    };
  }
}

const isContinuation = (event, previous) =>
  previous !== null &&
  previous.author_id === event.author_id &&
  previous.author_id !== undefined &&
  previous.type !== "system_message" &&
  (previous.visibility === "agents") === (event.visibility === "agents") &&
  Date.parse(event.created_at) - Date.parse(previous.created_at) < GROUP_WITHIN_MS;

function threadRow(thread) {
  const when = `${dayName(thread.created_at)}, ${clockTime(thread.created_at)}`;
  return {
    key: `thread:${thread.id}`,
    signature: [when],
    build: () => h("li.thread", { title: fullTime(thread.created_at) }, h("span", {}, when)),
  };
}

function noteRow(key, text, kind = "note") {
  return { key, signature: [text], build: () => h(`li.${kind}`, {}, h("span", {}, text)) };
}

function sneakPeekRow(conversation) {
  const { author_id: authorId, text } = conversation.sneakPeek;
  const name = userName(conversation.users.get(authorId));
  return {
    key: "sneak-peek",
    signature: [text, name],
    build: () =>
      h(
        "li.message.is-peek",
        { "data-peek": true },
        avatar(authorId, name),
        h("div.body", {}, h("div.who", {}, `${name} is writing`), h("div.bubble", { dir: "auto" }, text)),
      ),
  };
}

function* typingRow(conversation, me) {
  const names = [...conversation.typing].filter((id) => id !== me).map((id) => userName(conversation.users.get(id)));
  if (names.length === 0) return;
  const text = names.length === 1 ? `${names[0]} is typing` : `${names.join(" and ")} are typing`;
  yield {
    key: "typing",
    signature: [text],
    build: () => h("li.typing", {}, h("span.dots", { "aria-hidden": "true" }, h("i"), h("i"), h("i")), h("span", {}, text)),
  };
}

export function avatar(id, name) {
  return h(`span.avatar.${hueClass(id)}`, { "aria-hidden": "true" }, initials(name));
}

function messageElement({ event, name, userId, mine, grouped, time, status, attributes }) {
  const element = h("li.message", attributes);
  if (mine) element.classList.add("is-mine");
  if (grouped) element.classList.add("is-grouped");
  if (event.visibility === "agents") element.classList.add("is-private");
  const who = h(
    grouped ? "div.who.visually-hidden" : "div.who",
    {},
    h("span", {}, name),
    event.visibility === "agents" ? h("span.tag", {}, icon("lock"), "Agents only") : null,
    event.annotation_type ? h("span.tag", {}, event.annotation_type) : null,
  );
  const when = h("time", { datetime: time, title: fullTime(time) }, clockTime(time));
  element.append(
    avatar(userId, name === "You" ? "Me" : name),
    h("div.body", {}, who, h("div.bubble", { dir: "auto" }, content(event)), h("div.meta", {}, when, status)),
  );
  return element;
}

function content(event) {
  switch (event.type) {
    case "file":
      return [
        icon("file"),
        " ",
        outsideLink(event.url ?? "", event.name ?? "attachment"),
        event.size ? h("span.faint", {}, ` ${fileSize(event.size)}`) : null,
      ].filter(Boolean);
    case "rich_message":
      return (event.elements ?? []).map(richElement);
    case "form":
    case "filled_form":
      return [h("dl.form", {}, (event.fields ?? []).flatMap((field) => [h("dt", {}, field.label ?? ""), h("dd", {}, fieldAnswer(field))]))];
    default:
      return textWithLinks(event.text ?? "");
  }
}

function richElement(element) {
  return h(
    "div.rich",
    {},
    element.title ? h("strong", {}, element.title) : null,
    element.subtitle ? h("p", {}, element.subtitle) : null,
    (element.buttons ?? []).map((button) => h("span.chip", {}, button.text ?? "")),
  );
}

function fieldAnswer(field) {
  const label = (answer) => (typeof answer === "object" && answer !== null ? (answer.label ?? "") : String(answer ?? ""));
  return field.answers ? field.answers.map(label).join(", ") : label(field.answer);
}

