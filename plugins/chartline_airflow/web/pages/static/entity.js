// What tracks and artists have in common: facts, audience as plots, positions, refresh.

import { get, part, send, subject } from "./api.js";
import { byId, fill, h } from "./dom.js";
import { compact, counted, countedRange, day, fromNow, number, shift, signed, today, words } from "./format.js";
import { curves } from "./plot.js";
import { badge, doing, empty, load, poll, ready } from "./ui.js";

/** kind: "tracks" or "artists"; series(answer): [{title, parts: [{name, points}]}], two figures each: value and gain;
 * more(answer): what else there is to show. */
export function audience(kind, series, more = () => null) {
  const own = `${kind}/${part(subject)}/`;
  const days = () => Number(byId("span").elements.days.value);

  const draw = () =>
    load("audience", async () => {
      const answer = await get(`${own}audience/`, { from: shift(today(), -days()), resolution: "day" });
      fill("age", age(answer));
      fill("actions", button(answer.refresh));
      if (answer.refresh.state === "running") wait();
      const plots = series(answer);
      if (!plots.length) return [empty("No audience is stored for these days."), more(answer)];
      return [
        h(
          "div.columns",
          {},
          plots.flatMap(({ title, parts }) => [
            curves(
              title,
              parts.map(({ name, points }) => ({ name, points: points.map(({ day, value }) => [day, value]) })),
            ),
            curves(
              `${title}, gain since the day before`,
              parts.map(({ name, points }) => ({ name, points: points.map(({ day, gain }) => [day, gain]) })),
              { show: signed, axis: compact, none: "A single day has no gain." },
            ),
          ]),
        ),
        more(answer),
      ];
    });

  let waiting = false;
  const wait = () => {
    if (waiting) return;
    waiting = true;
    poll(async () => {
      try {
        const { refresh, stale } = await get(`${own}audience/`, { from: shift(today(), -1) });
        if (refresh.state === "running" && stale) return true;
      } catch (error) {
        console.error(error); // `draw` meets the same error, and shows it
      }
      waiting = false;
      draw();
      return false;
    }, 4);
  };

  byId("span").addEventListener("change", draw);
  byId("span").addEventListener("submit", (event) => event.preventDefault());
  ready(byId("span"));
  /** The button says what a refresh costs; looking at the page costs nothing. */
  const button = ({ state, calls, platforms }) =>
    state === "offered" &&
    doing(
      `Refresh (${countedRange(calls, "call")})`,
      async () => {
        const told = await send("POST", `${own}refresh/`, { platforms });
        await draw();
        if (told.needs_approval) return `The refresh is requested. ${told.reason}`;
        return told.state === "not_needed" ? "Nothing is due." : "The refresh has started.";
      },
      { kind: "primary", title: `Fetches ${platforms.join(", ")}` },
    );

  return { draw };
}

function age(answer) {
  const { state, reason } = answer.refresh;
  return [
    h(
      "p.soft",
      {},
      answer.age_days === null
        ? "Never fetched."
        : answer.age_days < 1
          ? "All of it is less than a day old."
          : `The oldest series is ${counted(answer.age_days, "day")} old.`,
      " ",
      state === "running" && h("strong", {}, "A refresh is running."),
      state === "not_allowed" && reason,
    ),
    h(
      "p",
      {},
      answer.platforms.map((one) => [
        badge(
          one.stale ? "stale" : one.outcome,
          `${one.platform}: ${one.fetched_at ? fromNow(one.fetched_at) : words(one.outcome)}${one.crawled_at ? ` (updated by Soundcharts ${day(one.crawled_at)})` : ""}`,
        ),
        " ",
      ]),
    ),
  ];
}

/** Positions by day, a curve a chart; a day off the chart breaks it. */
export const positions = (charts, title = "Position on the followed charts") =>
  curves(
    title,
    charts.map(({ name, frequency, positions: points }) => ({ name, points: broken(points, frequency) })),
    { inverted: true, show: number, axis: number, none: "It was on no followed chart." },
  );

const PERIOD = { daily: 1, weekly: 7, monthly: 31 };

/** Points with a null where more than a period and a bit lies between two. */
function broken(points, frequency) {
  const most = (PERIOD[frequency] ?? 7) * 1.5;
  return points.flatMap(({ day, position }, i) => {
    const before = points[i - 1]?.day;
    const away = before && Date.parse(day) - Date.parse(before) > most * 864e5;
    return away
      ? [
          [shift(before, 1), null],
          [day, position],
        ]
      : [[day, position]];
  });
}

export const genres = (found) => found.map(({ root, name }) => (name ? `${root}: ${name}` : root)).join(", ");
