// A headless Chromium and pages that fail the test when they log an error.

import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const EXECUTABLE = process.env.SWITCHBOARD_TEST_CHROMIUM ?? "/usr/bin/chromium";
const SCREENSHOTS = fileURLToPath(new URL("out/", import.meta.url));

// Without these, Chromium looks up hosts of its maker at every start.
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export const DESKTOP = { viewport: { width: 1440, height: 900 } };
export const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

export class Browser {
  #chromium;
  #faults = [];

  static async start() {
    if (!existsSync(EXECUTABLE)) {
      throw new Error(`${EXECUTABLE} is missing: run \`apt-get install chromium\`, or name it in SWITCHBOARD_TEST_CHROMIUM`);
    }
    await mkdir(SCREENSHOTS, { recursive: true });
    const browser = new Browser();
    browser.#chromium = await chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });
    return browser;
  }

  /** A page of its own person: own cookies, own storage. */
  async page(name, options = DESKTOP) {
    const context = await this.#chromium.newContext({ locale: "en-GB", timezoneId: "Europe/Berlin", ...options });
    context.setDefaultTimeout(15_000);
    context.on("page", (page) => this.#watch(name, page));
    return context.newPage();
  }

  #watch(name, page) {
    page.on("pageerror", (error) => this.#faults.push(`${name}: ${error.message} ${error.stack}`));
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") {
        this.#faults.push(`${name}: ${message.text()} (${message.location().url})`);
      }
    });
  }

  /** What the pages logged as errors since the last call; lines that fit `expected` do not count. */
  takeFaults(expected = []) {
    const faults = this.#faults.filter((fault) => !expected.some((pattern) => pattern.test(fault)));
    this.#faults = [];
    return faults;
  }

  /** For a test that failed: what the pages logged, and where they can be seen. */
  async describe() {
    const pages = this.#chromium.contexts().flatMap((context) => context.pages());
    await Promise.all(pages.map((page, index) => screenshot(page, `failed-${index}`)));
    return [`out/failed-*.png show the ${pages.length} pages; they logged:`, ...this.#faults].join("\n");
  }

  async closePages() {
    this.#faults = [];
    await Promise.all(this.#chromium.contexts().map((context) => context.close()));
  }

  close() {
    return this.#chromium.close();
  }
}

export const screenshot = (page, name) => page.screenshot({ path: `${SCREENSHOTS}${name}.png` });
