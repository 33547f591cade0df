// The settings form of a schedule: filled, read, and what it would cost.
// Until it is filled, and while it is sent, it cannot be used (`ready` and `whileBusy` of ui.js).

import { get, mayEdit, part, send } from "./api.js";
import { fill, h } from "./dom.js";
import { bytes, countedRange, number, percent, range, words } from "./format.js";
import { failure } from "./ui.js";

const LISTS = ["track_platforms", "artist_platforms"];

export function write(form, settings) {
  for (const [name, value] of Object.entries(settings)) {
    if (LISTS.includes(name)) {
      for (const box of boxes(form, name)) box.checked = (value ?? []).includes(box.value);
    } else if (form.elements.namedItem(name)?.type === "checkbox")
      form.elements.namedItem(name).checked = Boolean(value);
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
  for (const name of LISTS)
    told[name] = boxes(form, name)
      .filter((box) => box.checked)
      .map((box) => box.value);
  if (told.sync_frequency !== "custom") told.custom_interval_hours = told.cron = null;
  if (told.history_days === null) delete told.history_days;
  return told;
}

/** Shows only the fields that go with the rest. */
export function show(form) {
  for (const label of form.querySelectorAll("[data-custom]"))
    label.hidden = form.elements.sync_frequency.value !== "custom";
  for (const label of form.querySelectorAll("[data-history]"))
    label.hidden = !form.elements.sync_historical_data.checked;
}

/** Shows in `place` what following `chart` with these settings would cost: from what is known, and more exactly where an editor asks for it. */
export const price = (place, chart, form) =>
  answer(place, async () => {
    const known = await get(`charts/${part(chart)}/estimate/`, read(form));
    const look = () =>
      answer(place, async () => {
        try {
          return cost(await send("POST", "sync/schedules/estimate/", { chart, ...read(form) }));
        } catch (error) {
          return [cost(known), failure(error)];
        }
      });
    return cost(
      known,
      mayEdit &&
        h(
          "p.closer",
          {},
          h("button", { type: "button", onclick: look }, "Look closer"),
          h(
            "small",
            {},
            "asks Soundcharts for the chart's calendar and latest ranking: a few calls, seldom more than 20. The first run does not make them again.",
          ),
        ),
    );
  });

const asked = new WeakMap();

/** Only the newest question is answered. */
async function answer(place, make) {
  const mine = (asked.get(place) ?? 0) + 1;
  asked.set(place, mine);
  place.ariaBusy = true;
  for (const button of place.querySelectorAll("button")) button.ariaBusy = button.disabled = true;
  if (!place.childElementCount) fill(place, h("p.loading", {}, "Estimating what this costs"));
  const shown = await make().catch(failure);
  if (asked.get(place) !== mine) return;
  place.ariaBusy = false;
  fill(place, shown);
}

function cost({ estimate, timing, needs_approval }, more = null) {
  const { total, minutes, share, storage_bytes: storage, calls, notes } = estimate;
  return h(
    `div.note${needs_approval ? ".warn" : ""}`,
    {},
    h(
      "p",
      {},
      h("strong", {}, countedRange(total, "call")),
      `, about ${number(Math.ceil(minutes))} min`,
      share === null ? "" : `, ${percent(share)} of the calls left`,
      `, ${bytes(storage.high)} at most. `,
      timing && `Then: ${timing}.`,
    ),
    needs_approval &&
      h(
        "p",
        {},
        "That is a large part of the quota: new days are fetched at once, the history waits until somebody approves it.",
      ),
    notes.length > 0 && h("p", {}, h("small", {}, notes.join(" "))),
    Object.keys(calls).length > 0 &&
      h(
        "details",
        {},
        h("summary", {}, "Calls by kind"),
        h(
          "ul",
          {},
          Object.entries(calls).map(([kind, count]) => h("li", {}, `${words(kind)}: ${range(count)}`)),
        ),
      ),
    more,
  );
}

const boxes = (form, name) => [...form.querySelectorAll(`input[name="${name}"]`)];
