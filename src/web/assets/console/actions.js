// What an agent does with a chat, and with their own status. A refusal is shown in the server's own words.

import { announce, toast, toastError } from "../shared/dom.js";
import { askTransfer } from "./dialogs.js";

export class Actions {
  #app;

  /** @param app  the parts that the page shares, see main.js */
  constructor(app) {
    this.#app = app;
  }

  /** What can be done with a chat now; its buttons and the shortcuts. */
  of(chat) {
    if (!chat?.active) return {};
    const actions = { transfer: () => this.#transfer(chat), close: () => this.#close(chat) };
    return this.#app.desk.isMine(chat) ? actions : { ...actions, take: () => this.take(chat) };
  }

  async take(chat) {
    const { desk } = this.#app;
    const joined = await this.#act("The chat could not be taken", "add_user_to_chat", {
      chat_id: chat.id,
      user_id: desk.me.id,
      user_type: "agent",
      visibility: "all",
      ignore_requester_presence: true,
    });
    if (!joined) return;
    await this.#app.refresh(chat.id); // the push may still be on its way, and the reply wants the focus now
    this.#writeIn(chat);
  }

  takeOver(chat) {
    return this.#act("The chat could not be taken over", "transfer_chat", {
      id: chat.id,
      target: { type: "agent", ids: [this.#app.desk.me.id] },
      ignore_requester_presence: true,
    });
  }

  leave(chat) {
    return this.#act("You could not leave the chat", "remove_user_from_chat", {
      chat_id: chat.id,
      user_id: this.#app.desk.me.id,
      user_type: "agent",
    });
  }

  async reopen(chat) {
    const done = await this.#act("The chat could not be opened again", "resume_chat", { chat: { id: chat.id, access: chat.access } });
    if (!done) return;
    await this.#app.refresh(chat.id);
    this.#writeIn(chat);
  }

  async #transfer(chat) {
    const { desk } = this.#app;
    await this.#app.loadStatuses();
    const agents = [...desk.statuses]
      .filter(([id, status]) => id !== desk.me.id && status !== "offline")
      .map(([id, status]) => ({ id, status, name: desk.agentName(id) }))
      .sort((a, b) => a.status.localeCompare(b.status) || a.name.localeCompare(b.name));
    const choice = await askTransfer({ agents, groups: desk.groupIds() });
    if (!choice) return;
    const done = await this.#act("The chat could not be transferred", "transfer_chat", {
      id: chat.id,
      ...choice,
      ignore_requester_presence: !desk.isMine(chat),
    });
    if (done) toast("The chat was transferred.");
  }

  async #close(chat) {
    this.#app.focusBar(chat.id); // the composer goes away with the focus in it
    const done = await this.#act("The chat could not be closed", "deactivate_chat", {
      id: chat.id,
      ignore_requester_presence: !this.#app.desk.isMine(chat),
    });
    if (!done) this.#app.focusBar(null);
  }

  async toggleAccepting() {
    const { desk } = this.#app;
    const accepting = desk.statuses.get(desk.me.id) === "accepting_chats";
    const status = accepting ? "not_accepting_chats" : "accepting_chats";
    if (!(await this.#act("Your status could not be changed", "set_routing_status", { status }))) return;
    desk.statuses.set(desk.me.id, status);
    announce(accepting ? "You accept no new chats." : "You accept chats.");
    this.#app.render();
  }

  #writeIn(chat) {
    if (chat !== this.#app.selected()) return;
    this.#app.renderChat();
    this.#app.composer.focus();
  }

  async #act(doing, action, payload) {
    try {
      await this.#app.session.request(action, payload);
      return true;
    } catch (error) {
      toastError(error, doing);
      return false;
    }
  }
}
