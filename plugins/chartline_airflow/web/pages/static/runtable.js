// Runs as a table: on the overview, on a chart's page, on the page of all runs.

import { page } from "./api.js";
import { h } from "./dom.js";
import { duration, fromNow, NONE, number, time, words } from "./format.js";
import { badge, chartLink, table } from "./ui.js";

export const HOW = {
  scheduled: "on schedule",
  window: "several days at once",
  backfill: "backfill",
  heal: "healing",
  manual: "by hand",
  on_demand: "on demand",
  refresh: "audience refresh",
};

export const runTable = (items, { chart = true } = {}) =>
  table(
    "Runs",
    [
      {
        name: "Begun",
        kind: "short",
        cell: (one) => h("a", { href: page("runs", one.id), title: fromNow(one.started_at) }, time(one.started_at)),
      },
      ...(chart ? [{ name: "Chart", cell: (one) => chartLink(one.chart, one.chart_name) }] : []),
      { name: "State", cell: (one) => badge(one.status) },
      { name: "How", cell: (one) => HOW[one.kind] },
      { name: "Took", kind: "number", cell: (one) => duration(one.seconds) },
      { name: "Rankings", kind: "number", cell: (one) => number(one.rankings_created) },
      { name: "Values", kind: "number", cell: (one) => number(one.audience_points) },
      { name: "Calls", kind: "number", cell: (one) => (one.status === "running" ? NONE : number(one.calls)) },
      { name: "Errors", cell: errors },
    ],
    items,
  );

function errors(one) {
  const kinds = Object.entries(one.failures)
    .map(([kind, n]) => `${words(kind)}: ${number(n)}`)
    .join(", ");
  return [one.error, kinds].filter(Boolean).join("; ") || "none";
}
