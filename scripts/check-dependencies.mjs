// Checks every Rust dependency against .deny.toml: licence allowed, crate not banned, source the one registry.
// A small reader of `cargo metadata` instead of cargo-deny: that tool takes many minutes to build on a small machine and
// its advisory database is not reachable everywhere. Where cargo-deny is installed, it checks the same file as well.

import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

const settings = readFileSync(new URL("../.deny.toml", import.meta.url), "utf8");
const list = (key) => {
  const found = new RegExp(`^${key} = \\[\\n([^]*?)^\\]`, "m").exec(settings);
  if (!found) throw new Error(`.deny.toml has no list "${key}"`);
  return [...found[1].matchAll(/"([^"]+)"/g)].map(([, text]) => text);
};
const allowed = new Set(list("allow"));
const banned = new Set(list("deny"));

/** SPDX: OR needs one side, AND needs both; "/" is an old way to write OR. */
function isAllowed(expression) {
  const tokens = expression.replaceAll("/", " OR ").match(/\(|\)|[^\s()]+/g);
  const atom = () => {
    if (tokens[0] === "(") {
      tokens.shift();
      const inside = either();
      tokens.shift();
      return inside;
    }
    let name = tokens.shift();
    if (tokens[0] === "WITH") name += ` ${tokens.shift()} ${tokens.shift()}`;
    return allowed.has(name);
  };
  const both = () => {
    let good = atom();
    while (tokens[0] === "AND") {
      tokens.shift();
      good = atom() && good;
    }
    return good;
  };
  const either = () => {
    let good = both();
    while (tokens[0] === "OR") {
      tokens.shift();
      good = both() || good;
    }
    return good;
  };
  return either();
}

const run = (program, ...parameters) =>
  execFileSync(program, parameters, { encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "inherit"] });
const host = /^host: (\S+)$/m.exec(run("rustc", "-vV"))[1];
// Only what is built here: crates for other systems are not even fetched.
const metadata = JSON.parse(run("cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", host));
const outside = metadata.packages.filter((one) => one.source !== null);
const faults = [];
for (const { name, version, license, source } of outside) {
  if (!license || !isAllowed(license)) faults.push(`${name} ${version}: licence ${license ?? "unknown"} is not allowed`);
  if (banned.has(name)) faults.push(`${name} ${version}: banned`);
  if (!source.startsWith("registry+")) faults.push(`${name} ${version}: comes from ${source}`);
}
const registries = new Set(outside.map((one) => one.source));
if (registries.size > 1) faults.push(`more than one registry: ${[...registries].join(", ")}`);
for (const fault of faults) console.error(fault);
console.log(`${outside.length} dependencies, ${faults.length} faults`);

const hasCargoDeny = spawnSync("cargo", ["deny", "--version"], { stdio: "ignore" }).status === 0;
const deny = hasCargoDeny ? spawnSync("cargo", ["deny", "check", "licenses", "bans", "sources"], { stdio: "inherit" }).status : 0;
process.exitCode = faults.length > 0 || deny !== 0 ? 1 : 0;
