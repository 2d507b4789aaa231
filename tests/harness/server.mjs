// Starts the real server for a test: its own data folder, a free port, the demo license.

import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = resolve(fileURLToPath(import.meta.url), "../../..");
const START_WITHIN_MS = 30_000;
const STOP_WITHIN_MS = 20_000;

export const binary = () => resolve(ROOT, process.env.SWITCHBOARD_BIN ?? "target/debug/switchboard");

export class Server {
  #flags;
  #settings = {};
  #process = null;
  #output = "";

  constructor(flags) {
    this.#flags = flags;
    this.dataDir = "";
    this.baseUrl = "";
    /** The link to the console that the start prints. */
    this.demoLink = "";
    this.credentials = null;
  }

  /** @param {{flags?: string[]}} options  flags of `serve` beside the address and the data folder */
  static async start({ flags = [] } = {}) {
    if (!existsSync(binary())) {
      throw new Error(`${binary()} does not exist: run \`cargo build\`, or name the program in SWITCHBOARD_BIN`);
    }
    const server = new Server(flags);
    server.dataDir = await mkdtemp(join(tmpdir(), "switchboard-test-"));
    await server.#spawn("127.0.0.1:0");
    return server;
  }

  /** Ends the server without any warning and starts it again on the same address and data, with these settings, as variables. */
  async killAndRestart({ whileDown = async () => {}, settings = {} } = {}) {
    this.#settings = settings;
    const { host } = new URL(this.baseUrl);
    const ended = this.#ended();
    this.#process.kill("SIGKILL");
    await ended;
    await whileDown();
    await this.#spawn(host);
  }

  /** Runs a command of the operator beside the server. */
  operate(...line) {
    execFileSync(binary(), [...line, "--data-dir", this.dataDir], { cwd: this.dataDir, stdio: ["ignore", "ignore", "pipe"] });
  }

  /** Asks the server to end, checks that it ends well, removes its data. */
  async stop() {
    const ended = this.#ended();
    this.#process.kill("SIGTERM");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), STOP_WITHIN_MS);
    const [code, signal] = await ended;
    clearTimeout(timer);
    await rm(this.dataDir, { recursive: true, force: true });
    if (code !== 0) throw new Error(`the server ended with ${signal ?? `code ${code}`}; it wrote:\n${this.#output}`);
  }

  #ended() {
    const child = this.#process;
    if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve([child.exitCode, child.signalCode]);
    return new Promise((done) => child.once("exit", (code, signal) => done([code, signal])));
  }

  async #spawn(listen) {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("SWITCHBOARD_"));
    this.#output = "";
    this.#process = spawn(binary(), ["serve", "--listen", listen, "--data-dir", this.dataDir, ...this.#flags], {
      cwd: this.dataDir, // no switchboard.toml of the developer's
      env: { ...Object.fromEntries(inherited), ...this.#settings },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const read = (chunk) => (this.#output += chunk);
    this.#process.stdout.on("data", read);
    this.#process.stderr.on("data", read);
    await this.#until(() => {
      this.baseUrl = /listening on (https?:\/\/\S+)/.exec(this.#output)?.[1] ?? "";
      this.demoLink = /https?:\/\/\S+\/#code=\S+/.exec(this.#output)?.[0] ?? "";
      return this.baseUrl !== "" && this.demoLink !== "";
    });
    this.credentials = JSON.parse(await readFile(join(this.dataDir, "demo-credentials.json"), "utf8"));
  }

  async #until(condition) {
    const end = Date.now() + START_WITHIN_MS;
    while (!condition()) {
      const { exitCode, signalCode } = this.#process;
      if (exitCode !== null || signalCode !== null || Date.now() > end) {
        this.#process.kill("SIGKILL");
        throw new Error(`the server did not start (it should print its address and the console's link); it wrote:\n${this.#output}`);
      }
      await new Promise((done) => setTimeout(done, 25));
    }
  }
}
