// Where an agent writes: drafts by chat, who may read it, the typing indicator, sending.

import { autosize, byId, toast } from "../shared/dom.js";

const MAX_MESSAGE_BYTES = 16_384;
const TYPING_EVERY_MS = 4_000;
const TYPING_ENDS_AFTER_MS = 6_000;

export class Composer {
  #app;
  #form = byId("composer");
  #reply = byId("reply");
  #private = byId("private");
  #fit;
  #drafts = new Map(); // chat id → {text, isPrivate}
  #typingSentAt = 0;
  #typingTimer = 0;
  #typingIn = null;

  /** @param app  the parts that the page shares, see main.js */
  constructor(app) {
    this.#app = app;
    this.#fit = autosize(this.#reply);
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#reply.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.altKey && !event.isComposing) {
        event.preventDefault();
        this.#send();
      }
    });
    this.#reply.addEventListener("input", () => this.#noteTyping());
    this.#reply.addEventListener("blur", () => this.#stopTyping());
    this.#private.addEventListener("change", () => {
      this.#stopTyping();
      this.#showPrivate();
    });
  }

  focus() {
    if (!this.#form.hidden) this.#reply.focus();
  }

  togglePrivate() {
    this.#private.click();
  }

  forgetDrafts() {
    this.#drafts.clear();
  }

  show(visible) {
    this.#form.hidden = !visible;
  }

  /** The chat is about to change: keeps what was written for it. */
  leave(chatId) {
    this.#stopTyping();
    if (chatId === null) return;
    if (this.#reply.value) this.#drafts.set(chatId, { text: this.#reply.value, isPrivate: this.#private.checked });
    else this.#drafts.delete(chatId);
  }

  enter(chatId) {
    const draft = this.#drafts.get(chatId);
    this.#reply.value = draft?.text ?? "";
    this.#private.checked = draft?.isPrivate ?? false;
    this.#showPrivate();
    this.#fit();
  }

  #showPrivate() {
    this.#form.classList.toggle("is-private", this.#private.checked);
  }

  #visibility() {
    return this.#private.checked ? "agents" : "all";
  }

  #send() {
    const chat = this.#app.selected();
    const text = this.#reply.value.trim();
    if (!chat || text === "") return;
    const bytes = new TextEncoder().encode(text).length;
    if (bytes > MAX_MESSAGE_BYTES) {
      toast(`A message may have ${MAX_MESSAGE_BYTES} bytes; this one has ${bytes}.`, { error: true });
      return;
    }
    this.#stopTyping();
    this.#reply.value = "";
    this.#drafts.delete(chat.id);
    this.#fit();
    this.#app.outbox.add(chat.id, { type: "message", text, visibility: this.#visibility() });
    this.#app.showNewest();
  }

  #noteTyping() {
    const { desk, session } = this.#app;
    const chat = this.#app.selected();
    if (!chat || !session.ready || !desk.isMine(chat)) return;
    if (this.#reply.value === "") return this.#stopTyping();
    clearTimeout(this.#typingTimer);
    this.#typingTimer = setTimeout(() => this.#stopTyping(), TYPING_ENDS_AFTER_MS);
    if (Date.now() - this.#typingSentAt < TYPING_EVERY_MS) return;
    this.#typingSentAt = Date.now();
    this.#typingIn = { chat_id: chat.id, visibility: this.#visibility() };
    this.#tellTyping(true);
  }

  #stopTyping() {
    clearTimeout(this.#typingTimer);
    if (this.#typingIn) this.#tellTyping(false);
    this.#typingIn = null;
    this.#typingSentAt = 0;
  }

  /** Losing one of these hurts nobody, so a refusal is not shown. */
  #tellTyping(isTyping) {
    this.#app.session
      .request("send_typing_indicator", { ...this.#typingIn, is_typing: isTyping })
      .catch((error) => console.debug("typing indicator:", error.message));
  }
}
