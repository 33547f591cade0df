// What looks wrong in what is stored, and the checks that find it.

import { get, page, part, send } from "./api.js";
import { byId, h } from "./dom.js";
import { fromNow, NONE, number, time, words } from "./format.js";
import { action, badge, confirmed, empty, load, paged, ready, settled, table } from "./ui.js";

const filter = byId("filter");

const about = (one) =>
  h(
    "details",
    {},
    h("summary", {}, one.chart ? h("a", { href: page("charts", one.chart) }, one.what) : one.what),
    h("p", {}, one.meaning),
    h("p", {}, one.advice),
  );

const findings = paged(
  "findings",
  "findings/",
  () => {
    const { chart, check, state } = Object.fromEntries(new FormData(filter));
    return { chart: chart.trim(), check, state };
  },
  (items) =>
    table(
      "Findings",
      [
        { name: "State", cell: (one) => badge(one.state) },
        { name: "Severity", cell: (one) => badge(one.severity) },
        { name: "Check", cell: (one) => words(one.check) },
        { name: "What", cell: about },
        {
          name: "First seen",
          kind: "short",
          cell: (one) => h("span", { title: fromNow(one.first_seen_at) }, time(one.first_seen_at)),
        },
        {
          name: "Last seen",
          kind: "short",
          cell: (one) => h("span", { title: fromNow(one.last_seen_at) }, time(one.last_seen_at)),
        },
        {
          name: "Solved",
          kind: "short",
          cell: (one) => (one.accepted_by ? `accepted by ${one.accepted_by}` : time(one.solved_at)),
        },
        {
          name: "",
          head: h("span.unseen", {}, "Actions"),
          cell: (one) => (one.state === "open" ? accepting(one) : null),
        },
      ],
      items,
    ),
  { none: "Nothing looks wrong." },
);

const accepting = (one) =>
  action("Accept", async () => {
    const agreed = await confirmed(
      "Accept this finding",
      [h("p", {}, one.what), h("p", {}, "It is closed, and not found again unless it changes.")],
      "Accept",
    );
    if (!agreed) return "";
    await send("POST", `findings/${part(one.id)}/accept/`);
    await Promise.all([findings.draw(), checks()]);
    return "Accepted.";
  });

const checks = () =>
  load("checks", async () => {
    const all = await get("checks/");
    if (!all.length) return empty("There is no check.");
    return table(
      "Checks",
      [
        { name: "Check", cell: (one) => words(one.name) },
        { name: "Severity", cell: (one) => badge(one.severity) },
        { name: "Looks at", cell: (one) => one.of },
        { name: "Open", kind: "number", cell: (one) => (one.open ? number(one.open) : NONE) },
        { name: "It means", cell: (one) => one.meaning },
        { name: "What to do", cell: (one) => one.advice },
      ],
      all,
    );
  });

filter.addEventListener("submit", (event) => {
  event.preventDefault();
  findings.restart();
});
filter.addEventListener("change", () => findings.restart());
filter.elements.chart.addEventListener(
  "input",
  settled(() => findings.restart()),
);

const given = new URLSearchParams(location.search);
for (const name of ["chart", "check", "state"])
  if (given.has(name)) filter.elements.namedItem(name).value = given.get(name);
ready(filter);
findings.draw();
checks();
