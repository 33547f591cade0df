// All runs, newest first; those at work are looked at again and again.

import { byId } from "./dom.js";
import { runTable } from "./runtable.js";
import { paged, settled } from "./ui.js";

const filter = byId("filter");
let busy = false;

const runs = paged("runs", "executions/", () => {
  const { chart, status } = Object.fromEntries(new FormData(filter));
  return { text: chart.trim(), status: status || [] };
}, (items) => {
  busy = items.some(({ status }) => status === "running");
  return runTable(items);
}, { none: "No run is like that." });

filter.addEventListener("submit", (event) => { event.preventDefault(); runs.restart(); });
filter.addEventListener("change", () => runs.restart());
filter.elements.chart.addEventListener("input", settled(() => runs.restart()));

const given = new URLSearchParams(location.search);
for (const name of ["chart", "status"]) if (given.has(name)) filter.elements.namedItem(name).value = given.get(name);
runs.draw();
setInterval(() => busy && !document.hidden && !byId("runs").contains(document.activeElement) && runs.draw(), 5000);
