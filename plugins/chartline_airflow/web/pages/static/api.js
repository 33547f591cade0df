// The REST API. Every refusal is a `Refused` with the text to show.

const html = document.documentElement;
export const root = html.dataset.root;
export const subject = html.dataset.subject;
export const mayEdit = "mayEdit" in html.dataset;

export class Refused extends Error {
  /** status: 0 where no answer came. fields: {name: reason}. body: the problem as it came. */
  constructor(status, text, body = {}) {
    super(text);
    this.status = status;
    this.body = body;
    this.advice = body.advice ?? "";
    this.fields = Object.fromEntries((body.errors ?? []).map(({ field, reason }) => [field, reason]));
  }
}

export const get = (path, params = {}) => ask("GET", path + query(params));
/** version: of what is changed, as it was seen; where it is another by now, the answer is 412. */
export const send = (method, path, body = {}, version = null) => ask(method, path, body, version);
export const part = encodeURIComponent;

/** A page's own address, below the app. */
export const page = (...parts) => root + parts.map((one) => `${part(one)}/`).join("");

/** null is not given; "" is, and an empty list is one "". */
function query(params) {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value === null || value === undefined) continue;
    for (const one of Array.isArray(value) && value.length ? value : [String(value)]) given.append(name, one);
  }
  return given.size ? `?${given}` : "";
}

async function ask(method, path, body, version = null) {
  const options = { method, credentials: "same-origin", headers: { Accept: "application/json" } };
  if (method !== "GET") {
    options.headers["X-Chartline"] = "1";
    if (version !== null) options.headers["If-Match"] = `"${version}"`;
    if (body !== undefined) {
      options.headers["Content-Type"] = "application/json";
      options.body = JSON.stringify(body);
    }
  }
  let answer;
  try {
    answer = await fetch(`${root}api/${path}`, options);
  } catch {
    throw new Refused(0, "Airflow's web server does not answer.");
  }
  const text = await answer.text();
  let told = null;
  try {
    told = text ? JSON.parse(text) : null;
  } catch {
    if (answer.ok) throw new Refused(answer.status, "The answer is not JSON.");
  }
  if (answer.ok) return told;
  if (answer.status === 401) throw new Refused(401, "You are no longer logged in: load Airflow's page again.");
  throw new Refused(answer.status, told?.detail || told?.title || `The server answered ${answer.status}.`, told ?? {});
}
