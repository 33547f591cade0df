// The parts that pages share: states, dialogs, buttons that work, lists a part at a time.

import { get, mayEdit, page, part, Refused } from "./api.js";
import { byId, fill, h } from "./dom.js";
import { NONE, number, percent, words } from "./format.js";

// -- telling ---------------------------------------------------------------------------------------------------

const TONES = {
  good: ["active", "complete", "ok", "success", "stored", "solved"],
  busy: ["running", "queued", "in_progress", "refreshing"],
  warn: ["overdue", "partial", "deferred", "short", "held", "warning", "stale"],
  bad: ["failed", "quarantined", "lost", "missing", "error", "open"],
};

/** A state as a word with a colour. */
export function badge(state, text = words(state)) {
  const tone = Object.keys(TONES).find((name) => TONES[name].includes(state)) ?? "plain";
  return h(`span.badge.${tone}`, {}, text);
}

/** A short word at the foot of the page; read out by screen readers. */
export function tell(text, tone = "good") {
  const note = h(
    `p.note.${tone}`,
    {},
    text,
    h("button.plain", { type: "button", ariaLabel: "Close", onclick: () => note.remove() }, "×"),
  );
  byId("told").append(note);
  if (tone === "good") setTimeout(() => note.remove(), 8000);
}

export function failure(error) {
  if (!(error instanceof Refused)) console.error(error);
  const text = error instanceof Refused ? error.message : "This page failed; the browser's console says where.";
  return h("p.note.bad", { role: "alert" }, text, error.advice ? ` ${error.advice}` : "");
}

export const empty = (...texts) => h("p.empty", {}, ...texts);

const asked = new WeakMap();

/** Fill a place with what `make` gives; an error is shown there, with a way to try again. Of several that
 * run for one place, the newest is shown. */
export async function load(place, make) {
  const element = typeof place === "string" ? byId(place) : place;
  const mine = (asked.get(element) ?? 0) + 1;
  asked.set(element, mine);
  element.ariaBusy = true;
  if (!element.childElementCount) fill(element, h("p.loading", {}, "Loading"));
  let shown;
  try {
    shown = await make();
  } catch (error) {
    shown = [failure(error), h("button", { type: "button", onclick: () => load(element, make) }, "Try again")];
  }
  if (asked.get(element) !== mine) return;
  fill(element, shown);
  element.ariaBusy = false;
}

/** A form's fields can be used from now on: what they show has come, and what they do is attached. */
export function ready(form) {
  for (const fields of form.querySelectorAll("fieldset[data-wait]")) fields.disabled = false;
}

// -- doing -----------------------------------------------------------------------------------------------------

/** A button that is busy while `work` runs, and says how it went. */
export function doing(text, work, { kind = "", title = "" } = {}) {
  const button = h(
    `button${kind ? `.${kind}` : ""}`,
    { type: "button", title, onclick: () => whileBusy(button, work) },
    text,
  );
  return button;
}

/** The same for editors; viewers get none. */
export const action = (text, work, more) => (mayEdit ? doing(text, work, more) : null);

/** Runs `work` and shows the text it returns, or its error. Meanwhile the button's form, or the buttons beside it,
 * cannot be used: what is sent is what was seen. */
export async function whileBusy(button, work) {
  if (button.ariaBusy === "true") return;
  const form = button.closest("form");
  const beside = form
    ? form.querySelectorAll("fieldset[data-wait]")
    : (button.closest(".actions")?.querySelectorAll("button") ?? []);
  const locked = [button, ...beside].filter((one) => !one.disabled);
  button.ariaBusy = true;
  for (const one of locked) one.disabled = true;
  try {
    const text = await work();
    if (text) tell(text);
  } catch (error) {
    tell([error.message, error.advice].filter(Boolean).join(" "), "bad");
    if (!(error instanceof Refused)) console.error(error);
  } finally {
    button.ariaBusy = false;
    for (const one of locked) one.disabled = false;
    if (document.activeElement === document.body) (form?.querySelector("[aria-invalid]") ?? button).focus();
  }
}

/** Ask in the page (Airflow's frame allows no confirm()). Resolves to whether the person agreed. */
export function confirmed(title, body, yes, { danger = false } = {}) {
  return new Promise((resolve) => {
    const dialog = h(
      "dialog",
      {
        ariaLabel: title,
        onclose: () => {
          dialog.remove();
          resolve(dialog.returnValue === "yes");
        },
      },
      h("h2", {}, title),
      h("div", {}, body),
      h(
        "div.actions",
        {},
        h("button", { type: "button", onclick: () => dialog.close("no") }, "Cancel"),
        h(`button.${danger ? "danger" : "primary"}`, { type: "button", onclick: () => dialog.close("yes") }, yes),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Remove the reasons of the last refusal. */
export function accept(form) {
  for (const old of form.querySelectorAll(".reason")) old.remove();
  for (const field of form.elements) field.removeAttribute("aria-invalid");
}

/** Put the reasons of a refusal beside the fields they are about; the rest above the form's buttons, with what `more` there is. */
export function refuse(form, error, more = null) {
  accept(form);
  const left = [];
  for (const [name, reason] of Object.entries(error.fields ?? {})) {
    const field = form.elements.namedItem(name.split(".").pop()) ?? form.elements.namedItem(name.split(".")[0]);
    const first = field instanceof RadioNodeList ? field[0] : field;
    if (!first?.closest) left.push(`${words(name)}: ${reason}`);
    else {
      first.setAttribute("aria-invalid", "true");
      (first.closest("fieldset, label") ?? first.parentElement).append(h("span.reason", { role: "alert" }, reason));
    }
  }
  if (left.length || !Object.keys(error.fields ?? {}).length) {
    form
      .querySelector(".actions")
      .before(
        h(
          "div.reason.note.bad",
          { role: "alert" },
          left.join("; ") || error.message,
          error.advice ? ` ${error.advice}` : "",
          more,
        ),
      );
  }
}

// -- showing ---------------------------------------------------------------------------------------------------

/** A table; `columns`: [{name, cell(item), kind?: "number"}]. On narrow screens each row becomes a card. */
export function table(caption, columns, items, { row = () => ({}), kind = "" } = {}) {
  return h(
    "div.scroll",
    {},
    h(
      `table${kind ? `.${kind}` : ""}`,
      {},
      h("caption.unseen", {}, caption),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          columns.map(({ name, head, kind: align }) =>
            h(`th${align ? `.${align}` : ""}`, { scope: "col" }, head ?? name),
          ),
        ),
      ),
      h(
        "tbody",
        {},
        items.map((item) =>
          h(
            "tr",
            row(item),
            columns.map(({ name, cell, kind: align }) =>
              h(`td${align ? `.${align}` : ""}`, { dataset: { name } }, h("div", {}, cell(item))),
            ),
          ),
        ),
      ),
    ),
  );
}

/** A list of the API, a part at a time: `show(items, whole)` makes the nodes; `within(answer)` is where the list is. */
export function paged(
  place,
  path,
  params,
  show,
  { limit = 25, none = "Nothing here.", within = (answer) => answer } = {},
) {
  let offset = 0;
  const draw = () =>
    load(place, async () => {
      const list = within(await get(path, { ...params(), limit, offset }));
      if (!list.items.length && offset > 0) {
        offset = 0;
        return draw() && null;
      }
      const move = (by) => () => {
        offset = Math.max(0, offset + by);
        draw();
      };
      const last = list.offset + list.items.length;
      return [
        list.items.length ? show(list.items, list) : empty(none),
        list.total > limit &&
          h(
            "nav.pager",
            { ariaLabel: "Parts of the list" },
            h("button", { type: "button", disabled: offset === 0, onclick: move(-limit) }, "Back"),
            h("span", {}, `${number(list.offset + 1)} to ${number(last)} of ${number(list.total)}`),
            h("button", { type: "button", disabled: last >= list.total, onclick: move(limit) }, "Next"),
          ),
      ];
    });
  return {
    draw,
    restart: () => {
      offset = 0;
      return draw();
    },
  };
}

export function bar(share, text = percent(share), tone = "") {
  const value = Math.max(0, Math.min(1, share ?? 0));
  return h(
    `div.progress${tone ? `.${tone}` : ""}`,
    {
      role: "progressbar",
      ariaValueMin: "0",
      ariaValueMax: "100",
      ariaValueNow: String(Math.round(100 * value)),
      ariaLabel: text,
    },
    h("div", { style: { width: `${100 * value}%` } }),
    h("span", {}, text),
  );
}

/** A share in colour: green from 95 %, amber from 75 %. */
export function rate(share) {
  if (share === null || share === undefined) return NONE;
  return h(`span.rate.${share >= 0.95 ? "good" : share >= 0.75 ? "warn" : "bad"}`, {}, percent(share));
}

export const tile = (name, value, more = "") =>
  h("div.tile", {}, h("dt", {}, name), h("dd", {}, value, more && h("small", {}, more)));
export const facts = (pairs) =>
  h(
    "dl.facts",
    {},
    pairs
      .filter(([, value]) => value !== null && value !== undefined && value !== "")
      .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
  );

export const chartLink = (slug, name) => h("a", { href: page("charts", slug) }, name || slug);
export const trackLink = (uuid, name) => h("a", { href: page("tracks", uuid) }, name || "unnamed track");
export const artistLink = (uuid, name) => h("a", { href: page("artists", uuid) }, name || "unnamed artist");

/** Call `work` again and again, `seconds` apart, while it returns true and the page is looked at. */
export function poll(work, seconds) {
  const again = async () => {
    if (document.hidden) return void document.addEventListener("visibilitychange", again, { once: true });
    if (await work()) setTimeout(again, seconds * 1000);
  };
  setTimeout(again, seconds * 1000);
}

/** `work`, when the person has stopped typing. */
export function settled(work, ms = 250) {
  let timer;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...args), ms);
  };
}

/** The search in the head leads to the charts. */
byId("find").addEventListener("submit", (event) => {
  event.preventDefault();
  const words = new FormData(event.target).get("q").trim();
  location.assign(`${page("charts")}${words ? `?q=${part(words)}` : ""}`);
});
ready(byId("find"));
