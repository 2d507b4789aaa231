// The list of chats at the left: sections, one tab stop, arrow keys inside.

import { h, setChildren, setText } from "../shared/dom.js";
import { avatar } from "../shared/timeline.js";
import { eventSummary, roughDuration, shortAge, userName } from "../shared/format.js";

const SECTIONS = [
  { key: "mine", title: "My chats", empty: "No chats assigned to you." },
  { key: "queued", title: "Queue", empty: "Nobody is waiting." },
  { key: "others", title: "With other agents", empty: "No other chats." },
  { key: "closed", title: "Closed", empty: "Nothing closed yet." },
];

export class ChatList {
  #place;
  #options;
  #sections = new Map();
  #items = new Map();
  #order = [];

  /** @param options desk, selected() → chat id, onSelect(id), onMoreClosed() */
  constructor(place, options) {
    this.#place = place;
    this.#options = options;
    for (const { key, title, empty } of SECTIONS) {
      const heading = h("span", { id: `section-${key}` }, title);
      const count = h("span.count", {});
      const list = h("div.items", { role: "listbox", "aria-labelledby": `section-${key}` });
      const nothing = h("p.nothing", {}, empty);
      const more = h("button.link.more", { type: "button", hidden: true, onclick: () => options.onMoreClosed() }, "Show earlier");
      place.append(h("section.section", { "data-section": key }, h("h2", {}, heading, count), list, nothing, more));
      this.#sections.set(key, { count, list, nothing, more });
    }
    place.addEventListener("keydown", (event) => this.#onKey(event));
    setInterval(() => this.update(), 30_000); // ages
  }

  set moreClosed(hasMore) {
    this.#sections.get("closed").more.hidden = !hasMore;
  }

  update() {
    const { desk } = this.#options;
    const sections = desk.sections();
    this.#order = SECTIONS.flatMap(({ key }) => sections[key].map((chat) => chat.id));
    for (const id of this.#items.keys()) if (!desk.chats.has(id)) this.#items.delete(id);
    const selected = this.#options.selected();
    const tabStop = this.#order.includes(selected) ? selected : this.#order[0];
    for (const { key } of SECTIONS) {
      const { count, list, nothing } = this.#sections.get(key);
      setText(count, sections[key].length > 0 ? String(sections[key].length) : "");
      nothing.hidden = sections[key].length > 0;
      setChildren(
        list,
        sections[key].map((chat) => this.#item(chat, key, { selected: chat.id === selected, tabStop: chat.id === tabStop })),
      );
    }
  }

  /** The chat before or after the selected one, in the order shown. */
  neighbour(step) {
    const at = this.#order.indexOf(this.#options.selected());
    return this.#order[at === -1 ? 0 : Math.max(0, Math.min(this.#order.length - 1, at + step))];
  }

  #item(chat, section, { selected, tabStop }) {
    let item = this.#items.get(chat.id);
    if (!item) {
      item = this.#build(chat.id);
      this.#items.set(chat.id, item);
    }
    const { desk } = this.#options;
    const name = userName(chat.customer ?? { type: "customer", id: chat.id });
    const unread = section === "mine" ? chat.unreadBy(desk.me.id) : 0;
    const agents = chat.agents.map((agent) => (agent.id === desk.me.id ? "you" : userName(agent)));
    const who = item.dataset.name;
    if (who !== name) {
      item.dataset.name = name;
      item.parts.avatar.replaceWith((item.parts.avatar = avatar(chat.customer?.id ?? chat.id, name)));
      setText(item.parts.name, name);
    }
    const last = chat.lastWritten;
    const typing = [...chat.typing].some((id) => id !== desk.me.id) || chat.sneakPeek;
    const prefix = last?.author_id === desk.me.id ? "You: " : "";
    setText(item.parts.preview, typing ? "typing…" : prefix + eventSummary(last) || "No messages yet");
    item.parts.preview.classList.toggle("is-typing", Boolean(typing));
    setText(item.parts.age, chat.lastActivity ? shortAge(chat.lastActivity) : "");
    setText(item.parts.note, note(chat, section, agents));
    item.parts.note.hidden = item.parts.note.textContent === "";
    setText(item.parts.unread, unread > 0 ? String(unread) : "");
    item.parts.unread.hidden = unread === 0;
    item.classList.toggle("is-unread", unread > 0);
    item.setAttribute("aria-selected", String(selected));
    item.tabIndex = tabStop ? 0 : -1;
    return item;
  }

  #build(id) {
    const parts = {
      avatar: avatar(id, "?"),
      name: h("span.name", {}),
      age: h("span.age", {}),
      preview: h("span.preview", { dir: "auto" }),
      note: h("span.note", {}),
      unread: h("span.badge", { hidden: true }),
    };
    const item = h(
      "div.item",
      { role: "option", "data-chat": id, onclick: () => this.#options.onSelect(id) },
      parts.avatar,
      h(
        "span.lines",
        {},
        h("span.line", {}, parts.name, parts.age),
        h("span.line", {}, parts.preview, parts.unread, h("span.visually-hidden", {}, " ")),
        parts.note,
      ),
    );
    item.parts = parts;
    return item;
  }

  #onKey(event) {
    const item = event.target.closest("[data-chat]");
    if (!item || event.altKey || event.ctrlKey || event.metaKey) return;
    const at = this.#order.indexOf(item.dataset.chat);
    const target = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: this.#order.length - 1 }[event.key];
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.#options.onSelect(item.dataset.chat, { focusReply: true });
    } else if (target !== undefined) {
      event.preventDefault();
      const next = this.#items.get(this.#order[Math.max(0, Math.min(this.#order.length - 1, target))]);
      item.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    }
  }

  focus(chatId) {
    this.#items.get(chatId)?.focus();
  }
}

function note(chat, section, agents) {
  if (section === "queued") {
    const { queue } = chat;
    if (!queue) return "Unassigned";
    return `Number ${queue.position}${queue.wait_time > 0 ? `, ${roughDuration(queue.wait_time)}` : ""}`;
  }
  if (section === "others") return `With ${agents.join(", ")}`;
  if (section === "mine" && agents.length > 1) return `With ${agents.filter((name) => name !== "you").join(", ")}`;
  return "";
}

