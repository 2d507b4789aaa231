// What one page knows of one chat: its users, its threads and their events, as told by answers and pushes.
// No DOM and no network, so that it is tested by itself. Both pages use it; the agent's and the customer's
// structures differ in nothing that matters here.

/** Compares two protocol times (RFC 3339, UTC, up to microseconds). Absent is before everything. */
export function compareTimes(a, b) {
  if (a === b) return 0;
  if (!a) return -1;
  if (!b) return 1;
  const byMillisecond = Date.parse(a) - Date.parse(b);
  if (byMillisecond !== 0) return byMillisecond;
  const fine = (time) => (/\.(\d+)/.exec(time)?.[1] ?? "").padEnd(9, "0");
  return fine(a) < fine(b) ? -1 : fine(a) > fine(b) ? 1 : 0;
}

const later = (a, b) => (compareTimes(a, b) >= 0 ? a : b);

/** The number behind the last `_` of an event id orders two events of the same microsecond. */
const serial = (id) => Number(/_(\d+)$/.exec(id ?? "")?.[1] ?? 0);
const compareEvents = (a, b) => compareTimes(a.created_at, b.created_at) || serial(a.id) - serial(b.id);

const isWritten = (event) => event !== null && event.type !== "system_message" && event.type !== "system";

export class Conversation {
  constructor(id) {
    this.id = id;
    this.users = new Map();
    this.threads = new Map();
    this.access = { group_ids: [] };
    this.isFollowed = false;
    /** user id → true while that user types */
    this.typing = new Set();
    /** {author_id, text} of a customer who has not sent yet */
    this.sneakPeek = null;
    /** newest written event known from a summary, when the thread itself is not loaded */
    this.summaryEvent = null;
    /** paging of older threads: unknown until the first list_threads */
    this.older = { state: "unknown", pageId: undefined };
  }

  /** Threads from oldest to newest. */
  orderedThreads() {
    return [...this.threads.values()].sort((a, b) => compareTimes(a.created_at, b.created_at));
  }

  get lastThread() {
    return this.orderedThreads().at(-1) ?? null;
  }

  get active() {
    return this.lastThread?.active ?? false;
  }

  get queue() {
    return this.active ? (this.lastThread.queue ?? null) : null;
  }

  get customer() {
    return [...this.users.values()].find((user) => user.type === "customer") ?? null;
  }

  /** Agents who are in the chat now. */
  get agents() {
    return [...this.users.values()].filter((user) => user.type === "agent" && user.present);
  }

  hasMember(userId) {
    return this.users.get(userId)?.present === true;
  }

  /** The newest event, loaded or known from a summary. */
  get lastEvent() {
    let newest = this.summaryEvent;
    const loaded = this.lastThread?.events.at(-1);
    if (loaded && (!newest || compareEvents(loaded, newest) >= 0)) newest = loaded;
    return newest;
  }

  /** The newest event that somebody wrote, else the newest of all: what a list shows of a chat. */
  get lastWritten() {
    const loaded = this.orderedThreads()
      .flatMap((thread) => thread.events)
      .findLast(isWritten);
    const told = isWritten(this.summaryEvent) ? this.summaryEvent : null;
    if (loaded && told) return compareEvents(loaded, told) >= 0 ? loaded : told;
    return loaded ?? told ?? this.lastEvent;
  }

  get lastActivity() {
    return later(this.lastEvent?.created_at, this.lastThread?.created_at);
  }

  findEventByCustomId(customId) {
    for (const thread of this.threads.values()) {
      const event = thread.events.find((candidate) => candidate.custom_id === customId);
      if (event) return event;
    }
    return null;
  }

  seenUpTo(userId) {
    return this.users.get(userId)?.events_seen_up_to ?? "";
  }

  /** Events that others wrote and `userId` has not seen. A chat known by its summary alone counts as at most one. */
  unreadBy(userId) {
    const seen = this.seenUpTo(userId);
    const counts = (event) =>
      event.author_id && event.author_id !== userId && event.type !== "system_message" && compareTimes(event.created_at, seen) > 0;
    const thread = this.lastThread;
    const loaded = thread?.events.filter(counts).length ?? 0;
    if (loaded > 0) return loaded;
    return this.summaryEvent && counts(this.summaryEvent) ? 1 : 0;
  }

  // ---- what answers tell ----

  mergeChat(chat) {
    if (chat.users) this.#replaceUsers(chat.users);
    if (chat.access?.group_ids) this.access = chat.access;
    if (chat.is_followed !== undefined) this.isFollowed = chat.is_followed;
    if (chat.thread) this.mergeThread(chat.thread);
  }

  /** An agent's summary carries `last_thread_summary`, a customer's the flat `last_thread_id` and `active`. */
  mergeSummary(summary) {
    this.mergeChat(summary);
    const last =
      summary.last_thread_summary ??
      (summary.last_thread_id && {
        id: summary.last_thread_id,
        created_at: summary.last_thread_created_at,
        active: summary.active,
      });
    if (last) this.mergeThread(last);
    for (const { event } of Object.values(summary.last_event_per_type ?? {})) {
      if (!event?.created_at) continue; // restricted
      const told = this.summaryEvent;
      if (!told || (isWritten(event) === isWritten(told) ? compareEvents(event, told) > 0 : isWritten(event))) this.summaryEvent = event;
    }
  }

  /** The thread as the server tells it now; events that only pushes have told stay. */
  mergeThread(thread) {
    const known = this.threads.get(thread.id) ?? { events: [] };
    const events = new Map(known.events.map((event) => [event.id, event]));
    for (const event of thread.events ?? []) events.set(event.id, event);
    const merged = { ...known, ...thread, events: [...events.values()].sort(compareEvents) };
    if (thread.queue === undefined && thread.active !== undefined) delete merged.queue;
    this.threads.set(thread.id, merged);
    if (merged.active) {
      for (const other of this.threads.values()) if (other.id !== merged.id) other.active = false;
    }
    return merged;
  }

  /** One page of list_threads, newest first. The first page after a gap may not reach what is known: then start over. */
  mergeThreadPage(page, { first }) {
    if (first) {
      const fetched = new Set(page.threads.map((thread) => thread.id));
      const touches = [...this.threads.keys()].some((id) => fetched.has(id));
      const startOver = this.older.state === "unknown" || !touches;
      if (startOver) {
        for (const id of this.threads.keys()) if (!fetched.has(id)) this.threads.delete(id);
      }
      if (startOver) this.older = { state: page.next_page_id ? "more" : "end", pageId: page.next_page_id };
    } else {
      this.older = { state: page.next_page_id ? "more" : "end", pageId: page.next_page_id };
    }
    for (const thread of page.threads) this.mergeThread(thread);
  }

  #replaceUsers(users) {
    const before = this.users;
    this.users = new Map();
    for (const user of users) {
      const seen = later(user.events_seen_up_to, before.get(user.id)?.events_seen_up_to);
      this.users.set(user.id, { ...user, ...(seen && { events_seen_up_to: seen }) });
    }
    // People who left are needed for their names in older threads.
    for (const [id, user] of before) if (!this.users.has(id)) this.users.set(id, { ...user, present: false });
  }

  // ---- what pushes tell ----

  /** Returns the event when it is new to this page, else null. */
  addEvent(threadId, event) {
    const thread = this.threads.get(threadId) ?? this.mergeThread({ id: threadId, active: true, created_at: event.created_at });
    const isNew = !thread.events.some((known) => known.id === event.id);
    this.mergeThread({ id: threadId, events: [event] });
    if (event.author_id) {
      this.typing.delete(event.author_id);
      if (this.sneakPeek?.author_id === event.author_id) this.sneakPeek = null;
      this.markSeen(event.author_id, event.created_at); // whoever writes has seen what came before
    }
    return isNew ? event : null;
  }

  removeEvent(threadId, eventId) {
    const thread = this.threads.get(threadId);
    if (thread) thread.events = thread.events.filter((event) => event.id !== eventId);
  }

  deactivate(threadId) {
    const thread = this.threads.get(threadId);
    if (thread) {
      thread.active = false;
      delete thread.queue;
    }
    this.typing.clear();
    this.sneakPeek = null;
  }

  addUser(user) {
    this.users.set(user.id, { ...this.users.get(user.id), present: true, ...user });
    const serves = user.type === "agent" && user.present !== false && user.visibility !== "agents";
    if (serves) this.setQueue(null);
  }

  removeUser(userId) {
    const user = this.users.get(userId);
    if (user) this.users.set(userId, { ...user, present: false });
    this.typing.delete(userId);
  }

  /** Fields of a user who changed; true when that user is known here. */
  updateUser(changed) {
    const user = this.users.get(changed.id);
    if (user) this.users.set(changed.id, { ...user, ...changed });
    return Boolean(user);
  }

  setQueue(queue) {
    const thread = this.lastThread;
    if (!thread) return;
    if (queue) thread.queue = { ...thread.queue, ...queue };
    else delete thread.queue;
  }

  setTyping(userId, isTyping) {
    if (isTyping) this.typing.add(userId);
    else this.typing.delete(userId);
  }

  markSeen(userId, time) {
    const user = this.users.get(userId);
    if (user && compareTimes(time, user.events_seen_up_to) > 0) {
      this.users.set(userId, { ...user, events_seen_up_to: time });
    }
  }
}
