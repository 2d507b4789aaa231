// One session of the public RTM protocol (version 3.6): a websocket that logs in, answers requests, delivers
// pushes, keeps itself alive and comes back by itself. It knows nothing of chats.

export const API_VERSION = "3.6";

const PING_EVERY_MS = 15_000;
const PONG_WITHIN_MS = 10_000;
const REQUEST_TIMEOUT_MS = 20_000; // the server gives up after 15 s and says so; this is for answers that got lost
const LOGIN_TIMEOUT_MS = 20_000;
const MAX_IN_FLIGHT = 8; // the protocol allows 10 unanswered requests a connection
const BACKOFF_MS = [400, 1_000, 2_000, 4_000, 8_000, 15_000];

// Disconnect reasons after which a client stays away (the protocol's tables); every other one reconnects.
const FINAL_REASONS = new Set([
  "agent_disconnected_by_server",
  "agent_logged_out_remotely",
  "logged_out_remotely",
  "license_expired",
  "license_not_found",
  "misdirected_connection",
  "unsupported_version",
  "too_many_connections",
  "customer_banned",
  "users_limit_reached",
  "inactivity_timeout",
]);
// Final for agents, who hold one token; a customer asks for a new token and goes on.
const FINAL_AGENT_REASONS = new Set(["access_token_revoked", "connection_evicted"]);

// Login errors that a later attempt may heal; every other one needs a human.
const PASSING_LOGIN_ERRORS = new Set([
  "internal",
  "service_unavailable",
  "too_many_requests",
  "request_timeout",
  "pending_requests_limit_reached",
  "connection_lost",
]);

/** An error in the protocol's shape: `type` and `message` are the server's own words. */
export class ProtocolError extends Error {
  constructor(type, message, data) {
    super(message || type);
    this.name = "ProtocolError";
    this.type = type;
    this.data = data;
  }

  /** True when it is unknown whether the request took effect, so it has to be asked or sent again. */
  get outcomeUnknown() {
    return this.type === "connection_lost" || this.type === "request_timeout" || this.type === "service_unavailable";
  }

  static from(payload) {
    const error = payload?.error ?? {};
    return new ProtocolError(error.type ?? "internal", error.message ?? "The server gave no reason.", error.data);
  }
}

export const lostConnection = () => new ProtocolError("connection_lost", "The connection to the server was lost.");

/**
 * @param {"agent"|"customer"} surface
 * @param {() => string} query            query string of the websocket address, without "?"
 * @param {(again: boolean) => Promise<object>} loginPayload  may fetch a token; a ProtocolError stops or delays the session
 * @param {(answer: object, again: boolean) => Promise<void>} onLogin  catch up here; requests already work
 * @param {(action: string, payload: any) => void} onPush
 * @param {(status: {state: string, reason?: string, message?: string, retryAt?: number}) => void} onStatus
 * @param {() => boolean} [renewToken]  asked when the server refuses the token; true: the next attempt brings another
 */
export class RtmSession {
  #surface;
  #query;
  #loginPayload;
  #onLogin;
  #onPush;
  #onStatus;
  #renewToken;

  #socket = null;
  #nextId = 1;
  #pending = new Map();
  #waiting = [];
  #attempt = 0;
  #loggedInBefore = false;
  #stopped = true;
  #retryTimer = 0;
  #pingTimer = 0;
  #pongTimer = 0;
  #lastReason = "";

  constructor({ surface, query = () => "", loginPayload, onLogin, onPush, onStatus, renewToken = () => false }) {
    this.#surface = surface;
    this.#query = query;
    this.#loginPayload = loginPayload;
    this.#onLogin = onLogin;
    this.#onPush = onPush;
    this.#onStatus = onStatus;
    this.#renewToken = renewToken;
    this.ready = false;
  }

  start() {
    this.#stopped = false;
    addEventListener("online", this.#hurry);
    document.addEventListener("visibilitychange", this.#hurry);
    this.#connect();
  }

  /** Ends the session for good. */
  stop(reason = "", message = "") {
    this.#stopped = true;
    removeEventListener("online", this.#hurry);
    document.removeEventListener("visibilitychange", this.#hurry);
    clearTimeout(this.#retryTimer);
    this.#drop();
    this.#onStatus({ state: "stopped", reason, message });
  }

  /** Does not wait for the backoff. */
  retryNow() {
    if (!this.#stopped && !this.#socket) this.#connect();
  }

  /** Sends one request; resolves with the payload of the response or rejects with a ProtocolError. */
  request(action, payload = {}) {
    if (!this.#socket || this.#socket.readyState !== WebSocket.OPEN) return Promise.reject(lostConnection());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ action, payload, resolve, reject });
      this.#pump();
    });
  }

  #hurry = () => {
    if (document.visibilityState !== "hidden") this.retryNow();
  };

  #pump() {
    while (this.#waiting.length > 0 && this.#pending.size < MAX_IN_FLIGHT) {
      const { action, payload, resolve, reject } = this.#waiting.shift();
      const id = String(this.#nextId++);
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new ProtocolError("request_timeout", "The server did not answer in time."));
        this.#pump();
      }, REQUEST_TIMEOUT_MS);
      this.#pending.set(id, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ version: API_VERSION, request_id: id, action, payload }));
    }
  }

  #connect() {
    clearTimeout(this.#retryTimer);
    this.#lastReason = "";
    this.#onStatus({ state: "connecting" });
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const query = this.#query();
    const path = `/v${API_VERSION}/${this.#surface}/rtm/ws`;
    const socket = new WebSocket(`${scheme}//${location.host}${path}${query ? `?${query}` : ""}`);
    this.#socket = socket;
    const tooSlow = setTimeout(() => socket.close(), LOGIN_TIMEOUT_MS);
    socket.onopen = async () => {
      try {
        await this.#login(socket);
      } catch (error) {
        if (this.#socket === socket) this.#loginFailed(error);
      } finally {
        clearTimeout(tooSlow);
      }
    };
    socket.onmessage = (message) => {
      if (this.#socket === socket) this.#receive(message.data);
    };
    socket.onclose = () => {
      clearTimeout(tooSlow);
      if (this.#socket === socket) this.#lost();
    };
  }

  async #login(socket) {
    const payload = await this.#loginPayload(this.#loggedInBefore);
    if (this.#socket !== socket) return;
    const answer = await this.request("login", payload);
    this.#startPings();
    const again = this.#loggedInBefore;
    this.#loggedInBefore = true;
    await this.#onLogin(answer, again);
    if (this.#socket !== socket) return;
    this.#attempt = 0;
    this.ready = true;
    this.#onStatus({ state: "online" });
  }

  #loginFailed(error) {
    const known = error instanceof ProtocolError;
    const renewable = known && error.type === "authentication" && this.#renewToken();
    if (known && !renewable && !PASSING_LOGIN_ERRORS.has(error.type)) {
      this.stop(error.type, error.message);
      return;
    }
    if (!known) console.error(error);
    this.#lastReason = known ? error.message : "";
    this.#lost();
  }

  #receive(data) {
    clearTimeout(this.#pongTimer);
    this.#pongTimer = 0;
    const frame = JSON.parse(data);
    if (frame.type === "response") {
      const pending = this.#pending.get(frame.request_id);
      if (!pending) return; // a pong, or an answer that came after its deadline
      this.#pending.delete(frame.request_id);
      clearTimeout(pending.timer);
      if (frame.success) pending.resolve(frame.payload ?? {});
      else pending.reject(ProtocolError.from(frame.payload));
      this.#pump();
    } else if (frame.type === "push") {
      if (frame.action === `${this.#surface}_disconnected`) this.#disconnected(frame.payload?.reason ?? "");
      else this.#onPush(frame.action, frame.payload);
    }
  }

  #disconnected(reason) {
    const final = FINAL_REASONS.has(reason) || (this.#surface === "agent" && FINAL_AGENT_REASONS.has(reason));
    if (final) this.stop(reason);
    else this.#lastReason = reason;
    if (reason.startsWith("access_token_")) this.#renewToken();
  }

  #startPings() {
    clearInterval(this.#pingTimer);
    this.#pingTimer = setInterval(() => {
      this.#socket?.send(JSON.stringify({ action: "ping", payload: {} }));
      this.#pongTimer ||= setTimeout(() => this.#lost(), PONG_WITHIN_MS);
    }, PING_EVERY_MS);
  }

  #lost() {
    if (this.#stopped) return;
    this.#drop();
    const base = BACKOFF_MS[Math.min(this.#attempt, BACKOFF_MS.length - 1)];
    this.#attempt += 1;
    const wait = base * (0.75 + Math.random() * 0.5); // spread, so that a thousand clients do not return as one
    this.#retryTimer = setTimeout(() => this.#connect(), wait);
    this.#onStatus({ state: "waiting", reason: this.#lastReason, retryAt: Date.now() + wait });
  }

  #drop() {
    this.ready = false;
    clearInterval(this.#pingTimer);
    clearTimeout(this.#pongTimer);
    this.#pongTimer = 0;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    const unanswered = [...this.#pending.values(), ...this.#waiting];
    this.#pending.clear();
    this.#waiting = [];
    for (const { reject, timer } of unanswered) {
      clearTimeout(timer);
      reject(lostConnection());
    }
  }
}
