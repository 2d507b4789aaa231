// The pages as people use them: a real Chromium, the real server, nothing in between.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, describe, it } from "node:test";
import { Server } from "../harness/server.mjs";
import { Browser, DESKTOP, PHONE, screenshot } from "./browser.mjs";
import { Agent, Customer, fitsTheScreen, messages } from "./people.mjs";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const LOST_SOCKET = /WebSocket connection to|ERR_CONNECTION_REFUSED/;

async function assertAccessible(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] }));
  const found = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(" ")}`);
  assert.deepEqual(found, []);
}

describe("console and customer page", { timeout: 300_000 }, () => {
  let server;
  let browser;

  before(async () => {
    browser = await Browser.start();
  });
  after(() => browser.close());

  // Every test has a server of its own: none sees the chats of another.
  const test = (name, story, { faults = [], flags = [] } = {}) =>
    it(name, async () => {
      server = await Server.start({ flags });
      try {
        await story();
        assert.deepEqual(browser.takeFaults(faults), [], "the pages logged errors");
      } catch (error) {
        throw new Error(`${error.message}\n${await browser.describe()}`, { cause: error });
      } finally {
        await browser.closePages();
        await server.stop();
      }
    });

  test("a customer writes, the agent answers, both see it", async () => {
    const agent = await Agent.byLink(browser, server);
    await screenshot(agent.page, "console-empty");
    const customer = await Customer.open(browser, server, "customer");
    await screenshot(customer.page, "widget-start");
    await customer.start({ name: "Maria Sanchez", text: "My parcel says delivered, but it is not here." });

    await agent.has("mine", "Maria Sanchez");
    await agent.open("Maria Sanchez");
    await agent.sees("My parcel says delivered");

    await agent.page.locator("#reply").pressSequentially("I am sorry");
    await customer.page.getByText("is typing").waitFor();
    await agent.write("I am sorry to hear that.\nLet me look it up.");
    await customer.sees("Let me look it up.");
    await agent.page.getByText("Seen").waitFor();

    await customer.type("It was order 1182");
    await agent.page.locator("[data-peek]", { hasText: "It was order 1182" }).waitFor();
    await screenshot(agent.page, "console-chat");
    await customer.write("It was order 1182, sent last Tuesday.");
    await agent.sees("sent last Tuesday");
    assert.equal(await agent.page.locator("[data-peek]").count(), 0);
    await screenshot(customer.page, "widget-chat");

    const expected = ["My parcel says delivered, but it is not here.", "I am sorry to hear that.\nLet me look it up.", "It was order 1182, sent last Tuesday."];
    assert.deepEqual(await messages(agent.page), expected);
    assert.deepEqual(await messages(customer.page), expected);
  });

  test("a message with markup is shown as text", async () => {
    const agent = await Agent.byLink(browser, server);
    const customer = await Customer.open(browser, server, "customer");
    const markup = `<img src=x onerror="document.title='taken'"><script>document.title='taken'</script><b>bold</b> & "quoted"`;
    await customer.start({ name: "<i>Mallory</i>", text: markup });
    await agent.open("<i>Mallory</i>");
    await agent.sees(markup);
    await agent.write(markup);
    await customer.page.waitForFunction(() => document.querySelectorAll("[data-event] .bubble").length === 2);
    await agent.page.waitForFunction(() => document.querySelectorAll("[data-event] .bubble").length === 2);
    for (const { page } of [agent, customer]) {
      assert.deepEqual(await messages(page), [markup, markup]);
      assert.equal(await page.locator(".bubble img, .bubble script, .bubble b, i:text('Mallory')").count(), 0);
      assert.doesNotMatch(await page.title(), /taken/);
    }
    await customer.write("javascript:alert(1) and https://example.com/a?b=1&c=2.");
    await agent.sees("javascript:");
    const links = await agent.page.locator(".bubble a").evaluateAll((all) => all.map((link) => link.getAttribute("href")));
    assert.deepEqual(links, ["https://example.com/a?b=1&c=2"]);
    await screenshot(agent.page, "console-markup");
  });

  test("two agents: one transfers, the other joins the list, takes over and closes", async () => {
    const smith = await Agent.byLink(browser, server, "smith");
    const customer = await Customer.open(browser, server, "customer");
    await customer.start({ name: "Tom Baker", text: "How do I change my address?" });
    await smith.has("mine", "Tom Baker");

    const [, second] = server.credentials.agents;
    const jones = await Agent.byToken(browser, server, second.token, "jones");
    await jones.has("others", "Tom Baker");
    await jones.open("Tom Baker");
    await jones.sees("How do I change my address?");
    await jones.page.getByText("You are looking on").waitFor();
    await customer.write("It is the delivery address.");
    await jones.sees("It is the delivery address."); // looking on is live
    await screenshot(jones.page, "console-looking-on");

    await smith.open("Tom Baker");
    await smith.page.getByRole("button", { name: "Transfer" }).click();
    await smith.page.getByRole("radio", { name: new RegExp(second.name) }).check();
    await screenshot(smith.page, "console-transfer");
    await smith.page.locator("#transfer").getByRole("button", { name: "Transfer" }).click();
    await jones.has("mine", "Tom Baker");
    await smith.has("others", "Tom Baker");

    await jones.write("I have changed it.");
    await customer.sees("I have changed it.");
    await jones.page.getByRole("button", { name: "Close", exact: true }).click();
    await jones.has("closed", "Tom Baker");
    await smith.has("closed", "Tom Baker");
    await customer.page.waitForSelector('[data-mode="start"]');
  });

  test("an agents-only message does not reach the customer", async () => {
    const agent = await Agent.byLink(browser, server);
    const customer = await Customer.open(browser, server, "customer");
    await customer.start({ name: "Ann Lee", text: "Do you ship to Norway?" });
    await agent.open("Ann Lee");
    await agent.page.getByLabel("Agents only").check();
    await agent.write("She asked this last week too.");
    await agent.sees("She asked this last week too.");
    await agent.page.getByLabel("Agents only").uncheck();
    await agent.write("Yes, we do.");
    await customer.sees("Yes, we do.");
    assert.deepEqual(await messages(customer.page), ["Do you ship to Norway?", "Yes, we do."]);
  });

  test("a customer waits in the queue, sees the place in it, and is taken from it", async () => {
    const agent = await Agent.byLink(browser, server);
    await agent.setAccepting(false);
    const first = await Customer.open(browser, server, "first");
    await first.start({ name: "Yuki Tanaka", text: "I was charged twice." });
    const second = await Customer.open(browser, server, "second");
    await second.start({ name: "Omar Haddad", text: "Hello?" });
    await agent.has("queued", "Yuki Tanaka");
    await agent.has("queued", "Omar Haddad");
    await first.page.getByText("You are next.").waitFor();
    await second.page.getByText("You are number 2 in the queue.").waitFor();
    await screenshot(second.page, "widget-queue");
    await agent.open("Yuki Tanaka");
    await agent.sees("I was charged twice.");
    await screenshot(agent.page, "console-queue");
    await agent.page.getByRole("button", { name: "Take the chat" }).click();
    await agent.has("mine", "Yuki Tanaka");
    await second.page.getByText("You are next.").waitFor();
    await agent.write("Let me see.");
    await first.sees("Let me see.");

    await agent.setAccepting(true); // a free slot: the queue drains by itself
    await agent.has("mine", "Omar Haddad");
    await second.page.locator("#queue").waitFor({ state: "hidden" });
  });

  test(
    "an administrator sees the figures, and the cluster if it is theirs",
    async () => {
      const agent = await Agent.byLink(browser, server);
      await agent.setAccepting(false);
      const customer = await Customer.open(browser, server, "customer");
      await customer.start({ name: "Maria Sanchez", text: "Hello?" });
      await agent.has("queued", "Maria Sanchez");
      await agent.setAccepting(true);
      await agent.has("mine", "Maria Sanchez");
      const figures = agent.page.getByRole("dialog", { name: "Figures" });
      await agent.openMenu("Figures");
      await figures.getByText("With agents: 1").waitFor();
      const row = (name) => figures.getByRole("row", { name: new RegExp(`^${name} `) });
      assert.match(await row("All agents").innerText(), /^All agents\s+0\s+≤ \d+ s\s+≤ \d+ s\s+100 %\s+0$/);
      assert.match(await row(server.credentials.agents[0].name).innerText(), /\s1\s+6$/);
      assert.equal(await figures.getByText("shards").count(), 0, "a tenant knows nothing of the cluster");
      await assertAccessible(agent.page);
      await figures.getByRole("button", { name: "Close" }).click();

      await server.killAndRestart({ settings: { SWITCHBOARD_NODE_SHOWN_TO: server.credentials.license_id } });
      await agent.page.reload();
      await agent.online();
      await agent.openMenu("Figures");
      await figures.getByText("1024 shards, 0 without a living owner").waitFor();
      assert.match(await row("node").innerText(), /^node\s+alive\s+this node\s+1024\s+20\d\d-/);
      await screenshot(agent.page, "console-figures");
    },
    { faults: [LOST_SOCKET] },
  );

  test("a greeting is shown, leads to a chat by its button, or is closed for good", async () => {
    const rule = { condition: "and", type: "url_current", operator: "contains", value: "/widget" };
    const buttons = [
      { type: "message", text: "Where is my parcel?", value: "parcel", postback_id: "parcel", user_ids: [] },
      { type: "url", text: "Our prices", value: "https://shop.example/prices", postback_id: "prices", user_ids: [] },
    ];
    const elements = [{ title: "Can we help?", subtitle: "We answer within a minute.", buttons }];
    const greetings = [{ id: 4, rules: [rule], rich_message: { template_id: "quick_replies", elements } }];
    server.operate("license", "set", "--set", `greetings=${JSON.stringify(greetings)}`);
    const agent = await Agent.byLink(browser, server);

    const closing = await Customer.open(browser, server, "closing");
    const card = ({ page }) => page.getByRole("region", { name: "A message for you" });
    await card(closing).getByText("Can we help?").waitFor();
    assert.equal(await card(closing).getByRole("link", { name: "Our prices" }).getAttribute("href"), "https://shop.example/prices");
    await card(closing).getByRole("button", { name: "Close" }).click();
    await card(closing).waitFor({ state: "hidden" });
    await closing.page.getByText("What can we do for you?").waitFor();
    await closing.page.reload();
    await closing.page.getByText("What can we do for you?").waitFor();
    assert.equal(await card(closing).isVisible(), false, "it comes once");

    const customer = await Customer.open(browser, server, "customer", PHONE);
    await card(customer).getByText("Can we help?").waitFor();
    await fitsTheScreen(customer.page);
    await assertAccessible(customer.page);
    await screenshot(customer.page, "widget-greeting");
    await card(customer).getByRole("button", { name: "Where is my parcel?" }).click();
    await customer.sees("Where is my parcel?");
    assert.equal(await card(customer).isVisible(), false, "whoever chats is past being greeted");
    await agent.page.getByText("Where is my parcel?").first().waitFor();
    const asAgent = async (action, payload) => {
      const headers = { "Content-Type": "application/json", Authorization: `Bearer ${server.credentials.agents[0].token}` };
      const response = await fetch(`${server.baseUrl}/v3.6/agent/action/${action}`, { method: "POST", headers, body: JSON.stringify(payload) });
      return response.json();
    };
    const [chat] = (await asAgent("list_chats", {})).chats_summary;
    assert.equal(chat.last_thread_summary.properties.lc2.greeting_id, 4);
    const { id } = chat.users.find((user) => user.type === "customer");
    const { statistics } = await asAgent("get_customer", { id });
    assert.deepEqual([statistics.greetings_shown_count, statistics.greetings_accepted_count], [1, 1]);
  });

  test("the customer ends the chat and starts again; both keep the history", async () => {
    const agent = await Agent.byLink(browser, server);
    const customer = await Customer.open(browser, server, "customer");
    await customer.start({ name: "Lena Vogt", text: "first topic" });
    for (const topic of ["second topic", "third topic", "fourth topic", "fifth topic"]) {
      await customer.end();
      await customer.startAgain(topic);
    }
    await agent.open("Lena Vogt");
    const all = ["first topic", "second topic", "third topic", "fourth topic", "fifth topic"];
    await agent.page.locator("#scroller").evaluate((scroller) => (scroller.scrollTop = 0));
    await agent.sees("first topic");
    assert.deepEqual(await messages(agent.page), all);

    await customer.page.reload(); // the identity is in the cookies
    await customer.sees("fifth topic");
    await customer.page.locator("#scroller").evaluate((scroller) => (scroller.scrollTop = 0));
    await customer.sees("first topic");
    assert.deepEqual(await messages(customer.page), all);
    await screenshot(customer.page, "widget-history");
  });

  test(
    "the server dies and comes back: what was written meanwhile arrives once and in order",
    async () => {
      const agent = await Agent.byLink(browser, server);
      const customer = await Customer.open(browser, server, "customer");
      await customer.start({ name: "Noor Ali", text: "before" });
      await agent.open("Noor Ali");
      await agent.write("one moment");
      await customer.sees("one moment");
      await server.killAndRestart({
        whileDown: async () => {
          await customer.page.getByText("The connection is lost").waitFor();
          await agent.page.getByText("The connection is lost").waitFor();
          await customer.write("while it was down 1");
          await customer.write("while it was down 2");
          await agent.write("from the agent, too");
          await screenshot(customer.page, "widget-offline");
          await screenshot(agent.page, "console-offline");
        },
      });
      await agent.online();
      for (const { page } of [agent, customer]) {
        await page.waitForFunction(() => document.querySelectorAll("[data-event] .bubble").length >= 5);
        await page.waitForFunction(() => document.querySelectorAll("[data-outgoing]").length === 0);
      }
      const seen = await messages(customer.page);
      assert.deepEqual(await messages(agent.page), seen);
      assert.deepEqual([...seen].sort(), ["before", "from the agent, too", "one moment", "while it was down 1", "while it was down 2"]);
      assert.ok(seen.indexOf("while it was down 1") < seen.indexOf("while it was down 2"));
    },
    { faults: [LOST_SOCKET] },
  );

  test(
    "the printed link works once; tokens stay in the tab",
    async () => {
      const agent = await Agent.byLink(browser, server);
      assert.equal(new URL(agent.page.url()).hash, "", "the code stays in the address bar");
      const stored = await agent.page.evaluate(() => ({ local: localStorage.length, cookie: document.cookie }));
      assert.deepEqual(stored, { local: 0, cookie: "" });
      await agent.page.reload();
      await agent.online();

      const late = await browser.page("late");
      await late.goto(server.demoLink);
      await late.getByText("The link did not work").waitFor();
      await late.getByLabel("Access token").fill("no such token");
      await late.getByRole("button", { name: "Sign in" }).click();
      await late.getByText("The server refused the token").waitFor();
      await screenshot(late, "console-sign-in");
    },
    { faults: [/status of 403/] },
  );

  test("a second demo agent opens in a tab of its own", async () => {
    const agent = await Agent.byLink(browser, server);
    const second = server.credentials.agents[1];
    await agent.page.locator("#agent-summary").click();
    await screenshot(agent.page, "console-menu");
    const [tab] = await Promise.all([
      agent.page.context().waitForEvent("page"),
      agent.page.getByRole("link", { name: `${second.name} in a new tab` }).click(),
    ]);
    await tab.waitForSelector('#connection[data-state="online"]');
    assert.equal(await tab.locator("#agent-summary").innerText().then((text) => text.includes(second.name)), true);
    assert.ok((await agent.page.locator("#agent-summary").innerText()).includes(server.credentials.agents[0].name));
  });

  test("everything works by keyboard alone", async () => {
    const agent = await Agent.byLink(browser, server);
    const customer = await Customer.open(browser, server, "customer");
    await customer.page.getByLabel("Your name").fill("Kim Park");
    await customer.page.keyboard.press("Tab");
    await customer.page.keyboard.press("Tab");
    await customer.page.keyboard.type("only keys");
    await customer.page.keyboard.press("Enter");
    await agent.has("mine", "Kim Park");
    const { keyboard } = agent.page;
    await keyboard.press("Alt+ArrowDown");
    await agent.sees("only keys");
    await keyboard.press("Alt+KeyR");
    await keyboard.type("line one");
    await keyboard.press("Shift+Enter");
    await keyboard.type("line two");
    await keyboard.press("Enter");
    await customer.sees("line two");
    await keyboard.press("Alt+KeyE");
    await agent.has("closed", "Kim Park");
    await keyboard.press("Enter"); // the focus is on "Open it again"
    await agent.has("mine", "Kim Park");
    await keyboard.press("Escape");
    await keyboard.press("Shift+Slash");
    await agent.page.getByRole("heading", { name: "Keyboard shortcuts" }).waitFor();
    await screenshot(agent.page, "console-help");
    await keyboard.press("Escape");
    await keyboard.press("Alt+KeyS");
    await agent.page.waitForSelector('#accepting[aria-checked="false"]');
  });

  test("a refused message says why and can be deleted", async () => {
    const agent = await Agent.byLink(browser, server);
    const customer = await Customer.open(browser, server, "customer");
    await customer.start({ name: "Ben Roth", text: "hello" });
    await agent.open("Ben Roth");
    await agent.page.locator("#reply").fill("x".repeat(16_385));
    await agent.page.locator("#reply").press("Enter");
    await agent.page.getByText("this one has 16385").waitFor();
    await agent.page.locator("#reply").fill("short");
    // The server's own refusal: another agent takes the first one out while a message is on its way.
    const [, second] = server.credentials.agents;
    const jones = await Agent.byToken(browser, server, second.token, "jones");
    await jones.open("Ben Roth");
    await jones.page.getByRole("button", { name: "Take over" }).click();
    await agent.has("others", "Ben Roth");
    await agent.page.evaluate(() => document.getElementById("composer").requestSubmit());
    const failed = agent.page.locator('[data-outgoing="failed"]');
    await failed.waitFor();
    await screenshot(agent.page, "console-failed");
    await failed.getByRole("button", { name: "Delete" }).click();
    await failed.waitFor({ state: "detached" });
  });

  for (const colorScheme of ["light", "dark"]) {
    test(`both pages fit a phone and are accessible, ${colorScheme}`, async () => {
      const agent = await Agent.byLink(browser, server, "agent", { ...PHONE, colorScheme });
      const customer = await Customer.open(browser, server, "customer", { ...PHONE, colorScheme });
      await assertAccessible(customer.page);
      await screenshot(customer.page, `phone-widget-start-${colorScheme}`);
      await customer.start({ name: "Ida Nilsson", text: `A long word: ${"abcdefghij".repeat(12)}` });
      await agent.has("mine", "Ida Nilsson");
      await fitsTheScreen(agent.page);
      await assertAccessible(agent.page);
      await screenshot(agent.page, `phone-console-list-${colorScheme}`);
      await agent.open("Ida Nilsson");
      await agent.write("That is a long word. What does it mean, and where did you find it?");
      await customer.sees("That is a long word.");
      for (const { page } of [agent, customer]) {
        await fitsTheScreen(page);
        await assertAccessible(page);
      }
      await screenshot(agent.page, `phone-console-chat-${colorScheme}`);
      await screenshot(customer.page, `phone-widget-chat-${colorScheme}`);
      await agent.page.getByRole("button", { name: "Back to the list" }).click();
      await agent.has("mine", "Ida Nilsson");
      assert.equal(await agent.page.locator("#chat").isVisible(), false);
    });

    test(`the console is accessible on a desktop, ${colorScheme}`, async () => {
      const agent = await Agent.byLink(browser, server, "agent", { ...DESKTOP, colorScheme });
      await assertAccessible(agent.page);
      const customer = await Customer.open(browser, server, "customer");
      await customer.start({ name: "Ida Nilsson", text: "Hello" });
      await agent.open("Ida Nilsson");
      await agent.page.getByLabel("Agents only").check();
      await agent.write("a note");
      await agent.sees("a note");
      await assertAccessible(agent.page);
      await screenshot(agent.page, `console-chat-${colorScheme}`);
    });
  }
});
