// Small helpers to build pages. Text only ever enters a page as text nodes; there is no way in for markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * h("button.primary", { type: "button", onclick }, "Save"): an element with classes, attributes, listeners (`on…`) and children.
 * Children are nodes or strings; null and false are left out.
 */
export function h(tagAndClasses, attributes = {}, ...children) {
  const [tag, ...classes] = tagAndClasses.split(".");
  const element = document.createElement(tag);
  if (classes.length > 0) element.classList.add(...classes);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const byId = (id) => document.getElementById(id);

const ICONS = {
  arrowLeft: "M15 5l-7 7 7 7",
  arrowDown: "M12 5v14M6 13l6 6 6-6",
  check: "M5 12.5l4.5 4.5L19 7.5",
  checks: "M2 12.5l4.5 4.5L16 7.5M11 16l1 1L22 7.5",
  clock: "M12 7v5l3 2M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z",
  close: "M6 6l12 12M18 6L6 18",
  alert: "M12 8v5M12 16.5v.01M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z",
  forward: "M4 18v-3a5 5 0 0 1 5-5h10M14 5l5 5-5 5",
  help: "M9.2 9a3 3 0 1 1 4.3 2.7c-.9.5-1.5 1-1.5 2.1M12 17v.01M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z",
  info: "M12 11v5.5M12 7.5v.01M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z",
  lock: "M7 11V8a5 5 0 0 1 10 0v3M5 11h14v9H5z",
  send: "M5 12l15-7-5 15-3-6.5z",
  chat: "M4 5h16v11H9l-5 4z",
  user: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20a7.5 7.5 0 0 1 15 0",
  file: "M7 3h7l4 4v14H7zM14 3v4h4",
};

/** A decorative line icon. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** Puts text into an element only when it differs, so that nothing flickers or is read aloud again. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Makes the children of `parent` exactly `wanted`, moving as few nodes as possible. */
export function setChildren(parent, wanted) {
  const keep = new Set(wanted);
  for (const child of [...parent.childNodes]) if (!keep.has(child)) child.remove();
  wanted.forEach((child, index) => {
    if (parent.childNodes[index] !== child) parent.insertBefore(child, parent.childNodes[index] ?? null);
  });
}

/** Many calls within one moment run `work` once. */
export function coalesce(work) {
  let scheduled = false;
  return () => {
    if (scheduled) return;
    scheduled = true;
    setTimeout(() => {
      scheduled = false;
      work();
    }, 16);
  };
}

/** Text as nodes: web addresses become links, everything else stays text. */
export function textWithLinks(text) {
  const nodes = [];
  let from = 0;
  for (const match of text.matchAll(/https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]]/gu)) {
    nodes.push(text.slice(from, match.index), outsideLink(match[0], match[0]));
    from = match.index + match[0].length;
  }
  nodes.push(text.slice(from));
  return nodes.filter((node) => node !== "");
}

/** A link that others wrote: web addresses only, opened apart from this page; anything else stays text. */
export function outsideLink(address, text) {
  if (!/^https?:\/\//i.test(address)) return text;
  return h("a", { href: address, target: "_blank", rel: "noopener noreferrer nofollow" }, text);
}

const SHORT_TOAST_MS = 5_000;
const LONG_TOAST_MS = 12_000;

/** A message at the edge of the page. Errors are read aloud at once and stay longer. */
export function toast(text, { error = false } = {}) {
  const place = byId("toasts");
  const element = h(
    error ? "div.toast.is-error" : "div.toast",
    { role: error ? "alert" : "status" },
    icon(error ? "alert" : "check"),
    h("span", {}, text),
    h("button.quiet", { type: "button", "aria-label": "Dismiss", onclick: () => element.remove() }, icon("close")),
  );
  while (place.childElementCount > 3) place.firstElementChild.remove();
  place.append(element);
  setTimeout(() => element.remove(), error ? LONG_TOAST_MS : SHORT_TOAST_MS);
}

/** Shows what the server refused, in its own words. */
export function toastError(error, doing) {
  toast(`${doing}: ${error.message}`, { error: true });
}

/** Says something to people who listen to the page instead of looking at it. */
export function announce(text) {
  const region = byId("announcer");
  region.append(h("p", {}, text));
  while (region.childElementCount > 5) region.firstElementChild.remove();
}

/** Grows a textarea with its text, up to the height that the style sheet allows. */
export function autosize(textarea) {
  const fit = () => {
    textarea.style.height = "auto";
    textarea.style.height = `${textarea.scrollHeight + 2}px`;
  };
  textarea.addEventListener("input", fit);
  return fit;
}
