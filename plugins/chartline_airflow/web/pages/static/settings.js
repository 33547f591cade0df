// The settings form of a schedule: filled, read, and what it would cost.

import { get, part } from "./api.js";
import { fill, h } from "./dom.js";
import { bytes, number, percent, range, words } from "./format.js";
import { failure } from "./ui.js";

const LISTS = ["track_platforms", "artist_platforms"];

export function write(form, settings) {
  for (const [name, value] of Object.entries(settings)) {
    if (LISTS.includes(name)) {
      for (const box of boxes(form, name)) box.checked = (value ?? []).includes(box.value);
    } else if (form.elements.namedItem(name)?.type === "checkbox") form.elements.namedItem(name).checked = Boolean(value);
    else if (form.elements.namedItem(name)) form.elements.namedItem(name).value = value ?? "";
  }
  show(form);
}

/** The settings as the API takes them: all of them. */
export function read(form) {
  const told = {};
  for (const element of form.elements) {
    if (!element.name || LISTS.includes(element.name)) continue;
    if (element.type === "checkbox") told[element.name] = element.checked;
    else if (element.type === "number") told[element.name] = element.value === "" ? null : Number(element.value);
    else told[element.name] = element.value.trim() || null;
  }
  for (const name of LISTS) told[name] = boxes(form, name).filter((box) => box.checked).map((box) => box.value);
  if (told.sync_frequency !== "custom") told.custom_interval_hours = told.cron = null;
  if (told.history_days === null) delete told.history_days;
  return told;
}

/** Only what goes with the rest is to be seen. */
export function show(form) {
  for (const label of form.querySelectorAll("[data-custom]")) label.hidden = form.elements.sync_frequency.value !== "custom";
  for (const label of form.querySelectorAll("[data-history]")) label.hidden = !form.elements.sync_historical_data.checked;
}

const asked = new WeakMap();

/** Shows in `place` what following `chart` so would cost. Only the newest question is answered. */
export async function price(place, chart, form) {
  const number_ = (asked.get(place) ?? 0) + 1;
  asked.set(place, number_);
  fill(place, h("p.loading", {}, "Working out what this costs"));
  let shown;
  try {
    shown = cost(await get(`charts/${part(chart)}/estimate/`, read(form)));
  } catch (error) {
    shown = failure(error);
  }
  if (asked.get(place) === number_) fill(place, shown);
}

export function cost({ estimate, timing, needs_approval }) {
  return h(`div.note${needs_approval ? ".warn" : ""}`, {},
    h("p", {}, h("strong", {}, `${range(estimate.total)} calls`), `, about ${number(Math.ceil(estimate.minutes))} min`,
      estimate.share === null ? "" : `, ${percent(estimate.share)} of the quota that is left`,
      `, ${bytes(estimate.storage_bytes.high)} at most. `, timing && `Then: ${timing}.`),
    needs_approval && h("p", {}, "That is much: new days come at once, the past waits until somebody approves it."),
    h("details", {}, h("summary", {}, "Calls by kind"),
      h("ul", {}, Object.entries(estimate.calls).map(([kind, count]) => h("li", {}, `${words(kind)}: ${range(count)}`))),
      estimate.notes.map((note) => h("p.soft", {}, note))));
}

const boxes = (form, name) => [...form.querySelectorAll(`input[name="${name}"]`)];
