// Plots of values by day, drawn as SVG in the page's own colours.
//
// plotly.js is not used: under a policy without 'unsafe-inline' it draws without its own styles and logs violations,
// and it is 4.8 MB for what takes the lines below.

import { fill, h, svg } from "./dom.js";
import { compact, number, shift } from "./format.js";

const DAY = 864e5;
const PAD = { left: 58, right: 24, top: 10, bottom: 24 };
const TONES = 6;
const at = (day) => Date.parse(`${day}T00:00:00Z`);
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Curves. series: [{name, points: [[day, value or null], …] in order of time}]; a day without a value breaks the curve
 * only where it is given as null. inverted: 1 at the top (positions). */
export function curves(
  title,
  series,
  { inverted = false, show = number, axis = compact, height = 240, none = "No values yet." } = {},
) {
  const known = series
    .map((one, index) => ({ ...one, tone: (index % TONES) + 1, points: one.points, on: true }))
    .filter((one) => one.points.some(([, v]) => v !== null));
  if (!known.length) return h("figure", {}, h("figcaption", {}, title), h("p.empty", {}, none));
  const days = [...new Set(known.flatMap((one) => one.points.map(([day]) => day)))].sort();
  const place = h("div.plot", {});
  const tip = h("div.tip", { hidden: true });
  let width = 0,
    chosen = null;

  const draw = () => {
    const lit = known.filter((one) => one.on);
    const view = frame(
      days,
      lit.flatMap((one) => one.points.map(([, v]) => v)),
      width,
      height,
      { inverted, axis },
    );
    const hand = svg("line", { class: "hand", y1: PAD.top, y2: height - PAD.bottom, visibility: "hidden" });
    const drawn = svg(
      "svg",
      {
        viewBox: `0 0 ${width} ${height}`,
        width,
        height,
        role: "img",
        tabindex: 0,
        "aria-label": said(title, lit, show),
      },
      view.marks,
      lit.map((one) =>
        parts(one.points).map((part) =>
          part.length > 1
            ? svg("path", {
                class: `curve tone-${one.tone}`,
                fill: "none",
                d: part
                  .map(([day, v], i) => `${i ? "L" : "M"}${view.x(day).toFixed(1)} ${view.y(v).toFixed(1)}`)
                  .join(""),
              })
            : svg("circle", { class: `tone-${one.tone}`, cx: view.x(part[0][0]), cy: view.y(part[0][1]), r: 2.5 }),
        ),
      ),
      hand,
    );
    const point = (index) => {
      chosen = index === null ? null : Math.max(0, Math.min(days.length - 1, index));
      tip.hidden = chosen === null;
      hand.setAttribute("visibility", chosen === null ? "hidden" : "visible");
      if (chosen === null) return;
      const day = days[chosen],
        x = view.x(day);
      hand.setAttribute("x1", x);
      hand.setAttribute("x2", x);
      fill(
        tip,
        h("strong", {}, day),
        lit.map((one) => h("div", {}, `${one.name}: ${show(one.points.find(([d]) => d === day)?.[1] ?? null)}`)),
      );
      tip.style.setProperty("left", `${x < width / 2 ? x + 10 : Math.max(0, x - 10 - tip.offsetWidth)}px`);
    };
    drawn.addEventListener("pointermove", (event) => {
      const box = drawn.getBoundingClientRect();
      point(view.nearest(((event.clientX - box.left) * width) / box.width, days));
    });
    drawn.addEventListener("pointerleave", () => point(null));
    drawn.addEventListener("blur", () => point(null));
    drawn.addEventListener("keydown", (event) => {
      const to = {
        ArrowLeft: (chosen ?? days.length) - 1,
        ArrowRight: (chosen ?? -1) + 1,
        Home: 0,
        End: days.length - 1,
        Escape: null,
      }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      point(to);
    });
    fill(place, drawn, tip);
  };
  watch(place, (now) => {
    width = now;
    draw();
  });
  const keys =
    known.length > 1
      ? known.map((one) =>
          h(
            `button.key.tone-${one.tone}`,
            {
              type: "button",
              ariaPressed: "true",
              onclick: (event) => {
                one.on = !one.on;
                event.currentTarget.ariaPressed = String(one.on);
                draw();
              },
            },
            one.name,
          ),
        )
      : null;
  return h("figure", {}, h("figcaption", {}, title, keys), place, values(days, known, show));
}

/** Bars, one a day from `first` to `last`; `bad` is the part of a bar that went wrong. points: [{day, value, bad?}]. */
export function bars(title, points, { first, last, show = number, height = 140 } = {}) {
  if (!points.length) return h("figure", {}, h("figcaption", {}, title), h("p.empty", {}, "Nothing yet."));
  const days = [first ?? points[0].day, last ?? points.at(-1).day];
  const place = h("div.plot", {});
  watch(place, (width) => {
    const view = frame(days, [0, ...points.map(({ value }) => value)], width, height, {
      axis: compact,
      zero: true,
      margin: 0.5,
    });
    const wide = Math.max(
      1,
      Math.min(28, (width - PAD.left - PAD.right) / ((at(days[1]) - at(days[0])) / DAY + 1) - 2),
    );
    fill(
      place,
      svg(
        "svg",
        {
          viewBox: `0 0 ${width} ${height}`,
          width,
          height,
          role: "img",
          "aria-label": `${title}, ${days[0]} to ${days.at(-1)}`,
        },
        view.marks,
        svg(
          "g",
          { class: "bars" },
          points.flatMap(({ day, value, bad = 0 }) => {
            const one = (amount, cls) =>
              svg(
                "rect",
                {
                  class: cls,
                  x: view.x(day) - wide / 2,
                  width: wide,
                  y: view.y(amount),
                  height: Math.max(0, view.y(0) - view.y(amount)),
                },
                svg("title", {}, `${day}: ${show(value)}${bad ? `, ${number(bad)} failed` : ""}`),
              );
            return [one(value, "all"), bad ? one(bad, "bad") : null];
          }),
        ),
      ),
    );
  });
  return h("figure", {}, h("figcaption", {}, title), place);
}

/** The curve's parts between days without a value. */
function parts(points) {
  const found = [[]];
  for (const point of points) {
    if (point[1] === null) found.push([]);
    else found.at(-1).push(point);
  }
  return found.filter((part) => part.length);
}

function frame(days, values, width, height, { inverted = false, axis, zero = false, margin = 0 }) {
  const numbers = values.filter((v) => v !== null && v !== undefined);
  let low = zero ? 0 : Math.min(...numbers),
    high = Math.max(...numbers);
  if (!numbers.length) [low, high] = [0, 1];
  if (low === high) [low, high] = inverted ? [Math.max(1, low - 1), high + 1] : zero ? [0, 1] : [low - 1, high + 1];
  const steps = ticks(low, high, inverted ? 5 : height < 180 ? 3 : 5).filter((v) => !inverted || v >= 1);
  if (inverted) steps.unshift(...(steps.includes(1) || low > 3 ? [] : [1]));
  const first = at(days[0]) - margin * DAY,
    last = Math.max(at(days.at(-1)), at(days[0]) + DAY) + margin * DAY;
  const x = (day) => PAD.left + ((at(day) - first) / (last - first)) * (width - PAD.left - PAD.right);
  const y = (v) => {
    const up = (v - low) / (high - low);
    return PAD.top + (inverted ? up : 1 - up) * (height - PAD.top - PAD.bottom);
  };
  const told = [0, 1, 2, 3]
    .map((finer) => steps.map((v) => axis(v, finer)))
    .find((texts, i) => i === 3 || new Set(texts).size === texts.length);
  const marks = [
    ...steps.map((v, i) => [
      svg("line", { class: "grid", x1: PAD.left, x2: width - PAD.right, y1: y(v), y2: y(v) }),
      svg("text", { x: PAD.left - 6, y: y(v) + 4, "text-anchor": "end" }, told[i]),
    ]),
    ...dates(days[0], days.at(-1), Math.max(2, Math.floor(width / 95))).map((day) =>
      svg("text", { x: x(day), y: height - 6, "text-anchor": "middle" }, label(day, days)),
    ),
  ];
  const nearest = (px) =>
    days.reduce((best, day, i) => (Math.abs(x(day) - px) < Math.abs(x(days[best]) - px) ? i : best), 0);
  return { x, y, marks, nearest: (px) => nearest(px) };
}

function ticks(low, high, count) {
  const rough = (high - low) / count,
    size = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(
    [1, 2, 5, 10].map((n) => n * size).find((n) => n >= rough),
    1,
  ); // all values are whole
  const found = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step / 1e6; v += step) found.push(Number(v.toPrecision(12)));
  return found;
}

function dates(first, last, count) {
  const span = Math.round((at(last) - at(first)) / DAY);
  const step = Math.max(1, Math.ceil(span / count));
  const found = [];
  for (let day = 0; day <= span; day += step) found.push(shift(first, day));
  return found;
}

const label = (day, days) => {
  const [year, month, date] = day.split("-");
  return at(days.at(-1)) - at(days[0]) > 300 * DAY
    ? `${MONTHS[month - 1]} ${year}`
    : `${Number(date)} ${MONTHS[month - 1]}`;
};

function said(title, series, show) {
  const texts = series.map(({ name, points }) => {
    const known = points.filter(([, v]) => v !== null);
    return known.length
      ? `${name}: ${show(known[0][1])} on ${known[0][0]}, ${show(known.at(-1)[1])} on ${known.at(-1)[0]}`
      : `${name}: nothing`;
  });
  return `${title}. ${texts.join("; ")}. Arrow keys read the days.`;
}

/** The numbers behind the curves, made when somebody opens them. */
function values(days, series, show) {
  const place = h("div.scroll", {});
  const make = () =>
    place.childElementCount ||
    fill(
      place,
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            h("th", { scope: "col" }, "Day"),
            series.map(({ name }) => h("th.number", { scope: "col" }, name)),
          ),
        ),
        h(
          "tbody",
          {},
          [...days].reverse().map((day) =>
            h(
              "tr",
              {},
              h("td", { dataset: { name: "Day" } }, day),
              series.map(({ name, points }) =>
                h("td.number", { dataset: { name } }, show(points.find(([d]) => d === day)?.[1] ?? null)),
              ),
            ),
          ),
        ),
      ),
    );
  return h("details", { ontoggle: make }, h("summary", {}, "As numbers"), place);
}

/** `draw(width)` at once and whenever the width changes. */
function watch(place, draw) {
  let last = 0;
  new ResizeObserver(([{ contentRect }]) => {
    const width = Math.round(contentRect.width);
    if (width === 0 || width === last) return;
    last = width;
    draw(width);
  }).observe(place);
}
