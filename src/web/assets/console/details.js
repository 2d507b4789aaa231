// The panel at the right: who the customer is, who is in the chat, what kind of chat it is.

import { h } from "../shared/dom.js";
import { avatar } from "../shared/timeline.js";
import { fullTime, userName } from "../shared/format.js";

const row = (name, value) => (value === undefined || value === null || value === "" ? [] : [h("dt", {}, name), h("dd", { dir: "auto" }, String(value))]);

/** @param options me, onLeave() */
export function detailsOf(chat, { me, onLeave }) {
  const customer = chat.customer;
  const thread = chat.lastThread;
  const visit = customer?.visit ?? {};
  const place = [visit.geolocation?.city, visit.geolocation?.country].filter(Boolean).join(", ");
  const page = visit.last_pages?.at(-1);
  const name = userName(customer ?? { type: "customer", id: chat.id });
  const status = chat.active ? (chat.queue ? `In the queue, number ${chat.queue.position}` : chat.agents.length > 0 ? "Open" : "Open, unassigned") : "Closed";
  return [
    h("header.person", {}, avatar(customer?.id ?? chat.id, name), h("h2", { dir: "auto" }, name)),
    h(
      "dl.facts",
      {},
      row("E-mail", customer?.email),
      row("Phone", customer?.phone_number),
      (customer?.session_fields ?? []).flatMap((field) => Object.entries(field).flatMap(([key, value]) => row(key, value))),
      row("Place", place),
      row("Page", page?.title || page?.url),
      row("Chats so far", customer?.statistics?.threads_count || null),
      row("Known since", customer?.created_at && fullTime(customer.created_at)),
    ),
    h("h3", {}, "Agents"),
    chat.agents.length === 0
      ? h("p.nothing", {}, "Nobody yet.")
      : h(
          "ul.people",
          {},
          chat.agents.map((agent) =>
            h(
              "li",
              {},
              avatar(agent.id, userName(agent)),
              h(
                "span.lines",
                {},
                h("span.name", {}, agent.id === me ? `${userName(agent)} (you)` : userName(agent)),
                h("span.hint", {}, agent.visibility === "agents" ? "supervising" : agent.id),
              ),
              agent.id === me && chat.active ? h("button.link", { type: "button", onclick: onLeave }, "Leave") : null,
            ),
          ),
        ),
    h("h3", {}, "Chat"),
    h(
      "dl.facts",
      {},
      row("State", status),
      row("Started", thread && fullTime(thread.created_at)),
      row("Groups", chat.access.group_ids.map((id) => (id === 0 ? "everyone" : id)).join(", ")),
      row("Tags", thread?.tags?.join(", ")),
      row("Chat id", chat.id),
      row("Thread id", thread?.id),
    ),
  ];
}
