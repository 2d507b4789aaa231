// Who may sign in from this tab. Tokens live in sessionStorage: gone with the tab, never sent anywhere but to the
// server that gave them.

const KEY = "switchboard.console";

/** {agents: [{id, name, token}], current: number, clientId?, organizationId?} or null. */
export const load = () => JSON.parse(sessionStorage.getItem(KEY) ?? "null");
export const save = (credentials) => sessionStorage.setItem(KEY, JSON.stringify(credentials));
export const clear = () => sessionStorage.removeItem(KEY);

/** What the fragment asks for: a one-time code (the printed link) or, in a copied tab, another of the known agents. */
export function takeFragment() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  return { code: fragment.get("code"), agent: fragment.get("agent") };
}

/** Exchanges the one-time code for the demo agents. Throws an Error with the server's own words. */
export async function redeem(code) {
  const response = await fetch("/console/session", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ code }),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error?.message ?? `The server answered ${response.status}.`);
  return {
    agents: answer.agents.map(({ id, name, token }) => ({ id, name, token: withScheme(token) })),
    current: 0,
    clientId: answer.client_id,
    organizationId: answer.organization_id,
  };
}

/** A token as typed or pasted: with its scheme, or bare (personal access tokens hold `account id:secret` in base64). */
export function withScheme(text) {
  const token = text.trim();
  if (/^(bearer|basic)\s/i.test(token)) return token;
  let decoded = "";
  try {
    decoded = atob(token);
  } catch {
    // not base64, so not a personal access token
  }
  return /^[0-9a-f]{8}-[0-9a-f-]{27}:/i.test(decoded) ? `Basic ${token}` : `Bearer ${token}`;
}
