// The public JavaScript SDK, version 4.0.2, unchanged, against our server. It speaks https and wss only and is written
// for version 3.4; its `version` is a plain field, set to 3.6 here.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, afterEach, before, describe, it } from "node:test";
import { Server } from "../harness/server.mjs";

const { Agent, Customer } = createRequire(import.meta.url)("@livechat/lc-sdk-js");
const VERSION = "3.6";
const PUSH_WITHIN_MS = 10_000;

describe("the public SDK", { timeout: 120_000 }, () => {
  let server;
  let apiUrl;
  let organizationID;
  let smith; // the first demo agent
  let open = [];

  before(async () => {
    server = await Server.start({ flags: ["--tls-cert", process.env.TEST_TLS_CERT, "--tls-key", process.env.TEST_TLS_KEY] });
    assert.match(server.baseUrl, /^https:/);
    apiUrl = new URL(server.baseUrl).host;
    organizationID = server.credentials.organization_id;
    [smith] = server.credentials.agents;
  });
  after(() => server.stop());
  afterEach(() => {
    for (const rtm of open) {
      clearInterval(rtm.heartbeatInterval);
      rtm.socket.close();
    }
    open = [];
  });

  const connected = async (rtm) => {
    rtm.version = VERSION;
    await rtm.connect();
    open.push(rtm);
    return rtm;
  };

  const agentRtm = async (agent = smith) => {
    const rtm = await connected(new Agent.RTM({ apiUrl }));
    const login = await rtm.login({ token: `Bearer ${agent.token}` });
    return { rtm, login };
  };

  /** A new customer: no cookies are kept, so every token is somebody else's. */
  const customerToken = async () => {
    const response = await fetch(`${server.baseUrl}/v2/customer/token`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({
        grant_type: "cookie",
        response_type: "token",
        client_id: server.credentials.client_id,
        organization_id: organizationID,
      }),
    });
    const answer = await response.json();
    assert.equal(response.status, 200, JSON.stringify(answer));
    return answer;
  };

  const customerRtm = async () => {
    const { access_token: token, entity_id: id } = await customerToken();
    const rtm = await connected(new Customer.RTM(organizationID, { apiUrl }));
    const login = await rtm.login(`Bearer ${token}`);
    return { rtm, login, id };
  };

  const web = (Kind, accessToken) => {
    const api = new Kind(server.credentials.client_id, () => ({ accessToken, region: "dal", organizationID }), { apiUrl });
    api.version = VERSION;
    return api;
  };

  /** Collects pushes of one kind from now on; `next(condition)` waits for the first that fits. */
  const listen = (rtm, push) => {
    const seen = [];
    let wake = () => {};
    rtm.on(push, (payload) => {
      seen.push(payload);
      wake();
    });
    return {
      seen,
      next: async (fits = () => true) => {
        const end = Date.now() + PUSH_WITHIN_MS;
        for (;;) {
          const found = seen.find(fits);
          if (found) return found;
          const left = end - Date.now();
          if (left <= 0) throw new Error(`no ${push} came that fits; these came: ${JSON.stringify(seen)}`);
          await new Promise((resolve) => {
            wake = resolve;
            setTimeout(resolve, left).unref?.();
          });
        }
      },
    };
  };

  it("an agent logs in over RTM", async () => {
    const { login } = await agentRtm();
    assert.equal(login.license.organization_id, organizationID);
    assert.equal(login.my_profile.id, smith.id);
    assert.equal(login.my_profile.name, smith.name);
    assert.ok(Array.isArray(login.chats_summary));
  });

  it("a ping without payload is answered", async () => {
    const { rtm } = await agentRtm();
    assert.deepEqual(await rtm.send("ping", undefined), {});
  });

  it("a customer logs in over RTM", async () => {
    const { login, id } = await customerRtm();
    assert.equal(login.customer.id, id);
    assert.equal(login.has_active_thread, false);
    assert.deepEqual(login.chats, []);
    assert.ok(login.customer.statistics);
  });

  it("customer and agent chat over RTM: start, push, send, list, seen, close", async () => {
    const agent = await agentRtm();
    const customer = await customerRtm();
    const agentChats = listen(agent.rtm, "incoming_chat");
    const agentEvents = listen(agent.rtm, "incoming_event");
    const agentClosed = listen(agent.rtm, "chat_deactivated");
    const customerEvents = listen(customer.rtm, "incoming_event");
    const customerSeen = listen(customer.rtm, "events_marked_as_seen");
    const customerTyping = listen(customer.rtm, "incoming_typing_indicator");
    const customerClosed = listen(customer.rtm, "chat_deactivated");

    await customer.rtm.updateCustomer({ name: "Thomas Anderson", email: "t.anderson@example.com" });
    assert.equal((await customer.rtm.getCustomer()).name, "Thomas Anderson");
    const started = await customer.rtm.startChat({ chat: { thread: { events: [{ type: "message", text: "hello", custom_id: "first" }] } } });
    assert.equal(started.event_ids.length, 1);

    const { chat } = await agentChats.next((push) => push.chat.id === started.chat_id);
    assert.equal(chat.thread.id, started.thread_id);
    assert.deepEqual(chat.thread.events.filter((event) => event.type === "message").map((event) => event.text), ["hello"]);
    assert.ok(chat.users.some((user) => user.id === customer.id && user.name === "Thomas Anderson"));
    assert.ok(chat.users.some((user) => user.id === smith.id && user.present), "the only logged-in agent has the chat");

    await agent.rtm.sendTypingIndicator(started.chat_id, true, "all");
    assert.equal((await customerTyping.next()).typing_indicator.is_typing, true);
    const { event_id: answerId } = await agent.rtm.sendEvent(started.chat_id, { type: "message", text: "hi there" });
    const answer = await customerEvents.next((push) => push.event.id === answerId);
    assert.equal(answer.event.text, "hi there");
    assert.notEqual(answer.event.author_id, smith.id, "customers do not see agents' e-mail addresses");

    const { event_id: replyId } = await customer.rtm.sendEvent(started.chat_id, { type: "message", text: "thanks" });
    const reply = await agentEvents.next((push) => push.event.id === replyId);
    assert.equal(reply.event.author_id, customer.id);
    await agent.rtm.markEventsAsSeen(started.chat_id, reply.event.created_at);
    await customerSeen.next((push) => push.seen_up_to === reply.event.created_at);

    const { chats_summary: summary } = await agent.rtm.listChats({ filters: { active: true }, limit: 100 });
    assert.ok(summary.some((one) => one.id === started.chat_id && one.last_thread_summary.active));
    assert.ok((await customer.rtm.listChats()).chats_summary.some((one) => one.id === started.chat_id && one.active));

    const texts = (threads) => threads[0].events.filter((event) => event.type === "message").map((event) => event.text);
    for (const rtm of [agent.rtm, customer.rtm]) {
      const { threads, found_threads: found } = await rtm.listThreads(started.chat_id);
      assert.equal(found, 1);
      assert.deepEqual(texts(threads), ["hello", "hi there", "thanks"]);
      const whole = await rtm.getChat(started.chat_id, started.thread_id);
      assert.deepEqual(texts([whole.thread]), ["hello", "hi there", "thanks"]);
    }

    assert.deepEqual(await agent.rtm.deactivateChat(started.chat_id), {});
    for (const closed of [agentClosed, customerClosed]) {
      const push = await closed.next((one) => one.chat_id === started.chat_id);
      assert.equal(push.thread_id, started.thread_id);
    }

    const resumed = await customer.rtm.resumeChat(started.chat_id);
    assert.notEqual(resumed.thread_id, started.thread_id);
    await agentChats.next((push) => push.chat.thread.id === resumed.thread_id);
    await customer.rtm.deactivateChat(started.chat_id);
  });

  it("the same over Web: start, send, list, properties, close", async () => {
    await agentRtm(); // somebody is there to be assigned
    const { access_token: token } = await customerToken();
    const customer = web(Customer.Web, token);
    const agent = web(Agent.Web, smith.token);

    const { chat_id: chatId, thread_id: threadId } = await customer.startChat();
    const { event_id: asked } = await customer.sendEvent(chatId, { type: "message", text: "over the web" });
    const { event_id: answered } = await agent.sendEvent(chatId, { type: "message", text: "answered" });
    const { threads } = await customer.listThreads(chatId);
    assert.deepEqual(
      threads[0].events.filter((event) => event.type === "message").map((event) => event.id),
      [asked, answered],
    );
    assert.equal((await agent.getChat(chatId)).thread.id, threadId);
    assert.ok((await agent.listChats({ limit: 100 })).chats_summary.some((summary) => summary.id === chatId));
    const statuses = await agent.listRoutingStatuses([0]);
    assert.ok(statuses.some((status) => status.agent_id === smith.id && status.status === "accepting_chats"));
    assert.deepEqual(await agent.followChat(chatId), {});
    assert.deepEqual(await agent.deactivateChat(chatId), {});
    assert.equal((await customer.getChat(chatId)).thread.active, false);
  });

  it("agents hand a chat on", async () => {
    const [, second] = server.credentials.agents;
    const first = await agentRtm();
    const customer = await customerRtm();
    const { chat_id: chatId } = await customer.rtm.startChat();
    const other = await agentRtm(second);
    const transferred = listen(other.rtm, "chat_transferred");
    await first.rtm.transferChat(chatId, { target: { type: "agent", ids: [second.id] }, ignore_agents_availability: true });
    const push = await transferred.next((one) => one.chat_id === chatId);
    assert.deepEqual(push.transferred_to.agent_ids, [second.id]);
    const { users } = await other.rtm.getChat(chatId);
    assert.deepEqual(users.filter((user) => user.type === "agent" && user.present).map((user) => user.id), [second.id]);
    await other.rtm.removeUserFromChat(chatId, second.id);
    await other.rtm.addUserToChat(chatId, second.id, "agent", "all", true);
    await other.rtm.deactivateChat(chatId, true);
  });

  it("errors come in the protocol's shape", async () => {
    const agent = web(Agent.Web, smith.token);
    await assert.rejects(agent.getChat("NOSUCHCHAT000000"), (error) => error.type === "not_found" && typeof error.message === "string");
    await assert.rejects(web(Agent.Web, "no-such-token").listChats(), (error) => error.type === "authentication");
    await assert.rejects(agent.send("send_event", { chat_id: 7 }), (error) => error.type === "validation" && /chat_id/.test(error.message));
    const { rtm } = await agentRtm();
    await assert.rejects(rtm.getChat("NOSUCHCHAT000000"), (payload) => payload.error.type === "not_found");
    const stranger = await connected(new Agent.RTM({ apiUrl }));
    await assert.rejects(stranger.login("Bearer no-such-token"), (payload) => payload.error.type === "authentication");
    const early = await connected(new Agent.RTM({ apiUrl }));
    await assert.rejects(early.listChats(), (payload) => payload.error.type === "authentication");
  });

  it("a customer sees nothing of another customer", async () => {
    await agentRtm();
    const one = await customerRtm();
    const { chat_id: chatId } = await one.rtm.startChat();
    const other = web(Customer.Web, (await customerToken()).access_token);
    await assert.rejects(other.getChat(chatId), (error) => error.type === "not_found");
    await assert.rejects(other.sendEvent(chatId, { type: "message", text: "mine" }), (error) => error.type === "not_found");
    assert.deepEqual((await other.listChats()).chats_summary, []);
    await one.rtm.deactivateChat(chatId);
  });
});
