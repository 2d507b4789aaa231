// Names and times as people read them.

const timeOfDay = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const dayAndMonth = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const fullDay = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const fullDate = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });

const startOfDay = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
const DAY_MS = 86_400_000;

export const clockTime = (time) => timeOfDay.format(new Date(time));
export const fullTime = (time) => fullDate.format(new Date(time));
export const isSameDay = (a, b) => startOfDay(new Date(a)) === startOfDay(new Date(b));

export function dayName(time) {
  const days = Math.round((startOfDay(new Date()) - startOfDay(new Date(time))) / DAY_MS);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return fullDay.format(new Date(time));
}

/** "now", "4 min", "14:05", "3 Nov": short enough for a list. */
export function shortAge(time, now = Date.now()) {
  const date = new Date(time);
  const minutes = Math.floor((now - date.getTime()) / 60_000);
  if (minutes < 1) return "now";
  if (minutes < 60) return `${minutes} min`;
  if (isSameDay(date, now)) return timeOfDay.format(date);
  return dayAndMonth.format(date);
}

/** An estimate of seconds in words. */
export function roughDuration(seconds) {
  if (seconds < 60) return "less than a minute";
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return minutes === 1 ? "about a minute" : `about ${minutes} minutes`;
  const hours = Math.round(minutes / 60);
  return hours === 1 ? "about an hour" : `about ${hours} hours`;
}

export function fileSize(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${Math.round(bytes / 1024)} kB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

/** A customer without a name is told apart by the start of the id. */
export function userName(user) {
  if (!user) return "Unknown";
  if (user.name) return user.name;
  if (user.email) return user.email;
  return user.type === "customer" ? `Visitor ${user.id.slice(0, 4).toUpperCase()}` : user.id;
}

export function initials(name) {
  const words = name.replace(/@.*/, "").split(/[\s._-]+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0] ?? "?"];
  return letters.map((word) => [...word][0].toUpperCase()).join("");
}

/** One of eight colours, always the same for one user. */
export function hueClass(id) {
  let hash = 0;
  for (const char of id) hash = (hash * 31 + char.codePointAt(0)) >>> 0;
  return `hue-${hash % 8}`;
}

/** One line that stands for an event in a list. */
export function eventSummary(event) {
  if (!event) return "";
  switch (event.type) {
    case "file":
      return `File: ${event.name ?? "attachment"}`;
    case "rich_message":
      return event.elements?.[0]?.title ?? "Rich message";
    case "form":
      return "Form";
    case "filled_form":
      return "Filled form";
    case "custom":
      return "Custom event";
    default:
      return event.text ?? "";
  }
}
