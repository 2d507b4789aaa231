// The public JavaScript SDK, version 4.0.2, unchanged, against our server. It speaks https and wss only and is written
// for version 3.4; its `version` is a plain field, set to 3.6 here.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { writeFile, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { Server } from "../harness/server.mjs";

const { Agent, Customer } = createRequire(import.meta.url)("@livechat/lc-sdk-js");
const VERSION = "3.6";
const PUSH_WITHIN_MS = 10_000;

// What the SDK offers and the server does not answer, each with a call and the reason.
const KINDS = { "Agent.RTM": Agent.RTM, "Agent.Web": Agent.Web, "Customer.RTM": Customer.RTM, "Customer.Web": Customer.Web };
const NOT_OF_3_6 = "not a method of version 3.6";
const NOT_SERVED = [
  ["Agent.RTM", "changePushNotifications", [{}], NOT_OF_3_6],
  ...["Agent.RTM", "Agent.Web"].flatMap((kind) => [
    [kind, "listCustomers", [], NOT_OF_3_6],
    [kind, "createCustomer", [{ name: "Ann" }], NOT_OF_3_6],
    [kind, "followCustomer", ["somebody"], NOT_OF_3_6],
    [kind, "unfollowCustomer", ["somebody"], NOT_OF_3_6],
  ]),
  ["Customer.RTM", "listLicenseProperties", [], "over HTTP alone"],
  ["Customer.RTM", "listGroupProperties", [0], "over HTTP alone"],
  ["Customer.RTM", "checkGoals", [[{ cart: "3" }], 0, "https://shop.example/"], "over HTTP alone"],
];
// They send no token, and no https:// before the address; files are told of by the Rust tests.
const BROKEN_IN_THE_SDK = ["Agent.Web.uploadFile", "Customer.Web.uploadFile"];

/** Names of what was called and answered. */
const called = new Set();
for (const [kind, { prototype }] of Object.entries(KINDS)) {
  for (const name of Object.getOwnPropertyNames(prototype).filter((name) => name !== "constructor" && name !== "on")) {
    const original = prototype[name];
    prototype[name] = async function (...parameters) {
      const answer = await original.apply(this, parameters);
      called.add(`${kind}.${name}`);
      return answer;
    };
  }
}

/** A mail server that takes all mails. */
const mailServer = async () => {
  const mails = [];
  const server = createTcpServer((socket) => {
    const say = (line) => socket.write(`${line}\r\n`);
    let [came, mail] = ["", null];
    socket.setEncoding("utf8");
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      const lines = (came + chunk).split("\r\n");
      came = lines.pop();
      for (const line of lines) {
        if (mail !== null && line !== ".") {
          mail.push(line);
        } else if (mail !== null) {
          // Long lines are broken by `=`, which itself is written as `=3D`.
          mails.push(mail.join("\n").replaceAll("=\n", "").replaceAll("=3D", "="));
          mail = null;
          say("250 taken");
        } else if (line === "DATA") {
          mail = [];
          say("354 go on");
        } else {
          say(line === "QUIT" ? "221 bye" : "250 ok");
        }
      }
    });
    say("220 mail.example");
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return { mails, port: server.address().port, close: () => server.close() };
};

describe("the public SDK", { timeout: 120_000 }, () => {
  let server;
  let apiUrl;
  let organizationID;
  let smith; // the first demo agent
  let folder;
  let relay;
  let open = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "switchboard-sdk-config-"));
    const config = join(folder, "switchboard.toml");
    relay = await mailServer();
    const mail = `[mail]\nrelay = "127.0.0.1:${relay.port}"\ntls = "off"\nfrom = "shop@shop.example"\n`;
    await writeFile(config, `[outgoing]\nallow_private = true\n${mail}`);
    const tls = ["--tls-cert", process.env.TEST_TLS_CERT, "--tls-key", process.env.TEST_TLS_KEY];
    server = await Server.start({ flags: [...tls, "--config", config] });
    assert.match(server.baseUrl, /^https:/);
    apiUrl = new URL(server.baseUrl).host;
    organizationID = server.credentials.organization_id;
    [smith] = server.credentials.agents;
  });
  after(async () => {
    await server.stop();
    relay.close();
    await rm(folder, { recursive: true, force: true });
  });
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
    return { rtm, login, id, token };
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

  /** A chat of a new customer with an agent in it, who is there over both transports. */
  const scene = async () => {
    const agent = await agentRtm();
    const customer = await customerRtm();
    const started = await customer.rtm.startChat();
    return { agent: agent.rtm, customer, webAgent: web(Agent.Web, smith.token), ...started };
  };

  /** Sets, reads and deletes properties of a chat, its thread and an event. */
  const properties = async (api, read, chatId, threadId, eventId) => {
    const values = (number) => ({ test: { int_property: number } });
    const names = { test: ["int_property"] };
    await api.updateChatProperties(chatId, values(1));
    await api.updateThreadProperties(chatId, threadId, values(2));
    await api.updateEventProperties(chatId, threadId, eventId, values(3));
    const whole = await read.getChat(chatId);
    const event = whole.thread.events.find(({ id }) => id === eventId);
    const set = [whole, whole.thread, event].map((one) => one.properties.test.int_property);
    assert.deepEqual(set, [1, 2, 3]);
    await api.deleteChatProperties(chatId, names);
    await api.deleteThreadProperties(chatId, threadId, names);
    await api.deleteEventProperties(chatId, threadId, eventId, names);
    const bare = await read.getChat(chatId);
    assert.equal(bare.properties?.test, undefined);
    assert.equal(bare.thread.properties?.test, undefined);
  };

  const RICH = {
    type: "rich_message",
    template_id: "cards",
    elements: [{ title: "Sure?", buttons: [{ text: "Yes", type: "message", value: "Yes", postback_id: "yes", user_ids: [] }] }],
  };

  it("properties of chats, threads and events, by everybody over both transports", async () => {
    const { agent, customer, webAgent, chat_id: chatId, thread_id: threadId } = await scene();
    const { event_id: eventId } = await customer.rtm.sendEvent(chatId, { type: "message", text: "hello" });
    for (const api of [agent, webAgent, customer.rtm]) await properties(api, agent, chatId, threadId, eventId);
    await agent.deactivateChat(chatId);
    const own = web(Customer.Web, (await customerToken()).access_token);
    const { chat_id: ownId, thread_id: ownThread } = await own.startChat();
    const { event_id: ownEvent } = await own.sendEvent(ownId, { type: "message", text: "hello" });
    await properties(own, own, ownId, ownThread, ownEvent);
    await own.deactivateChat(ownId);
  });

  it("buttons, sneak peeks, seen marks and typing", async () => {
    const { agent, customer, webAgent, chat_id: chatId, thread_id: threadId } = await scene();
    const pressed = listen(agent, "incoming_rich_message_postback");
    const peeked = listen(agent, "incoming_sneak_peek");
    const typed = listen(customer.rtm, "incoming_typing_indicator");
    const seen = listen(agent, "events_marked_as_seen");
    const { event_id: eventId } = await agent.sendEvent(chatId, RICH);
    const press = (toggled) => ({ chat_id: chatId, thread_id: threadId, event_id: eventId, postback: { id: "yes", toggled } });
    await customer.rtm.sendRichMessagePostback(press(true));
    await pressed.next((push) => push.event_id === eventId && push.postback.toggled);
    await agent.sendRichMessagePostback(press(true));
    await webAgent.sendRichMessagePostback(press(false));
    await customer.rtm.sendSneakPeek(chatId, "I wou");
    assert.equal((await peeked.next()).sneak_peek.text, "I wou");
    await webAgent.sendTypingIndicator(chatId, false, "all");
    await typed.next((push) => !push.typing_indicator.is_typing);
    const { thread } = await customer.rtm.getChat(chatId);
    const { created_at: createdAt } = thread.events.find(({ id }) => id === eventId);
    await customer.rtm.markEventsAsSeen(chatId, createdAt);
    await seen.next((push) => push.seen_up_to === createdAt);
    await webAgent.markEventsAsSeen(chatId, createdAt);
    await agent.deactivateChat(chatId);

    const own = web(Customer.Web, (await customerToken()).access_token);
    const { chat_id: ownId, thread_id: ownThread } = await own.startChat();
    const { event_id: ownEvent } = await webAgent.sendEvent(ownId, RICH);
    await own.sendRichMessagePostback({ chat_id: ownId, thread_id: ownThread, event_id: ownEvent, postback: { id: "yes", toggled: true } });
    await own.sendSneakPeek(ownId, "hel");
    await peeked.next((push) => push.sneak_peek.text === "hel");
    const whole = await own.getChat(ownId);
    await own.markEventsAsSeen(ownId, whole.thread.events.at(-1).created_at);
    await own.deactivateChat(ownId);
    assert.notEqual((await own.resumeChat(ownId)).thread_id, ownThread);
    await webAgent.deactivateChat(ownId);
    await webAgent.resumeChat(ownId);
    await own.deactivateChat(ownId);
  });

  it("customers tell of themselves, agents look them up, change and ban them", async () => {
    const { agent, customer, webAgent, chat_id: chatId } = await scene();
    await customer.rtm.setCustomerSessionFields([{ cart: "3" }]);
    const own = web(Customer.Web, (await customerToken()).access_token);
    await own.updateCustomer({ name: "Trinity" });
    await own.setCustomerSessionFields([{ cart: "4" }]);
    const self = await own.getCustomer();
    assert.deepEqual([self.name, self.session_fields], ["Trinity", [{ cart: "4" }]]);
    await agent.updateCustomer(customer.id, { name: "Neo" });
    assert.equal((await agent.getCustomer(customer.id)).name, "Neo");
    await webAgent.updateCustomer(customer.id, { email: "neo@example.com" });
    const found = await webAgent.getCustomer(customer.id);
    assert.deepEqual([found.name, found.email, found.session_fields], ["Neo", "neo@example.com", [{ cart: "3" }]]);
    const closed = listen(agent, "chat_deactivated");
    await agent.banCustomer(customer.id, 1);
    await closed.next((push) => push.chat_id === chatId);
    await webAgent.banCustomer(self.id, 1);
    await assert.rejects(own.getCustomer(), (error) => error.type === "customer_banned");
  });

  it("agents tag, search, start, follow, hand on and tell each other", async () => {
    const [, second] = server.credentials.agents;
    const { agent, webAgent, chat_id: chatId, thread_id: threadId } = await scene();
    const other = await agentRtm(second);
    await agent.tagThread(chatId, threadId, "good");
    await webAgent.tagThread(chatId, threadId, "better");
    await agent.untagThread(chatId, threadId, "good");
    assert.deepEqual((await agent.getChat(chatId)).thread.tags, ["better"]);
    for (const api of [agent, webAgent]) {
      const { chats } = await api.listArchives({ filters: { tags: { values: ["better"] } } });
      assert.ok(chats.some(({ id }) => id === chatId));
    }
    await webAgent.untagThread(chatId, threadId, "better");
    for (const api of [agent, webAgent]) {
      const heirs = await api.listAgentsForTransfer(chatId);
      assert.ok(heirs.some(({ agent_id: id }) => id === second.id));
    }
    const told = listen(other.rtm, "incoming_multicast");
    await agent.multicast({ agents: { ids: [second.id] } }, { text: "by RTM" }, "news");
    await webAgent.multicast({ agents: { all: true } }, { text: "by Web" });
    await told.next((push) => push.content.text === "by RTM" && push.type === "news");
    await told.next((push) => push.content.text === "by Web");
    const otherWeb = web(Agent.Web, second.token);
    await other.rtm.followChat(chatId);
    await other.rtm.unfollowChat(chatId);
    await otherWeb.followChat(chatId);
    await otherWeb.unfollowChat(chatId);
    await webAgent.transferChat(chatId, { target: { type: "agent", ids: [second.id] }, ignore_agents_availability: true });
    await webAgent.addUserToChat(chatId, smith.id, "agent", "all", true);
    await webAgent.removeUserFromChat(chatId, second.id, true);
    assert.ok((await webAgent.listThreads(chatId)).threads.some(({ id }) => id === threadId));
    await agent.deactivateChat(chatId, true);
    assert.notEqual((await agent.resumeChat(chatId)).thread_id, threadId);
    await webAgent.deactivateChat(chatId, true);
    const { chat_id: started } = await agent.startChat();
    await agent.deactivateChat(started, true);
    const { chat_id: byWeb } = await webAgent.startChat();
    await webAgent.deactivateChat(byWeb, true);
  });

  it("agents come and go", async () => {
    const [, , third] = server.credentials.agents;
    const { rtm } = await agentRtm(third);
    const api = web(Agent.Web, third.token);
    const status = async (list) => (await list.listRoutingStatuses()).find(({ agent_id: id }) => id === third.id)?.status;
    await rtm.setRoutingStatus("not_accepting_chats", third.id);
    assert.equal(await status(rtm), "not_accepting_chats");
    await api.setRoutingStatus("accepting_chats", third.id);
    assert.equal(await status(api), "accepting_chats");
    await rtm.setAwayStatus(true);
    assert.equal(await status(rtm), "not_accepting_chats");
    await rtm.setAwayStatus(false);
    assert.deepEqual(await rtm.logout(), {});
  });

  it("customers learn who is there, and about a page", async () => {
    await agentRtm();
    // Of an agent over HTTP only those hear who are connected, too.
    const { rtm, token } = await customerRtm();
    const own = web(Customer.Web, token);
    const page = createServer((_, response) => {
      response.setHeader("Content-Type", "text/html");
      response.end("<title>A page</title>");
    });
    await new Promise((listening) => page.listen(0, "127.0.0.1", listening));
    try {
      for (const api of [rtm, own]) {
        assert.equal((await api.listGroupStatuses(true)).groups_status["0"], "online");
        assert.deepEqual(await api.listGroupStatuses([0]), { groups_status: { 0: "online" } });
        assert.equal((await api.getPredictedAgent()).agent.name, smith.name);
        assert.deepEqual(await api.getForm(0, "prechat"), { enabled: false });
        assert.equal((await api.getURLInfo(`http://127.0.0.1:${page.address().port}/`)).title, "A page");
      }
    } finally {
      page.close();
    }
  });

  it("a customer proves their e-mail address", async () => {
    const { rtm, token } = await customerRtm();
    await rtm.send("update_customer", { email: "ann@mail.example" });
    assert.deepEqual(await web(Customer.Web, token).requestEmailVerification("https://shop.example/"), {});
    const [link] = relay.mails.at(-1).match(/https:\S+/);
    assert.equal((await fetch(link, { method: "POST" })).status, 200);
    assert.equal((await rtm.send("get_customer", {})).email_verified, true);
  });

  it("a customer is greeted on a page, and says what becomes of that", async () => {
    const rule = { condition: "and", type: "url_current", operator: "contains", value: "/sale" };
    const greetings = [{ id: 4, rules: [rule], properties: { "greeting-message_text": "Shall we help?" } }];
    server.operate("license", "set", "--set", `greetings=${JSON.stringify(greetings)}`);
    await agentRtm();
    for (const own of [({ rtm }) => rtm, ({ token }) => web(Customer.Web, token)]) {
      const customer = await customerRtm();
      const api = own(customer);
      const [shown, accepted, canceled] = ["incoming_greeting", "greeting_accepted", "greeting_canceled"].map((push) => listen(customer.rtm, push));
      await customer.rtm.send("update_customer_page", { url: "https://shop.example/sale", title: "Sale" });
      const { id, unique_id: uniqueId, event } = await shown.next();
      assert.deepEqual([id, event.text], [4, "Shall we help?"]);
      assert.deepEqual(await api.acceptGreeting(id, uniqueId), {});
      assert.deepEqual(await accepted.next(), { unique_id: uniqueId });
      assert.deepEqual(await api.cancelGreeting(uniqueId), {});
      assert.deepEqual(await canceled.next(), { unique_id: uniqueId });
      await assert.rejects(api.cancelGreeting(uniqueId), (error) => (error.error ?? error).type === "greeting_not_found");
    }
  });

  it("a page reads its configuration", async () => {
    await agentRtm();
    const api = web(Customer.Web, (await customerToken()).access_token);
    const { livechat } = await api.getDynamicConfiguration({ group_id: 0, url: server.baseUrl });
    assert.deepEqual([livechat.domain_allowed, livechat.language, livechat.online_group_ids.includes(0)], [true, "en", true]);
    const configuration = await api.getConfiguration("0", livechat.config_version);
    assert.deepEqual(configuration.properties, { group: {}, license: {} });
    assert.deepEqual(await api.getLocalization("0", livechat.language, livechat.localization_version), {});
    assert.deepEqual(await api.listLicenseProperties("test", "int_property"), {});
    assert.deepEqual(await api.listGroupProperties(0), {});
    assert.deepEqual(await api.checkGoals([{ cart: "3" }], 0, "https://shop.example/"), {});
  });

  it("what is not served is refused in the protocol's shape", async () => {
    const apis = {
      "Agent.RTM": (await agentRtm()).rtm,
      "Agent.Web": web(Agent.Web, smith.token),
      "Customer.RTM": (await customerRtm()).rtm,
      "Customer.Web": web(Customer.Web, (await customerToken()).access_token),
    };
    for (const [kind, name, parameters, reason] of NOT_SERVED) {
      const expected = kind.endsWith("RTM") ? "validation" : "not_found";
      const isRefused = (error) => (error.error ?? error).type === expected;
      await assert.rejects(apis[kind][name](...parameters), isRefused, `${kind}.${name}: ${reason}`);
    }
  });

  it("all that the SDK offers was called", () => {
    const left = new Set([...NOT_SERVED.map(([kind, name]) => `${kind}.${name}`), ...BROKEN_IN_THE_SDK]);
    const offered = Object.entries(KINDS).flatMap(([kind, { prototype }]) =>
      Object.getOwnPropertyNames(prototype).filter((name) => name !== "constructor" && name !== "on").map((name) => `${kind}.${name}`),
    );
    assert.ok(offered.length > 120, `only ${offered.length} methods were found`);
    assert.deepEqual(offered.filter((name) => called.has(name) === left.has(name)), []);
  });
});
