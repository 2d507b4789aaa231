// All chats that one agent may see, and how pushes change them. No DOM and no network.

import { Conversation, compareTimes } from "../shared/conversation.js";

/** Pushes that concern one chat, with the place of its id. */
const CHAT_ID_OF = {
  incoming_chat: (payload) => payload.chat.id,
  chat_access_updated: (payload) => payload.id,
};

export class Desk {
  constructor() {
    this.me = { id: "", name: "" };
    this.chats = new Map();
    /** agent id → routing status */
    this.statuses = new Map();
    /** agent id → name, as far as known */
    this.agentNames = new Map();
  }

  chat(id) {
    let chat = this.chats.get(id);
    if (!chat) {
      chat = new Conversation(id);
      this.chats.set(id, chat);
    }
    return chat;
  }

  agentName(id) {
    return this.agentNames.get(id) ?? id;
  }

  /** All group ids that the known chats name. */
  groupIds() {
    const ids = new Set([0]);
    for (const chat of this.chats.values()) for (const id of chat.access.group_ids) ids.add(id);
    return [...ids].sort((a, b) => a - b);
  }

  isMine(chat) {
    return chat.active && chat.hasMember(this.me.id);
  }

  isWaiting(chat) {
    return chat.active && (chat.queue !== null || chat.agents.length === 0);
  }

  /** The chats as the list shows them; a chat is in exactly one section. */
  sections() {
    const sections = { mine: [], queued: [], others: [], closed: [] };
    for (const chat of this.chats.values()) {
      if (!chat.active) sections.closed.push(chat);
      else if (this.isMine(chat)) sections.mine.push(chat);
      else if (this.isWaiting(chat)) sections.queued.push(chat);
      else sections.others.push(chat);
    }
    const newestFirst = (a, b) => compareTimes(b.lastActivity, a.lastActivity);
    sections.mine.sort(newestFirst);
    sections.others.sort(newestFirst);
    sections.closed.sort(newestFirst);
    const place = (chat) => chat.queue?.position ?? Number.MAX_SAFE_INTEGER;
    sections.queued.sort((a, b) => place(a) - place(b) || compareTimes(a.lastThread.created_at, b.lastThread.created_at));
    return sections;
  }

  unreadCount() {
    return this.sections().mine.reduce((sum, chat) => sum + chat.unreadBy(this.me.id), 0);
  }

  mergeSummaries(summaries) {
    for (const summary of summaries) {
      this.chat(summary.id).mergeSummary(summary);
      this.#learnNames(summary.users);
    }
  }

  mergeChat(chat) {
    this.chat(chat.id).mergeChat(chat);
    this.#learnNames(chat.users);
  }

  /** After a gap: what is active is known completely, so every other chat was closed meanwhile. */
  closeAllBut(activeIds) {
    for (const chat of this.chats.values()) {
      if (chat.active && !activeIds.has(chat.id)) chat.deactivate(chat.lastThread.id);
    }
  }

  /** Who was typing is not known over a gap. */
  forgetTyping() {
    for (const chat of this.chats.values()) {
      chat.typing.clear();
      chat.sneakPeek = null;
    }
  }

  #learnNames(users = []) {
    for (const user of users) if (user.type === "agent" && user.name) this.agentNames.set(user.id, user.name);
  }

  /**
   * Applies one push. Returns what the page has to do about it:
   * {chat, event} for a new event, {chat, opened: true} for a new thread, {chat, refresh: true} when the push told
   * too little to know the chat's new state, or {}.
   */
  apply(action, payload) {
    const chatId = CHAT_ID_OF[action]?.(payload) ?? payload?.chat_id;
    const known = this.chats.get(chatId);
    switch (action) {
      case "incoming_chat": {
        const opened = !known?.threads.has(payload.chat.thread?.id) && payload.chat.thread?.active !== false;
        this.mergeChat(payload.chat);
        return { chat: this.chat(chatId), opened };
      }
      case "queue_positions_updated":
        for (const { chat_id: id, queue } of payload) this.chats.get(id)?.setQueue(queue);
        return {};
      case "routing_status_set":
        this.statuses.set(payload.agent_id, payload.status);
        return {};
      case "customer_updated":
        for (const chat of this.chats.values()) chat.updateUser(payload);
        return {};
      default:
        if (chatId === undefined) return {};
        if (!known) return { chat: this.chat(chatId), refresh: true };
        return this.#applyToChat(known, action, payload);
    }
  }

  #applyToChat(chat, action, payload) {
    switch (action) {
      case "incoming_event": {
        const event = chat.addEvent(payload.thread_id, payload.event);
        return event ? { chat, event } : {};
      }
      case "event_updated":
        chat.addEvent(payload.thread_id, payload.event);
        return {};
      case "event_deleted":
        chat.removeEvent(payload.thread_id, payload.event_id);
        return {};
      case "chat_deactivated":
        chat.deactivate(payload.thread_id);
        return { chat, closed: true };
      case "chat_access_updated":
        chat.access = payload.access;
        return {};
      case "chat_transferred":
        if (payload.transferred_to?.group_ids?.length > 0) chat.access = { group_ids: payload.transferred_to.group_ids };
        chat.setQueue(payload.queue ?? null);
        return { chat, refresh: true };
      case "user_added_to_chat":
        chat.addUser(payload.user);
        this.#learnNames([payload.user]);
        return { chat, joined: payload.user, refresh: payload.user.id === this.me.id };
      case "user_removed_from_chat":
        chat.removeUser(payload.user_id);
        return { chat, refresh: payload.user_id === this.me.id };
      case "incoming_typing_indicator":
        chat.setTyping(payload.typing_indicator.author_id, payload.typing_indicator.is_typing);
        return { chat, typing: payload.typing_indicator.author_id };
      case "incoming_sneak_peek":
        chat.sneakPeek = payload.sneak_peek.text ? payload.sneak_peek : null;
        return { chat, peek: true };
      case "events_marked_as_seen":
        chat.markSeen(payload.user_id, payload.seen_up_to);
        return {};
      case "chat_unfollowed":
        chat.isFollowed = false;
        return {};
      default:
        return {};
    }
  }
}
