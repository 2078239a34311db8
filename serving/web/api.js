/** Calls to the gateway's API, which is at the page's own origin. */

const KEY = "api-key"; // in the session's storage: gone when the tab is closed, never in a link

/** What the API answers to a request that failed, or why there was no answer. */
export class ApiError extends Error {
  constructor(status, code, message, { field = null, requestId = null, retryAfter = null } = {}) {
    super(message);
    Object.assign(this, { status, code, field, requestId, retryAfter });
  }
}

export function setKey(key) {
  sessionStorage.setItem(KEY, key);
}

export function hasKey() {
  return Boolean(sessionStorage.getItem(KEY));
}

export const release = (options) => call("GET", "/v1/release", options);
export const recommend = (body, options) => call("POST", "/v1/recommend", { ...options, body });
export const addEvent = (body) => call("POST", "/v1/events", { body });
export const user = (id, options) => call("GET", `/v1/users/${encodeURIComponent(id)}`, options);
export const item = (id) => call("GET", `/v1/items/${encodeURIComponent(id)}`);
export const users = (prefix, limit, options) =>
  call("GET", `/v1/users?${new URLSearchParams({ prefix, limit })}`, options);
export const items = (query, limit, options) =>
  call("GET", `/v1/items?${new URLSearchParams({ query, limit })}`, options);

/** The answer's JSON. Throws ApiError, or an AbortError once `signal` says so. */
async function call(method, path, { body, signal } = {}) {
  const headers = {};
  const key = sessionStorage.getItem(KEY);
  if (key) headers["X-API-Key"] = key;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  let answer = null;
  try {
    response = await fetch(path, {
      method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
    const said = await response.text();
    answer = said && response.headers.get("content-type")?.includes("json") ? JSON.parse(said) : null;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "The server does not answer. Is it running?");
  }
  if (response.ok) return answer;
  const { code = "failed", message = `The server answered with ${response.status}.`, field = null } =
    answer?.error ?? {};
  throw new ApiError(response.status, code, message, {
    field, requestId: answer?.request_id ?? response.headers.get("x-request-id"),
    retryAfter: response.headers.get("retry-after") });
}
