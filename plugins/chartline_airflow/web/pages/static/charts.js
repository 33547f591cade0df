// The followed charts, and the catalogue to add from.

import { get, mayEdit, Refused, send } from "./api.js";
import { byId, fill, h } from "./dom.js";
import { counted, day, fromNow, number, time } from "./format.js";
import { price, read, show, write } from "./settings.js";
import {
  accept,
  badge,
  bar,
  chartLink,
  confirmed,
  empty,
  load,
  paged,
  rate,
  ready,
  refuse,
  settled,
  table,
  tell,
  whileBusy,
} from "./ui.js";

const filter = byId("filter");
const chosen = new Map(); // slug: the version of its settings as it was last shown here

// -- the list --------------------------------------------------------------------------------------------------

const WORLDWIDE = "worldwide"; // "" to the API, which is every country to this form

const asked = () => {
  const [q, state, platform, country, sort] = ["q", "state", "platform", "country", "sort"].map(
    (name) => filter.elements[name].value,
  );
  return {
    text: q.trim(),
    state: state || null,
    platform: platform || null,
    country: country === WORLDWIDE ? "" : country || null,
    sort,
  };
};

const followed = paged(
  "list",
  "sync/schedules/",
  asked,
  (items, list) => {
    const { all, ...states } = list.totals;
    for (const { slug, version } of items) if (chosen.has(slug)) chosen.set(slug, version);
    fill(
      "counts",
      `${number(all)} followed: ${Object.entries(states)
        .map(([state, n]) => `${number(n)} ${state}`)
        .join(", ")}`,
    );
    return table(
      "Followed charts",
      [
        ...(mayEdit ? [{ name: "", head: everyone(items), cell: (one) => box(one) }] : []),
        {
          name: "Chart",
          cell: (one) => h("div", {}, chartLink(one.slug, one.name), h("br"), h("small", {}, below(one))),
        },
        {
          name: "State",
          cell: (one) =>
            h(
              "div",
              {},
              badge(one.state),
              one.history_held && badge("held", "history held"),
              one.reason && h("small", {}, h("br"), one.reason),
            ),
        },
        { name: "How often", cell: (one) => one.settings.sync_frequency ?? one.sync_frequency },
        {
          name: "Last sync",
          cell: (one) =>
            one.last_run
              ? h(
                  "div",
                  {},
                  badge(one.last_run.status),
                  h("br"),
                  h("small", { title: `${time(one.last_run.started_at)} UTC` }, fromNow(one.last_run.started_at)),
                )
              : "never",
        },
        {
          name: "Next sync",
          cell: (one) =>
            one.next_sync ? h("span", { title: `${time(one.next_sync)} UTC` }, fromNow(one.next_sync)) : "–",
        },
        { name: "Success", kind: "number", cell: (one) => rate(one.success_rate) },
        {
          name: "Complete",
          cell: (one) =>
            one.completeness === null
              ? "–"
              : bar(
                  one.completeness,
                  undefined,
                  one.completeness >= 0.999 ? "good" : one.completeness >= 0.9 ? "warn" : "bad",
                ),
        },
      ],
      items,
      { row: ({ slug }) => ({ dataset: { slug } }) },
    );
  },
  {
    none: ["No followed chart matches. ", h("button", { type: "button", onclick: all }, "Search the whole catalogue")],
  },
);

function all() {
  filter.elements.state.value = "not_followed";
  draw();
}

const others = paged(
  "list",
  "charts/",
  () => ({ ...asked(), state: "not_followed", sort: asked().sort === "platform" ? "platform" : "name" }),
  (items) =>
    table(
      "Charts that are not followed",
      [
        {
          name: "Chart",
          cell: (one) => h("div", {}, chartLink(one.slug, one.name), h("br"), h("small", {}, one.slug)),
        },
        { name: "Platform", cell: (one) => one.platform },
        { name: "Where", cell: where },
        { name: "How often", cell: (one) => one.frequency },
        { name: "Stored", cell: (one) => day(one.newest) },
        ...(mayEdit
          ? [{ name: "", cell: (one) => h("button", { type: "button", onclick: () => open(one) }, "Follow") }]
          : []),
      ],
      items,
    ),
  { none: "No chart of the catalogue matches." },
);

const where = (one) => [one.city_name, one.country_name].filter(Boolean).join(", ") || "worldwide";
const below = (one) => `${one.platform}, ${where(one)}${one.newest ? `, newest ${day(one.newest)}` : ""}`;
const draw = () => (filter.elements.state.value === "not_followed" ? others : followed).restart();

filter.addEventListener("submit", (event) => {
  event.preventDefault();
  draw();
});
filter.addEventListener("change", draw);
filter.elements.q.addEventListener("input", settled(draw));

async function choices() {
  const { platforms, countries } = await get("charts/facets/");
  for (const [name, found] of [
    ["platform", platforms],
    ["country", countries],
  ]) {
    for (const one of found) {
      const value = one.value || WORLDWIDE;
      filter.elements.namedItem(name).append(h("option", { value }, `${one.name || value} (${number(one.charts)})`));
    }
  }
}

// -- several at once -------------------------------------------------------------------------------------------

const BULK = {
  trigger: ["Sync now", "Starts a run of each of these charts."],
  activate: ["Activate", "These charts will run by themselves."],
  deactivate: ["Deactivate", "These charts will run only by hand."],
  remove: ["Stop following", "These charts will no longer be followed. What is stored of them stays."],
};

function box(one) {
  return h("input", {
    type: "checkbox",
    checked: chosen.has(one.slug),
    ariaLabel: `Choose ${one.name}`,
    onchange: ({ target }) => {
      keep(one, target.checked);
      mark();
    },
  });
}

const keep = ({ slug, version }, yes) => (yes ? chosen.set(slug, version) : chosen.delete(slug));

function everyone(items) {
  return h("input", {
    type: "checkbox",
    checked: items.every(({ slug }) => chosen.has(slug)),
    ariaLabel: "Choose all charts on this page",
    onchange: ({ target }) => {
      for (const one of items) keep(one, target.checked);
      for (const one of document.querySelectorAll("#list tbody input")) one.checked = target.checked;
      mark();
    },
  });
}

function mark() {
  byId("bulk").hidden = !chosen.size;
  fill("chosen", `${number(chosen.size)} chosen`);
  for (const row of document.querySelectorAll("#list tr[data-slug]"))
    row.classList.toggle("chosen", chosen.has(row.dataset.slug));
}

async function several(name) {
  const [text, meaning] = BULK[name],
    seen = Object.fromEntries(chosen),
    charts = Object.keys(seen);
  const list = h(
    "ul",
    {},
    charts.slice(0, 20).map((slug) => h("li", {}, slug)),
    charts.length > 20 && h("li", {}, `and ${number(charts.length - 20)} more`),
  );
  if (
    !(await confirmed(`${text}: ${counted(charts.length, "chart")}`, [h("p", {}, meaning), list], text, {
      danger: name === "remove",
    }))
  )
    return "";
  const answer = await send("POST", "sync/schedules/bulk/", {
    action: name,
    charts,
    ...(name === "trigger" ? {} : { versions: seen }),
  });
  for (const one of answer.outcomes) {
    if (one.done) chosen.delete(one.chart);
    else tell(`${one.chart}: ${one.problem?.detail ?? "not done"}`, "bad");
  }
  mark();
  await followed.draw();
  return answer.done ? `${text}: done for ${number(answer.done)} of ${number(charts.length)}.` : "";
}

// -- following one more ----------------------------------------------------------------------------------------

const dialog = byId("follow");
let picked = null;

function open(chart = null) {
  const form = byId("settings");
  form.hidden = true;
  picked = null;
  byId("look").reset();
  fill("found", empty("Type a word or two."));
  dialog.showModal();
  if (chart) {
    byId("look").elements.q.value = chart.slug;
    fill("found", pick(chart));
    choose(chart, byId("found").firstElementChild);
  } else byId("look").elements.q.focus();
}

function pick(chart) {
  const taken = chart.state !== "not_followed";
  const button = h(
    "button.pick",
    { type: "button", ariaPressed: "false", disabled: taken, onclick: () => choose(chart, button) },
    h("strong", {}, chart.name),
    " ",
    taken && badge("active", "followed"),
    h("br"),
    h("small", {}, `${chart.platform}, ${where(chart)}, ${chart.frequency}, ${chart.slug}`),
  );
  return button;
}

function choose(chart, button) {
  picked = chart;
  for (const one of document.querySelectorAll("#found .pick")) one.ariaPressed = String(one === button);
  const form = byId("settings");
  form.reset();
  accept(form);
  const known = [...form.elements.sync_frequency.options].map(({ value }) => value);
  write(form, { sync_frequency: known.includes(chart.frequency) ? chart.frequency : "weekly" });
  fill("picked", chart.name);
  fill("estimate");
  form.hidden = false;
  ready(form);
  price(byId("estimate"), chart.slug, form);
}

async function follow(event) {
  event.preventDefault();
  if (!picked) return;
  await whileBusy(byId("save"), async () => {
    try {
      const { message } = await send("POST", "sync/schedules/", { chart: picked.slug, ...read(byId("settings")) });
      dialog.close();
      await draw();
      return message;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      refuse(byId("settings"), error);
      return "";
    }
  });
}

if (mayEdit) {
  const form = byId("settings");
  for (const [name, [text]] of Object.entries(BULK)) {
    const button = h(
      `button${name === "remove" ? ".danger" : ""}`,
      { type: "button", onclick: () => whileBusy(button, () => several(name)) },
      text,
    );
    byId("bulk").append(button);
  }
  byId("add").addEventListener("click", () => open());
  byId("cancel").addEventListener("click", () => dialog.close());
  byId("look").addEventListener("submit", (event) => event.preventDefault());
  byId("look").elements.q.addEventListener(
    "input",
    settled(({ target }) =>
      load("found", async () => {
        const text = target.value.trim();
        if (!text) return empty("Type a word or two.");
        const { items, total } = await get("charts/", { text, limit: 20 });
        if (!items.length) return empty("No chart of the catalogue matches.");
        return [
          items.map(pick),
          total > items.length && empty(`${number(total - items.length)} more: add a word to narrow the search.`),
        ];
      }),
    ),
  );
  form.addEventListener("change", () => {
    show(form);
    price(byId("estimate"), picked.slug, form);
  });
  form.addEventListener("submit", follow);
  ready(byId("look"));
  byId("add").disabled = false;
}

filter.elements.q.value = new URLSearchParams(location.search).get("q") ?? "";
const state = new URLSearchParams(location.search).get("state");
if (state) filter.elements.state.value = state;
draw();
choices()
  .catch((error) => tell(error.message, "bad"))
  .finally(() => ready(filter));
