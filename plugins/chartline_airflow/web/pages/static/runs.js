// All runs, newest first; loaded again and again, more often while one is running.

import { byId } from "./dom.js";
import { runTable } from "./runtable.js";
import { paged, ready, settled } from "./ui.js";

const filter = byId("filter");
let busy = false;

const runs = paged(
  "runs",
  "executions/",
  () => {
    const { chart, status } = Object.fromEntries(new FormData(filter));
    return { text: chart.trim(), status: status || null };
  },
  (items) => {
    busy = items.some(({ status }) => status === "running");
    return runTable(items);
  },
  { none: "No run matches." },
);

filter.addEventListener("submit", (event) => {
  event.preventDefault();
  runs.restart();
});
filter.addEventListener("change", () => runs.restart());
filter.elements.chart.addEventListener(
  "input",
  settled(() => runs.restart()),
);

const given = new URLSearchParams(location.search);
for (const name of ["chart", "status"]) if (given.has(name)) filter.elements.namedItem(name).value = given.get(name);
ready(filter);
runs.draw();
let ticks = 0;
setInterval(() => {
  ticks += 1;
  if ((busy || ticks % 4 === 0) && !document.hidden && !byId("runs").contains(document.activeElement)) runs.draw();
}, 5000);
