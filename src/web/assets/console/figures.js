// How chats reach agents, in figures: the dialog for administrators. The server's own report, not part of the protocol.

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
    const response = await fetch("/reports/routing", { headers: { Authorization: token } });
    const answer = await response.json();
    return response.ok ? shown(answer) : [h("p", {}, answer.error?.message ?? `The server answered ${response.status}.`)];
  } catch {
    return [h("p", {}, "The server cannot be reached.")];
  }
}

function shown({ served, waiting, slots, slots_taken, refused_starts, agents, groups }) {
  return [
    h("p", {}, `${served} chats with agents, ${waiting} waiting, ${refused_starts} starts refused; ${share(slots_taken, slots)} of ${slots} slots taken.`),
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

const table = (caption, heads, rows) =>
  h(
    "table.figures",
    {},
    h("caption", {}, caption),
    h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map(cell)))),
  );
