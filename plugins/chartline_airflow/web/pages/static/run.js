// One run, live: progress by step, what failed and why, and a retry of only that.

import { get, page, part, send, subject } from "./api.js";
import { fill, h } from "./dom.js";
import { bytes, counted, duration, number, time, words } from "./format.js";
import { HOW } from "./runtable.js";
import { action, artistLink, badge, bar, chartLink, confirmed, facts, paged, poll, table, trackLink } from "./ui.js";

const own = `executions/${part(subject)}/`;
let drawn = null;

async function draw() {
  const run = await get(own, { limit: 1 });
  document.title = `${words(run.status)}, run of ${run.chart_name ?? run.chart} · Chartline`;
  fill("name", "Run of ", run.chart_name ?? run.chart);
  fill(
    "state",
    badge(run.status),
    " ",
    chartLink(run.chart),
    h(
      "span.soft",
      {},
      `, ${HOW[run.kind]}, begun ${time(run.started_at)} UTC, ${run.finished_at ? "took" : "for"} ${duration(run.seconds)}`,
    ),
    run.error && h("p.note.bad", {}, run.error),
  );
  fill("steps", steps(run));
  fill("facts", did(run));
  const key = `${run.status} ${run.failed_items.total} ${run.retryable}`;
  if (drawn !== key) {
    drawn = key;
    failed.draw();
    fill(
      "actions",
      run.retryable && run.status !== "running" && action("Retry failed items", () => retry(run), { kind: "primary" }),
    );
  }
  return run.status === "running";
}

const steps = ({ progress, status }) => [
  bar(
    progress.percent / 100,
    `${progress.percent} %${progress.step ? `, ${words(progress.step)}` : ""}`,
    { complete: "good", partial: "good", failed: "bad", lost: "bad" }[status] ?? "",
  ),
  progress.steps.length > 0 &&
    table(
      "Steps",
      [
        { name: "Step", cell: (one) => words(one.step) },
        {
          name: "Progress",
          cell: (one) =>
            bar(
              one.share,
              one.wanted ? `${number(one.done)} of ${number(one.wanted)}` : "nothing to do",
              one.failed ? "warn" : one.share >= 1 ? "good" : "",
            ),
        },
        { name: "Failed", kind: "number", cell: (one) => number(one.failed) },
        { name: "Being fetched", kind: "number", cell: (one) => number(one.open) },
        {
          name: "By platform",
          cell: (one) =>
            h(
              "small",
              {},
              one.pieces
                .filter(({ wanted }) => wanted)
                .map((piece) => `${called(piece, one)} ${number(piece.done)}/${number(piece.wanted)}`)
                .join(", "),
            ),
        },
      ],
      progress.steps,
    ),
];

/** Its platform; of two with the same one, also what else it is: spotify, spotify listeners. */
function called({ resource, platform }, { step, pieces }) {
  const alone = pieces.filter((one) => one.platform === platform).length === 1;
  return !platform
    ? words(resource)
    : alone || resource === step
      ? platform
      : `${platform} ${words(resource).split(" ").at(-1)}`;
}

const did = (run) => [
  facts([
    ["DAG", run.dag_id],
    ["Run", run.run_id],
    ["Rankings", `${number(run.rankings_created)} new, ${number(run.rankings_updated)} changed`],
    ["Entries", number(run.entries_stored)],
    ["Tracks", `${number(run.tracks_created)} new, ${number(run.tracks_updated)} changed`],
    ["Artists", `${number(run.artists_created)} new, ${number(run.artists_updated)} changed`],
    ["Audience values", number(run.audience_points)],
    ["Calls", number(run.calls)],
    ["Deferred", run.deferred ? number(run.deferred) : null],
    ["Days not in Soundcharts", run.days_absent.join(", ")],
    ["Days left to the gap audit", run.days_left.join(", ")],
  ]),
  run.calls_by_endpoint.length > 0 &&
    h(
      "details",
      {},
      h("summary", {}, "Calls by endpoint"),
      table(
        "Calls by endpoint",
        [
          { name: "Endpoint", cell: (one) => words(one.endpoint) },
          { name: "Calls", kind: "number", cell: (one) => number(one.calls) },
          { name: "Failed", kind: "number", cell: (one) => number(one.failed) },
          { name: "Read", kind: "number", cell: (one) => bytes(one.bytes) },
          { name: "Mean", kind: "number", cell: (one) => `${number(one.mean_ms)} ms` },
        ],
        run.calls_by_endpoint,
      ),
    ),
];

const failed = paged(
  "failed",
  own,
  () => ({}),
  (items) =>
    table(
      "Failed items",
      [
        { name: "What", cell: (one) => `${words(one.resource)}${one.facet ? `, ${one.facet}` : ""}` },
        { name: "Item", cell: item },
        { name: "Reason", cell: (one) => h("div", {}, words(one.kind), h("br"), h("small", {}, one.reason)) },
        { name: "When", kind: "short", cell: (one) => time(one.at) },
        { name: "Retry", cell: (one) => (one.open ? "will be fetched" : "not available, or fetched since") },
      ],
      items,
    ),
  { none: "Nothing failed.", within: ({ failed_items: found }) => found },
);

const item = (one) =>
  one.resource.startsWith("track")
    ? trackLink(one.entity, one.name ?? one.entity)
    : one.resource.startsWith("artist")
      ? artistLink(one.entity, one.name ?? one.entity)
      : (one.name ?? one.entity);

async function retry(run) {
  const told = h(
    "p",
    {},
    `${counted(run.failed_items.total, "item")} failed. Those that may be available by now are fetched again, and nothing else.`,
  );
  if (!(await confirmed("Retry failed items", told, "Retry"))) return "";
  const started = await send("POST", `${own}retry/`, {});
  fill("retried", h("p.note", {}, "The retry is waiting for Airflow."));
  poll(() => begun(started.run_id), 2);
  return started.message;
}

/** Shows the way to the retry once it has begun; whether to look again. */
async function begun(run) {
  const [found] = (await get("executions/", { text: run, limit: 1 })).items;
  if (found)
    fill(
      "retried",
      h("p.note", {}, "The retry has begun: ", h("a", { href: page("runs", found.id) }, "see its progress"), "."),
    );
  return !found;
}

async function look() {
  try {
    return await draw();
  } catch (error) {
    if (drawn === null) for (const section of document.querySelectorAll("main section")) section.hidden = true;
    fill("state", failure(error));
    return drawn !== null;
  }
}

if (await look()) poll(look, 2);
