// One chart: its state, days, rankings, runs and settings.

import { get, mayEdit, page, part, Refused, send, subject } from "./api.js";
import { byId, fill, h } from "./dom.js";
import { counted, day, duration, fromNow, number, time, words } from "./format.js";
import { runTable } from "./runtable.js";
import { price, read, show, write } from "./settings.js";
import {
  accept,
  action,
  artistLink,
  badge,
  bar,
  confirmed,
  empty,
  failure,
  load,
  paged,
  poll,
  rate,
  ready,
  refuse,
  table,
  tile,
  trackLink,
  whileBusy,
} from "./ui.js";
import { legend, mark, said, year } from "./year.js";

const own = `charts/${part(subject)}/`;
const form = byId("settings");
let chart,
  schedule = null,
  shown = null;

// -- head ------------------------------------------------------------------------------------------------------

async function head() {
  chart = await get(own);
  document.title = `${chart.name} · Chartline`;
  fill("name", chart.name);
  const where = [chart.city_name, chart.country_name].filter(Boolean).join(", ") || "worldwide";
  fill(
    "state",
    badge(chart.state),
    " ",
    h("span.soft", {}, `${chart.platform}, ${where}, ${chart.frequency}, ${chart.slug}`),
    chart.reason && h("p.note.warn", {}, chart.reason),
  );
  fill(
    "totals",
    tile(
      "Complete",
      rate(chart.completeness),
      chart.listed === null ? "" : `${number(chart.missing)} of ${counted(chart.listed, "day")} missing`,
    ),
    tile("Newest ranking", day(chart.newest), chart.entries === null ? "" : counted(chart.entries, "entry", "entries")),
    tile("Success", rate(chart.success_rate), `of ${counted(chart.runs, "run")}`),
    tile(
      "Last run",
      chart.last_run ? fromNow(chart.last_run.started_at) : "never",
      chart.last_run && badge(chart.last_run.status),
    ),
    tile("Next sync", fromNow(chart.next_sync), chart.next_sync ? `${time(chart.next_sync)} UTC` : ""),
  );
}

function buttons() {
  fill(
    "actions",
    schedule && action("Sync now", () => start("sync/trigger/", "Sync"), { kind: "primary" }),
    action("Fill cascade", cascade, { title: "Fetch the latest ranking with all its tracks, artists and audience" }),
    schedule && action("Heal gaps", heal, { title: "Fetch the days that Soundcharts has and the warehouse lacks" }),
  );
}

// -- doing -----------------------------------------------------------------------------------------------------

async function start(path, name, find) {
  const began = new Date(Date.now() - 5000).toISOString();
  try {
    const run = await send("POST", path, path === "sync/trigger/" ? { chart: subject } : {});
    follow(name, find ? () => find(began) : () => byRun(run.run_id));
    return run.message ?? `${name} has started: ${run.run_id}.`;
  } catch (error) {
    const running = error.body?.run?.run_id;
    if (error.status === 409 && running) follow(name, () => byRun(running));
    throw error;
  }
}

// The execution to look at, once there is one: a run has none before its first task begins.
const first = async (params) =>
  (await get("executions/", { chart: subject, limit: 1, ...params })).items[0]?.id ?? null;
const byRun = (run) => first({ text: run });
const since = (moment) => first({ since: moment, oldest_first: true });

async function cascade() {
  const said_ = h(
    "p",
    {},
    "Fetches the latest ranking with the metadata and audience of its tracks and artists. What is still fresh is not fetched again.",
  );
  if (!(await confirmed("Fill cascade", said_, "Fill cascade"))) return "";
  return start(`${own}trigger-cascade/`, "Cascade");
}

async function heal() {
  const days = await gaps();
  if (!days.length) return "There is no gap to heal.";
  const list = h(
    "p",
    {},
    `${counted(days.length, "day")} will be fetched: ${days.slice(0, 12).join(", ")}${days.length > 12 ? " and more" : ""}.`,
  );
  if (!(await confirmed("Heal gaps", list, "Heal gaps"))) return "";
  return start(`${own}heal/`, "Healing", since);
}

async function gaps() {
  const wanted = await get(`${own}completeness/`);
  const years = [...new Set(wanted.months.filter((m) => m.missing + m.short).map((m) => m.month.slice(0, 4)))];
  const calendars = await Promise.all(years.map((year) => get(`${own}calendar/`, { year })));
  return calendars
    .flatMap(({ days }) => days)
    .filter(
      (one) =>
        ["missing", "short"].includes(one.state) &&
        (!wanted.wanted_first || (one.day >= wanted.wanted_first && one.day <= wanted.wanted_last)),
    )
    .map((one) => one.day)
    .reverse();
}

const PATIENCE = 180;
let following = false;

/** Show how far a run is until it has ended, then what came of it. find(): the id of its execution, null before. */
function follow(name, find) {
  if (following) return;
  following = true;
  const began = Date.now();
  let id = null;
  fill("work", h("section", { ariaLabel: "Progress" }, bar(0, `${name}: waiting for Airflow`)));
  poll(async () => {
    try {
      id ??= await find();
      const run = id && (await get(`executions/${id}/`, { limit: 1 }));
      if (run?.status === "running") fill("work", steps(run));
      else if (run) fill("work", outcome(run));
      else if (Date.now() - began > PATIENCE * 1000)
        fill(
          "work",
          h(
            "p.note.warn",
            {},
            `No run has begun within ${PATIENCE / 60} minutes: either there is nothing to do, or Airflow is busy.`,
          ),
        );
      following = run?.status === "running" || (!run && Date.now() - began <= PATIENCE * 1000);
    } catch (error) {
      fill("work", failure(error));
    }
    if (!following) refresh();
    return following;
  }, 1);
}

const steps = ({ id, progress, seconds }) =>
  h(
    "section",
    { ariaLabel: "Progress" },
    bar(progress.percent / 100, `${progress.percent} %${progress.step ? `, ${words(progress.step)}` : ""}`),
    h("p.soft", {}, `Running for ${duration(seconds)}. `, h("a", { href: page("runs", id) }, "Step by step")),
  );

function outcome(run) {
  const tone = run.status === "complete" ? "good" : run.status === "failed" || run.status === "lost" ? "bad" : "warn";
  return h(
    `p.note.${tone}`,
    {},
    `The run is ${run.status}: ${counted(run.rankings_created, "ranking")}, ${counted(run.entries_stored, "entry", "entries")}, ${counted(run.audience_points, "audience value")}, ${counted(run.calls, "call")}, ${duration(run.seconds)}. `,
    run.error,
    " ",
    h("a", { href: page("runs", run.id) }, "Details"),
  );
}

async function refresh() {
  await load("totals", async () => {
    await head();
    return [...byId("totals").childNodes];
  });
  days.draw();
  ranking(null);
  runs.draw();
}

// -- days ------------------------------------------------------------------------------------------------------

const days = {
  year: null,
  draw: () =>
    load("days", async () => {
      const [calendar, wanted] = await Promise.all([
        get(`${own}calendar/`, { year: days.year }),
        get(`${own}completeness/`),
      ]);
      days.year = calendar.year;
      const [first, last] = [calendar.first, calendar.last].map((one) =>
        Number((one ?? `${calendar.year}`).slice(0, 4)),
      );
      const move = (by) => () => {
        days.year += by;
        days.draw();
      };
      fill(
        "years",
        h(
          "button",
          { type: "button", ariaLabel: "The year before", disabled: calendar.year <= first, onclick: move(-1) },
          "‹",
        ),
        h("strong", {}, calendar.year),
        h(
          "button",
          {
            type: "button",
            ariaLabel: "The year after",
            disabled: calendar.year >= Math.max(last, calendar.year),
            onclick: move(1),
          },
          "›",
        ),
      );
      const unasked = ({ day: on, state }) =>
        state === "missing" && wanted.wanted_first && (on < wanted.wanted_first || on > wanted.wanted_last);
      const told = Object.fromEntries(
        calendar.days.map((one) => [
          one.day,
          unasked(one)
            ? { state: "unasked", text: said("unasked") }
            : {
                state: one.state,
                text: `${said(one.state)}${one.entries ? `, ${counted(one.entries, "entry", "entries")}` : ""}`,
              },
        ]),
      );
      const { stored, short, missing, absent } = wanted.wanted ?? calendar.counts;
      const of = wanted.wanted
        ? `In the days that the settings ask for, ${wanted.wanted_first} to ${wanted.wanted_last}`
        : `In ${calendar.year}`;
      return [
        year(String(calendar.year), told, (chosen) => ranking(chosen), shown),
        legend(),
        h(
          "p.soft",
          {},
          `${of}: ${counted(stored, "day")} stored, ${number(short)} short, ${number(missing)} missing, ${number(absent)} not in Soundcharts.`,
        ),
      ];
    }),
};

// -- ranking ---------------------------------------------------------------------------------------------------

const UNITS = { DOC: "day", WOC: "week", MOC: "month" };
const MOVES = { new: "new", re_entry: "re-entry", up: "▲", down: "▼", same: "=", unknown: "" };

function movement({ move, places }) {
  if (move === "new" || move === "re_entry") return badge(move === "new" ? "running" : "partial", MOVES[move]);
  const text = `${MOVES[move]}${places ? ` ${number(Math.abs(places))}` : ""}`;
  const heard = { up: `up ${places}`, down: `down ${-places}`, same: "same position", unknown: "not known" }[move];
  return h(`span${move === "up" ? ".up" : move === "down" ? ".down" : ".soft"}`, { ariaLabel: heard }, text);
}

const by = (one) =>
  one.artists.length
    ? one.artists.flatMap(({ uuid, name }, i) => [i ? ", " : "", artistLink(uuid, name)])
    : (one.credit_name ?? "");

async function ranking(asked) {
  await load("ranking", async () => {
    if (!asked && !chart.newest) return empty("No ranking is stored yet.");
    let found;
    try {
      found = await get(`${own}rankings/${part(asked ?? "latest")}/`, { limit: 50 });
    } catch (error) {
      if (error.status !== 404) throw error;
      byId("of-day").elements.day.value = asked ?? "";
      return empty(asked ? `No ranking is stored for ${asked}.` : "No ranking is stored yet.");
    }
    shown = found.day;
    byId("of-day").elements.day.value = found.day;
    for (const [id, to] of [
      ["before", found.before],
      ["after", found.after],
    ]) {
      byId(id).disabled = !to;
      byId(id).onclick = () => ranking(to);
    }
    mark(document.querySelector(".year"), found.day);
    return [
      !found.whole &&
        h(
          "p.note.warn",
          {},
          `This ranking is short: only ${number(found.total)} of ${counted(found.source_total, "entry", "entries")} are stored. Heal gaps fetches it again.`,
        ),
      entries(found),
      found.left.length > 0 &&
        h(
          "details",
          {},
          h("summary", {}, `${counted(found.left_total, "track")} left since ${found.before}`),
          table(
            "Tracks that left",
            [
              { name: "Was", kind: "number", cell: (one) => number(one.position) },
              { name: "Track", cell: (one) => trackLink(one.track, one.name) },
              { name: "Artists", cell: by },
            ],
            found.left,
          ),
        ),
    ];
  });
}

function entries(found) {
  const metric = found.items.some((one) => one.metric !== null);
  const list = h("div", {}, rows(found.items, metric));
  let next = found.next_offset;
  const more =
    next &&
    h(
      "button",
      {
        type: "button",
        onclick: () =>
          whileBusy(more, async () => {
            const following_ = await get(`${own}rankings/${found.day}/`, { limit: 100, offset: next });
            list.append(rows(following_.items, metric));
            next = following_.next_offset;
            if (!next) more.remove();
          }),
      },
      "More entries",
    );
  return [list, more];
}

const timeOnChart = ({ time_on_chart: time, time_on_chart_unit: unit }) =>
  UNITS[unit] ? counted(time, UNITS[unit]) : `${number(time)} ${words(unit ?? "")}`;

const rows = (items, metric) =>
  table(
    "The ranking",
    [
      { name: "Position", kind: "number", cell: (one) => h("strong", {}, number(one.position)) },
      { name: "Move", cell: movement },
      { name: "Track", cell: (one) => trackLink(one.track, one.name) },
      { name: "Artists", cell: by },
      {
        name: "On chart",
        kind: "number",
        cell: (one) => (one.time_on_chart === null ? "–" : timeOnChart(one)),
      },
      ...(metric
        ? [{ name: words(chart?.metric_type || "metric"), kind: "number", cell: (one) => number(one.metric) }]
        : []),
    ],
    items,
    { kind: "ranking" },
  );

byId("of-day").addEventListener("submit", (event) => event.preventDefault());
byId("of-day").elements.day.addEventListener("change", ({ target }) => target.value && ranking(target.value));

// -- runs ------------------------------------------------------------------------------------------------------

const runs = paged(
  "runs",
  "executions/",
  () => ({ chart: subject }),
  (items) => runTable(items, { chart: false }),
  { limit: 10, none: "It has not run yet." },
);

// -- settings --------------------------------------------------------------------------------------------------

async function settings() {
  byId("all").disabled = true; // what it shows is not what is sent before it has come
  schedule = chart.state === "not_followed" ? null : await get(`sync/schedules/${part(subject)}/`);
  if (schedule) write(form, schedule.settings);
  else {
    const known = [...form.elements.sync_frequency.options].map(({ value }) => value);
    write(form, { sync_frequency: known.includes(chart.frequency) ? chart.frequency : "weekly" });
    if (mayEdit) price(byId("estimate"), subject, form);
  }
  byId("not-followed").hidden = Boolean(schedule);
  if (mayEdit) {
    byId("remove").hidden = !schedule;
    byId("save").textContent = schedule ? "Save" : "Follow";
    ready(form);
  }
  buttons();
}

form.addEventListener("change", () => {
  show(form);
  if (mayEdit) price(byId("estimate"), subject, form);
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (byId("all").disabled) return;
  await whileBusy(byId("save"), async () => {
    try {
      const changed = schedule
        ? await send("PUT", `sync/schedules/${part(subject)}/`, read(form), schedule.version)
        : await send("POST", "sync/schedules/", { chart: subject, ...read(form) });
      accept(form);
      fill("estimate");
      await head();
      await Promise.all([settings(), changes.draw()]);
      if (!chart.last_run && schedule.settings.is_active) follow("First run", () => since(schedule.created_at));
      return changed.message;
    } catch (error) {
      return refused(error);
    }
  });
});

/** Beside the fields; where somebody else saved since, with a way to what stands now. */
function refused(error) {
  if (!(error instanceof Refused)) throw error;
  const again =
    error.status === 412 &&
    h(
      "button",
      {
        type: "button",
        onclick: () =>
          whileBusy(again, async () => {
            await head();
            await Promise.all([settings(), changes.draw()]);
            accept(form);
            fill("estimate");
            return "These are the settings as they are now.";
          }),
      },
      "Show them as they are now",
    );
  refuse(form, error, again && h("p", {}, again));
  return "";
}

byId("remove")?.addEventListener("click", ({ currentTarget }) =>
  whileBusy(currentTarget, async () => {
    if (
      !(await confirmed(
        "Stop following",
        h("p", {}, `${chart.name} will no longer be followed. What is stored of it stays.`),
        "Stop following",
        { danger: true },
      ))
    )
      return "";
    try {
      await send("DELETE", `sync/schedules/${part(subject)}/`, {}, schedule.version);
    } catch (error) {
      return refused(error);
    }
    await head();
    await Promise.all([settings(), changes.draw()]);
    return "The chart is no longer followed; what is stored of it stays.";
  }),
);

// -- changes ---------------------------------------------------------------------------------------------------

const text = (values) =>
  values
    ? Object.entries(values)
        .map(([name, value]) => `${words(name)} ${Array.isArray(value) ? value.join(" ") : (value ?? "–")}`)
        .join(", ")
    : "–";

const changes = paged(
  "changes",
  "changes/",
  () => ({ subject }),
  (items) =>
    table(
      "Changes",
      [
        { name: "When", kind: "short", cell: (one) => time(one.at) },
        { name: "Who", cell: (one) => one.who || "not known" },
        { name: "What", kind: "short", cell: (one) => words(one.action.replace(".", " ")) },
        { name: "Before", cell: (one) => text(one.before) },
        { name: "After", cell: (one) => text(one.after) },
      ],
      items,
    ),
  { limit: 5, none: "Nobody has changed anything." },
);

// -- begin -----------------------------------------------------------------------------------------------------

try {
  await head();
  await settings();
  days.draw();
  ranking(null).then(() => ready(byId("of-day")));
  runs.draw();
  changes.draw();
  if (chart.last_run?.status === "running") follow("Run", async () => chart.last_run.id);
  else if (!chart.last_run && schedule?.settings.is_active) follow("First run", () => since(schedule.created_at));
} catch (error) {
  if (!chart) for (const part_ of document.querySelectorAll("main > :not(.heading)")) part_.hidden = true;
  fill("state", failure(error));
}
