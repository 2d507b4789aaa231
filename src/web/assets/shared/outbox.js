// Messages on their way: shown at once, sent in order, kept over a lost connection and over a reload of the tab.
// Every message carries a `custom_id`, and the server answers a repeated one with the first event, so that sending
// again is always safe.

const MAX_TRIES = 5;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const newCustomId = () => {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `web-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
};

export class Outbox {
  #key;
  #deliver;
  #onChange;
  #busy = new Set();
  #paused = true;

  /**
   * @param {string} key  name in sessionStorage
   * @param {(item: object) => Promise<void>} deliver  sends one message; rejects with a ProtocolError
   * @param {() => void} onChange
   */
  constructor({ key, deliver, onChange }) {
    this.#key = key;
    this.#deliver = deliver;
    this.#onChange = onChange;
    this.items = JSON.parse(sessionStorage.getItem(key) ?? "[]");
  }

  of(chatId) {
    return this.items.filter((item) => item.chatId === chatId);
  }

  add(chatId, event) {
    const item = {
      chatId,
      event: { ...event, custom_id: newCustomId() },
      state: "pending",
      error: "",
      tries: 0,
      writtenAt: new Date().toISOString(),
    };
    this.items.push(item);
    this.#changed();
    this.#run(chatId);
    return item;
  }

  /** The connection is up and caught up: everything unanswered goes out again. */
  resume() {
    this.#paused = false;
    for (const chatId of new Set(this.items.map((item) => item.chatId))) this.#run(chatId);
  }

  pause() {
    this.#paused = true;
  }

  retry(item) {
    item.state = "pending";
    item.error = "";
    item.tries = 0;
    this.#changed();
    this.#run(item.chatId);
  }

  discard(item) {
    this.items = this.items.filter((other) => other !== item);
    this.#changed();
  }

  /** The chat that a first message opened is known now. */
  rename(from, to) {
    for (const item of this.items) if (item.chatId === from) item.chatId = to;
    this.#changed();
  }

  /** The event is known to be stored (a push or a history told it): nothing is left to send. */
  settle(customId) {
    const item = this.items.find((candidate) => candidate.event.custom_id === customId);
    if (item) this.discard(item);
  }

  async #run(chatId) {
    if (this.#busy.has(chatId)) return;
    this.#busy.add(chatId);
    try {
      while (!this.#paused) {
        const item = this.of(chatId).find((candidate) => candidate.state === "pending");
        if (!item) break;
        try {
          await this.#deliver(item);
          item.state = "sent";
        } catch (error) {
          if (error.type === "connection_lost") break; // stays pending; resume() sends it again
          item.tries += 1;
          const passing = error.outcomeUnknown || error.type === "too_many_requests";
          if (passing && item.tries < MAX_TRIES) {
            await pause(300 * 2 ** item.tries); // the ones behind it wait too: order is kept
            continue;
          }
          item.state = "failed";
          item.error = error.message;
        }
        this.#changed();
        if (item.chatId !== chatId) {
          this.#run(item.chatId);
          break;
        }
      }
    } finally {
      this.#busy.delete(chatId);
    }
  }

  #changed() {
    sessionStorage.setItem(this.#key, JSON.stringify(this.items.filter((item) => item.state !== "sent")));
    this.#onChange();
  }
}
