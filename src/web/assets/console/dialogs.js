// The dialogs of the console: keyboard shortcuts, and where to transfer a chat.

import { byId, h, icon } from "../shared/dom.js";
import { avatar } from "../shared/timeline.js";

const SHORTCUTS = [
  ["Alt", "↑", "Chat above"],
  ["Alt", "↓", "Chat below"],
  ["Alt", "R", "Write a reply"],
  ["Alt", "N", "Agents only: on or off"],
  ["Alt", "J", "Take or join the chat"],
  ["Alt", "T", "Transfer the chat"],
  ["Alt", "E", "Close the chat"],
  ["Alt", "I", "Details: show or hide"],
  ["Alt", "S", "Accept chats: on or off"],
  ["Esc", "", "Back to the list"],
  ["?", "", "This help"],
];

const closeButton = (dialog) =>
  h("button.quiet", { type: "button", "aria-label": "Close", onclick: () => dialog.close() }, icon("close"));

export function openHelp() {
  const dialog = byId("help");
  dialog.replaceChildren(
    h("header", {}, h("h2", { id: "help-title" }, "Keyboard shortcuts"), closeButton(dialog)),
    h(
      "dl.shortcuts",
      {},
      SHORTCUTS.flatMap(([first, second, what]) => [
        h("dt", {}, h("kbd", {}, first), second ? [" + ", h("kbd", {}, second)] : null),
        h("dd", {}, what),
      ]),
    ),
  );
  dialog.showModal();
}

const STATUS_TEXT = { accepting_chats: "accepting chats", not_accepting_chats: "not accepting chats" };

/**
 * Asks where a chat goes. Resolves with the parameters of transfer_chat (without the id), or null.
 * @param {{agents: {id: string, name: string, status: string}[], groups: number[]}} choices
 */
export function askTransfer({ agents, groups }) {
  const dialog = byId("transfer");
  const groupId = h("input", { type: "number", id: "transfer-group", min: 0, step: 1, value: groups[0] ?? 0, list: "transfer-groups", "aria-label": "Group number" });
  const radio = (value, checked) => h("input", { type: "radio", name: "target", value, checked, required: true });
  const groupRadio = radio("group", agents.length === 0);
  groupId.addEventListener("input", () => (groupRadio.checked = true));
  const mayQueue = h("input", { type: "checkbox", id: "transfer-queue", checked: true });
  const form = h(
    "form",
    { method: "dialog" },
    h("header", {}, h("h2", { id: "transfer-title" }, "Transfer the chat"), closeButton(dialog)),
    h(
      "fieldset.choices",
      {},
      h("legend", {}, "To"),
      agents.map((agent, index) =>
        h(
          "label.choice",
          {},
          radio(`agent:${agent.id}`, index === 0),
          avatar(agent.id, agent.name),
          h("span.lines", {}, h("span.name", {}, agent.name), h("span.hint", {}, STATUS_TEXT[agent.status] ?? agent.status)),
        ),
      ),
      h(
        "label.choice",
        {},
        groupRadio,
        h("span.lines", {}, h("span.name", {}, "A group"), h("span.hint", {}, "0 is every agent")),
        groupId,
        h("datalist", { id: "transfer-groups" }, groups.map((id) => h("option", { value: id }))),
      ),
    ),
    h("label.check", {}, mayQueue, " ", h("span", {}, "If nobody is free, let the customer wait in the queue")),
    h(
      "footer",
      {},
      h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
      h("button.primary", { type: "submit", value: "transfer" }, "Transfer"),
    ),
  );
  dialog.replaceChildren(form);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => {
        if (dialog.returnValue !== "transfer") return resolve(null);
        const chosen = new FormData(form).get("target");
        const target = chosen === "group" ? { type: "group", ids: [Number(groupId.value)] } : { type: "agent", ids: [chosen.slice("agent:".length)] };
        resolve({ target, ignore_agents_availability: mayQueue.checked });
      },
      { once: true },
    );
  });
}
