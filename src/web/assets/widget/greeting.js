// The greeting that the server shows to a customer who does not chat: a card above the first message. The server is told
// once it was really seen, and when it is closed; a chat that begins while it is there names it.

import { announce, byId, h, icon, outsideLink, setChildren, textWithLinks } from "../shared/dom.js";
import { userName } from "../shared/format.js";
import { avatar } from "../shared/timeline.js";

export class GreetingCard {
  #ask;
  #say;
  #onChange;
  #greeting = null;
  #seen = false;
  /** One that waits for the customer to leave is hidden until they are about to. */
  #waits = false;

  /**
   * @param ask  sends a request: (action, payload) → Promise
   * @param say  opens the chat with a text that the customer chose
   * @param onChange  something else is to be shown
   */
  constructor({ ask, say, onChange }) {
    this.#ask = ask;
    this.#say = say;
    this.#onChange = onChange;
    document.documentElement.addEventListener("mouseleave", () => this.#reveal());
  }

  /** What the server told: by a push, or as it answers a login (nothing there: nothing is greeted any more). */
  show(greeting) {
    if (greeting?.unique_id === this.#greeting?.unique_id) return;
    this.#greeting = greeting ?? null;
    this.#seen = greeting?.accepted === true;
    this.#waits = greeting?.is_exit_intent === true && !this.#seen;
    setChildren(byId("greeting-card"), greeting ? this.#parts(greeting) : []);
  }

  gone(uniqueId) {
    if (this.#greeting?.unique_id === uniqueId) this.show(null);
  }

  /** The properties of a thread that begins now. */
  get threadProperties() {
    if (!this.isShown) return {};
    const { id, unique_id: uniqueId } = this.#greeting;
    return { properties: { lc2: { greeting_id: id, greeting_unique_id: uniqueId } } };
  }

  get isShown() {
    return this.#greeting !== null && !this.#waits;
  }

  /** The card is on the page or not; once somebody can see it, the server is told. */
  render(wanted) {
    byId("greeting-card").hidden = !(wanted && this.isShown);
    if (!wanted || !this.isShown || this.#seen || document.visibilityState === "hidden") return;
    this.#seen = true;
    const { id, unique_id: uniqueId, event } = this.#greeting;
    announce(event.text ?? event.elements?.map((element) => element.title).join(", ") ?? "");
    this.#tell("accept_greeting", { greeting_id: id, unique_id: uniqueId });
  }

  #reveal() {
    if (!this.#waits) return;
    this.#waits = false;
    this.#onChange();
  }

  /** One that is gone on the server was replaced by a newer one, which is shown by its own push. */
  #tell(action, payload) {
    this.#ask(action, payload).catch((error) => console.debug(`${action}:`, error.message));
  }

  #close() {
    const { unique_id: uniqueId } = this.#greeting;
    this.show(null);
    this.#onChange();
    byId("first").focus();
    this.#tell("cancel_greeting", { unique_id: uniqueId });
  }

  #parts({ agent, event }) {
    const close = h("button.quiet", { type: "button", "aria-label": "Close", onclick: () => this.#close() }, icon("close"));
    const said = event.type === "rich_message" ? (event.elements ?? []).map((element) => this.#element(element)) : textWithLinks(event.text ?? "");
    return [
      avatar(agent.id, userName(agent)),
      h("div.said", {}, h("div.who", {}, userName(agent)), h("div.bubble", { dir: "auto" }, said)),
      close,
    ];
  }

  #element({ title, subtitle, buttons }) {
    return h(
      "div.rich",
      {},
      title ? h("strong", {}, title) : null,
      subtitle ? h("p", {}, subtitle) : null,
      h("div.choices", {}, (buttons ?? []).map((button) => this.#button(button))),
    );
  }

  #button({ type, value, text, postback_id: id, target }) {
    const pressed = () => this.#tell("send_greeting_button_clicked", { greeting_unique_id: this.#greeting.unique_id, button_id: id });
    if (type === "url" || type === "webview") {
      const link = outsideLink(value ?? "", text);
      if (typeof link === "string") return link; // no address of the web
      link.classList.add("button");
      if (target === "current") link.target = "_self";
      link.addEventListener("click", pressed);
      return link;
    }
    if (type === "phone") {
      return h("a.button", { href: `tel:${(value ?? "").replaceAll(/[^+\d]/g, "")}`, onclick: pressed }, text);
    }
    const choose = () => {
      pressed();
      this.#say(text);
    };
    return h("button", { type: "button", onclick: choose }, text);
  }
}
