// The frame of the open chat: its head with the buttons, the bar for a chat that is not mine to answer, the details.

import { byId, h, icon, setChildren } from "../shared/dom.js";
import { roughDuration, userName } from "../shared/format.js";
import { avatar } from "../shared/timeline.js";
import { detailsOf } from "./details.js";

const wideEnough = matchMedia("(min-width: 1100px)");

export class ChatView {
  #app;
  #details = byId("details");
  #shown = "";
  #focusBarOf = null;

  /** @param app  the parts that the page shares, see main.js */
  constructor(app) {
    this.#app = app;
    this.#details.hidden = !wideEnough.matches;
    wideEnough.addEventListener("change", () => {
      this.#details.hidden = !wideEnough.matches;
      app.render();
    });
  }

  toggleDetails() {
    this.#details.hidden = !this.#details.hidden;
    this.#app.renderChat();
  }

  /** The bar of that chat gets the focus as soon as it is there. */
  focusBar(chatId) {
    this.#focusBarOf = chatId;
  }

  /** @param {import("../shared/conversation.js").Conversation | null} chat */
  render(chat) {
    byId("welcome").hidden = chat !== null;
    byId("chat").hidden = chat === null;
    this.#details.classList.toggle("is-empty", chat === null);
    const { desk, actions } = this.#app;
    const state = chat && JSON.stringify([chat.id, chat.active, chat.queue, [...chat.users.values()], chat.access, chat.lastThread?.id, this.#details.hidden]);
    if (state === this.#shown) return;
    this.#shown = state;
    if (!chat) return this.#details.replaceChildren();
    this.#renderHead(chat);
    this.#renderBar(chat);
    this.#details.replaceChildren(...detailsOf(chat, { me: desk.me.id, onLeave: () => actions.leave(chat) }));
  }

  #renderHead(chat) {
    const name = userName(chat.customer ?? { type: "customer", id: chat.id });
    byId("chat-who").replaceChildren(
      avatar(chat.customer?.id ?? chat.id, name),
      h("div.lines", {}, h("h1", { dir: "auto" }, name), h("p.hint", {}, this.#stateText(chat))),
    );
    const actions = this.#app.actions.of(chat);
    const button = (onclick, key, words, iconName, label) =>
      onclick &&
      h("button", { type: "button", onclick, "aria-keyshortcuts": `Alt+${key}`, title: `${label} (Alt+${key})` }, icon(iconName), h("span", {}, words));
    setChildren(
      byId("chat-actions"),
      [
        button(actions.transfer, "T", "Transfer", "forward", "Transfer the chat"),
        button(actions.close, "E", "Close", "check", "Close the chat"),
        h(
          "button.quiet",
          {
            type: "button",
            onclick: () => this.toggleDetails(),
            "aria-label": "Details",
            "aria-expanded": String(!this.#details.hidden),
            "aria-controls": "details",
            "aria-keyshortcuts": "Alt+I",
            title: "Details (Alt+I)",
          },
          icon("info"),
        ),
      ].filter(Boolean),
    );
  }

  #stateText(chat) {
    if (!chat.active) return "Closed";
    if (chat.queue) return `In the queue, number ${chat.queue.position}`;
    const names = chat.agents.map((agent) => (agent.id === this.#app.desk.me.id ? "you" : userName(agent)));
    return names.length > 0 ? `With ${names.join(", ")}` : "Unassigned";
  }

  #renderBar(chat) {
    const { desk, actions, composer } = this.#app;
    const mine = desk.isMine(chat);
    composer.show(mine);
    const bar = byId("chat-bar");
    bar.hidden = mine;
    if (mine) return;
    const primary = (text, onclick, title) => h("button.primary", { type: "button", onclick, title }, text);
    if (!chat.active) {
      bar.replaceChildren(h("span", {}, "This chat is closed."), primary("Open it again", () => actions.reopen(chat)));
      if (this.#focusBarOf === chat.id) bar.querySelector("button").focus();
      this.#focusBarOf = null;
    } else if (desk.isWaiting(chat)) {
      const wait = chat.queue?.wait_time > 0 ? ` Estimated wait: ${roughDuration(chat.queue.wait_time)}.` : "";
      bar.replaceChildren(
        h("span", {}, chat.queue ? `This customer waits at number ${chat.queue.position}.${wait}` : "Nobody has this chat yet."),
        primary("Take the chat", () => actions.take(chat), "Alt+J"),
      );
    } else {
      bar.replaceChildren(
        h("span", {}, `${chat.agents.map(userName).join(", ")} is in this chat. You are looking on.`),
        h("button", { type: "button", onclick: () => actions.takeOver(chat) }, "Take over"),
        primary("Join", () => actions.take(chat), "Alt+J"),
      );
    }
  }
}
