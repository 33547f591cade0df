// The state of everything on one page.

import { get, page } from "./api.js";
import { h } from "./dom.js";
import { counted, day, fromNow, number, words } from "./format.js";
import { bars } from "./plot.js";
import { runTable } from "./runtable.js";
import { badge, chartLink, empty, load, poll, table, tile } from "./ui.js";

const totals = () =>
  load("totals", async () => {
    const { totals: states } = await get("sync/schedules/", { limit: 1 });
    return Object.entries({
      all: "Followed charts",
      active: "Active",
      overdue: "Overdue",
      paused: "Paused",
      quarantined: "Quarantined",
    }).map(([state, name]) =>
      tile(
        name,
        number(states[state]),
        h("a", { href: `${page("charts")}${state === "all" ? "" : `?state=${state}`}` }, "show"),
      ),
    );
  });

const attention = () =>
  load("attention", async () => {
    const health = await get("health/");
    const wrong = health.checks.filter(({ status }) => status !== "ok");
    const last = h("p.soft", {}, `Last success: ${fromNow(health.last_success)}.`);
    if (!wrong.length)
      return [h("p", {}, badge("ok", "all is well"), ` ${counted(health.checks.length, "check")}.`), last];
    return [
      h(
        "ul.list",
        {},
        wrong.map((check) =>
          h(
            "li",
            {},
            badge({ error: "failed", warning: "overdue" }[check.status] ?? "unknown", words(check.name)),
            " ",
            check.detail,
            check.advice && h("p.soft", {}, check.advice),
            check.subjects.length > 0 &&
              h(
                "ul",
                {},
                check.subjects.map((one) => h("li", {}, chartLink(one.chart), `: ${one.detail}`)),
              ),
            check.count > check.subjects.length &&
              h("p.soft", {}, `and ${number(check.count - check.subjects.length)} more`),
          ),
        ),
      ),
      last,
    ];
  });

const quota = () =>
  load("quota", async () => {
    const told = await get("quota/", { days: 31 });
    const { left, forecast } = told;
    const tone = { ok: "ok", warning: "overdue", error: "failed" }[told.status] ?? "unknown";
    return [
      left === null ? empty(told.detail) : gauge(told.this_month, left, forecast),
      left !== null && h("p", {}, badge(tone, told.status), " ", told.detail),
      told.advice && h("p.soft", {}, told.advice),
      h(
        "p",
        {},
        `About ${counted(forecast.need_regular, "call")} will be needed until ${forecast.until} (${number(forecast.regular_a_day)} a day)`,
        forecast.need_all > forecast.need_regular
          ? `, ${number(forecast.need_all)} if history and runs by hand go on at the same pace.`
          : ".",
        forecast.runs_out && h("strong", {}, ` At this pace it is spent on ${forecast.runs_out}.`),
      ),
      h(
        "p.soft",
        {},
        `Today: ${counted(told.today, "call")}.`,
        told.left_at && ` Calls left as of ${fromNow(told.left_at)}.`,
      ),
      bars(
        "Calls by day",
        told.by_day.map((one) => ({ day: one.day, value: one.billed, bad: one.failed })),
        { first: told.first, last: told.last },
      ),
      h(
        "details",
        {},
        h("summary", {}, "By chart and kind"),
        h(
          "div.columns",
          {},
          table(
            "By chart",
            [
              { name: "Chart", cell: (one) => (one.chart ? chartLink(one.chart) : "no chart: catalogue, calendars") },
              { name: "Calls", kind: "number", cell: (one) => number(one.billed) },
            ],
            told.by_chart,
          ),
          table(
            "By kind",
            [
              { name: "Kind", cell: (one) => words(one.resource) },
              { name: "Calls", kind: "number", cell: (one) => number(one.billed) },
            ],
            told.by_resource,
          ),
        ),
      ),
    ];
  });

/** The calls spent this month, those that will be needed, and those that are left over. */
function gauge(spent, left, { need_regular: need, enough }) {
  const whole = Math.max(spent + left, 1);
  const share = (calls) => `${Math.min(100, (100 * calls) / whole)}%`;
  const text = `${number(spent)} spent, ${number(Math.min(need, left))} will be needed, ${number(Math.max(left - need, 0))} left over`;
  return h(
    "div",
    {},
    h(
      `div.progress.gauge${enough === false ? ".bad" : ""}`,
      { role: "img", ariaLabel: text },
      h("div", { style: { width: share(spent) } }),
      h("div.need", { style: { width: share(need) } }),
    ),
    h(
      "p.legend",
      {},
      h("span", {}, h("i.spent"), `${number(spent)} spent this month`),
      h("span", {}, h("i.need"), `${number(need)} will be needed`),
      h("span", {}, h("i.spare"), `${number(left)} left`),
    ),
  );
}

const activity = () =>
  load("activity", async () => {
    const { items, first, last } = await get("executions/activity/", { days: 31 });
    return [
      bars(
        "Runs",
        items.map((one) => ({ day: one.day, value: one.good + one.failed + one.other, bad: one.failed })),
        { first, last },
      ),
      bars(
        "Rankings stored",
        items.map((one) => ({ day: one.day, value: one.rankings })),
        { first, last },
      ),
    ];
  });

const answers = () =>
  load("answers", async () => {
    const { items, total } = await get("drift/", { limit: 50 });
    if (!total) return h("p.soft", {}, "No differences: the answers are as agreed, and as they were before.");
    return h(
      "details",
      {},
      h(
        "summary",
        {},
        `${counted(total, "difference")}: fields that appeared, vanished, changed type or could not be read`,
      ),
      table(
        "Differences in the answers",
        [
          { name: "Endpoint", cell: (one) => one.endpoint },
          { name: "Field", cell: (one) => one.path },
          { name: "What", cell: (one) => words(one.kind) },
          { name: "Found", cell: (one) => one.found },
          { name: "Seen", kind: "number", cell: (one) => number(one.seen) },
          { name: "First", cell: (one) => day(one.first_seen_at) },
          { name: "Last", cell: (one) => fromNow(one.last_seen_at) },
        ],
        items,
      ),
      total > items.length && h("p.soft", {}, `and ${number(total - items.length)} more`),
    );
  });

const runs = () =>
  load("runs", async () => {
    const { items } = await get("executions/", { limit: 8 });
    return items.length ? runTable(items) : empty("Nothing has run yet.");
  });

for (const draw of [totals, attention, quota, activity, answers, runs]) draw();
poll(async () => {
  await Promise.all([totals(), runs()]);
  return true;
}, 15);
