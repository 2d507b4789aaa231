// What a person does on a page, in words of the page: tests below read like a story.

import assert from "node:assert/strict";

const item = (name) => `[role="option"]:has-text("${name}")`;

export class Customer {
  constructor(page) {
    this.page = page;
  }

  static async open(browser, server, name, options) {
    const page = await browser.page(name, options);
    await page.goto(`${server.baseUrl}/widget`);
    await page.waitForSelector('[data-mode="start"], [data-mode="chat"]');
    return new Customer(page);
  }

  async start({ name, text }) {
    await this.page.getByLabel("Your name").fill(name);
    await this.page.locator("#first").fill(text);
    await this.page.getByRole("button", { name: "Start the chat" }).click();
    await this.sees(text);
  }

  async startAgain(text) {
    await this.page.locator("#first").fill(text);
    await this.page.getByRole("button", { name: "Start a new chat" }).click();
    await this.sees(text);
  }

  async write(text) {
    await this.page.locator("#message").fill(text);
    await this.page.locator("#message").press("Enter");
  }

  async type(text) {
    await this.page.locator("#message").pressSequentially(text);
  }

  /** A message that the server has stored. */
  async sees(text) {
    await this.page.locator("[data-event] .bubble", { hasText: text }).last().waitFor();
  }

  async end() {
    await this.page.getByRole("button", { name: "End chat" }).click();
    await this.page.locator("#confirm").getByRole("button", { name: "End chat" }).click();
    await this.page.waitForSelector('[data-mode="start"]');
  }
}

export class Agent {
  constructor(page) {
    this.page = page;
  }

  /** By the link that the start prints. */
  static async byLink(browser, server, name = "agent", options) {
    const page = await browser.page(name, options);
    await page.goto(server.demoLink);
    return new Agent(page).#online();
  }

  /** By the sign-in form. */
  static async byToken(browser, server, token, name = "agent", options) {
    const page = await browser.page(name, options);
    await page.goto(`${server.baseUrl}/`);
    await page.getByLabel("Access token").fill(token);
    await page.getByRole("button", { name: "Sign in" }).click();
    return new Agent(page).#online();
  }

  async #online() {
    await this.online();
    return this;
  }

  async online() {
    await this.page.waitForSelector('#connection[data-state="online"]');
  }

  section(name) {
    return this.page.locator(`[data-section="${name}"]`);
  }

  /** Waits until the chat with that customer stands in that section of the list. */
  async has(section, customer) {
    await this.section(section).locator(item(customer)).waitFor();
  }

  async open(customer) {
    await this.page.locator(item(customer)).click();
    await this.page.getByRole("heading", { level: 1, name: customer }).waitFor();
  }

  async write(text) {
    await this.page.locator("#reply").fill(text);
    await this.page.locator("#reply").press("Enter");
  }

  async sees(text) {
    await this.page.locator("[data-event] .bubble", { hasText: text }).last().waitFor();
  }

  async openMenu(item) {
    await this.page.locator("#agent-summary").click();
    await this.page.getByRole("button", { name: item }).click();
  }

  async setAccepting(wanted) {
    const button = this.page.getByRole("switch");
    if ((await button.getAttribute("aria-checked")) !== String(wanted)) await button.click();
    await this.page.waitForSelector(`#accepting[aria-checked="${wanted}"]`);
  }
}

/** The stored messages that a page shows, in order. */
export const messages = (page) => page.locator("[data-event] .bubble").allInnerTexts();

export async function fitsTheScreen(page) {
  const { wide, shown } = await page.evaluate(() => ({
    wide: document.documentElement.scrollWidth,
    shown: document.documentElement.clientWidth,
  }));
  assert.ok(wide <= shown, `the page is ${wide} px wide on a screen of ${shown} px`);
}
