// How chats reach agents, in figures: the dialog for administrators, with the cluster for those who operate it. The
// server's own reports, not part of the protocol.

import { byId, h, icon } from "../shared/dom.js";

const REFRESH_MS = 5_000;

const seconds = (bound, answered) => (answered === 0 ? "–" : bound === null ? "over 30 min" : bound < 120 ? `≤ ${bound} s` : `≤ ${bound / 60} min`);
const share = (part, whole) => (whole === 0 ? "–" : `${Math.round((100 * part) / whole)} %`);
const cell = (text) => h("td", {}, String(text));

/** Shows the figures and keeps them fresh until the dialog is closed. `token`: as a login's, with its scheme. */
export async function openFigures(token) {
  const dialog = byId("figures");
  const body = h("div", {}, h("p.hint", {}, "Loading…"));
  dialog.replaceChildren(
    h(
      "header",
      {},
      h("h2", { id: "figures-title" }, "Figures"),
      h("button.quiet", { type: "button", "aria-label": "Close", onclick: () => dialog.close() }, icon("close")),
    ),
    body,
  );
  dialog.showModal();
  const show = async () => body.replaceChildren(...(await load(token)));
  await show();
  const timer = setInterval(show, REFRESH_MS);
  dialog.addEventListener("close", () => clearInterval(timer), { once: true });
}

async function load(token) {
  try {
    const routing = await report("routing", token);
    return routing.sees_cluster ? [...shown(routing), ...cluster(await report("cluster", token))] : shown(routing);
  } catch (fault) {
    return [h("p", {}, fault instanceof Refused ? fault.message : "The server cannot be reached.")];
  }
}

class Refused extends Error {}

async function report(name, token) {
  const response = await fetch(`/reports/${name}`, { headers: { Authorization: token } });
  const answer = await response.json();
  if (!response.ok) throw new Refused(answer.error?.message ?? `The server answered ${response.status}.`);
  return answer;
}

function shown({ served, waiting, slots, slots_taken, refused_starts, agents, groups }) {
  return [
    h("p", {}, `With agents: ${served}, waiting: ${waiting}, refused at the start: ${refused_starts}. Slots taken: ${slots_taken} of ${slots} (${share(slots_taken, slots)}).`),
    table(
      "Groups",
      ["Group", "Waiting", "Half within", "95 % within", `Within ${groups[0]?.soon_s ?? 20} s`, "Refused"],
      groups.map((group) => [
        group.name,
        group.waiting,
        seconds(group.wait_p50_s, group.answered),
        seconds(group.wait_p95_s, group.answered),
        share(group.answered_soon, group.answered),
        group.refused_starts,
      ]),
    ),
    table(
      "Agents",
      ["Agent", "Chats", "Slots"],
      agents.map((agent) => [agent.name, agent.chats, agent.limit]),
    ),
  ];
}

function cluster({ node, shards, unowned, members, moves, impaired, counts }) {
  const state = (member) => (member.suspect ? "silent" : member.draining ? "gives its shards away" : "alive");
  const heard = ({ silent_ms }) => (silent_ms === null ? "this node" : silent_ms < 1_000 ? "now" : `${Math.round(silent_ms / 1_000)} s ago`);
  // Microseconds since 1970.
  const moment = (epoch) => (epoch === 0 ? "–" : new Date(epoch / 1_000).toISOString().replace("T", " ").slice(0, 19));
  const store = impaired ? "cannot reach the store" : `${counts.conditional_writes} conditional writes`;
  return [
    table(
      "Cluster",
      ["Node", "State", "Heard", "Shards", "Newest epoch", "Run"],
      members.map((member) => [member.node, state(member), heard(member), member.shards, moment(member.newest_epoch), member.incarnation.slice(0, 8)]),
    ),
    h("p", {}, `${shards} shards, ${unowned} without a living owner, ${moves.length} on their way from here.`),
    h("p.hint", {}, `As ${node} sees it: ${counts.claims} shards claimed, ${counts.hand_overs} handed over, ${counts.fences} fences, ${store}.`),
  ];
}

const table = (caption, heads, rows) =>
  h(
    "div.scrolls",
    { tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table.figures",
      {},
      h("caption", {}, caption),
      h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map(cell)))),
    ),
  );
