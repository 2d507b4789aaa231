// The customer's token: asked for with the identity cookies, so that a returning customer stays the same person.

import { ProtocolError, lostConnection } from "../shared/rtm.js";

const RENEW_BEFORE_MS = 60_000;

/** client_id and organization_id from the address of the page, else from the server (demo only). */
export async function configuration() {
  const query = new URLSearchParams(location.search);
  const fromQuery = { clientId: query.get("client_id"), organizationId: query.get("organization_id") };
  if (fromQuery.clientId && fromQuery.organizationId) return fromQuery;
  const response = await fetch("/widget/config");
  if (!response.ok) throw new Error("The address of this page lacks client_id and organization_id.");
  const answer = await response.json();
  return { clientId: answer.client_id, organizationId: answer.organization_id };
}

export class CustomerToken {
  #client;
  #token = "";
  #expiresAt = 0;
  #proven = false;

  constructor(client) {
    this.#client = client;
  }

  /** "Bearer …", a fresh one when the old one is about to end. */
  async get() {
    if (Date.now() < this.#expiresAt - RENEW_BEFORE_MS) return this.#token;
    let response;
    try {
      response = await fetch("/v2/customer/token", {
        method: "POST",
        credentials: "include",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({
          grant_type: "cookie",
          response_type: "token",
          client_id: this.#client.clientId,
          organization_id: this.#client.organizationId,
        }),
      });
    } catch {
      throw lostConnection();
    }
    const answer = await response.json();
    if (response.status >= 500 || response.status === 429) throw lostConnection();
    if (!response.ok) {
      throw new ProtocolError(
        answer.error?.type ?? answer.oauth_exception ?? "authentication",
        answer.error?.message ?? answer.exception_description ?? "The server gave no token.",
      );
    }
    this.#token = `${answer.token_type ?? "Bearer"} ${answer.access_token}`;
    this.#proven = false;
    this.#expiresAt = Date.now() + answer.expires_in * 1000;
    return this.#token;
  }

  accepted() {
    this.#proven = true;
  }

  /** The server refused the token: the next get() asks for another. False when it refused a brand-new one. */
  forget() {
    this.#expiresAt = 0;
    return this.#proven;
  }
}
