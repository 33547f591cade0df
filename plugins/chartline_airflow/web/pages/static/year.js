// A year of a chart, a square a day, as columns of weeks.

import { h } from "./dom.js";
import { shift } from "./format.js";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const SAID = {
  stored: "stored",
  short: "short: entries are missing",
  missing: "missing: Soundcharts has it",
  unasked: "in Soundcharts, not asked for",
  absent: "not in Soundcharts",
};

/** days: {day: {state, text}}; choose(day): a stored day was pressed; chosen: the day that is shown. */
export function year(number, days, choose, chosen) {
  const first = `${number}-01-01`;
  const weekday = (day) => (new Date(`${day}T00:00:00Z`).getUTCDay() + 6) % 7;
  const before = weekday(first);
  const all = [];
  for (let day = first; day.startsWith(number); day = shift(day, 1)) all.push(day);
  const squares = all.map((day, index) => {
    const told = days[day];
    const column = Math.floor((index + before) / 7) + 1;
    const square = h(`button${told ? `.${told.state}` : ".unwanted"}`, {
      type: "button",
      tabindex: "-1",
      title: `${day}: ${told?.text ?? "nothing expected"}`,
      ariaLabel: `${day}: ${told?.text ?? "nothing expected"}`,
      dataset: { day },
      onclick: () => choose(day),
      style: { "grid-column": column, "grid-row": weekday(day) + 2 },
    });
    return square;
  });
  const names = MONTHS.map((name, month) => {
    const day = `${number}-${String(month + 1).padStart(2, "0")}-01`;
    return h(
      "span.month",
      { ariaHidden: "true", style: { "grid-column": Math.floor((all.indexOf(day) + before + 6) / 7) + 1 } },
      name,
    );
  });
  const place = h(
    "div.year",
    { role: "group", ariaLabel: `The days of ${number}; arrow keys move, Enter opens a day` },
    names,
    squares,
  );
  squares[0].tabIndex = 0;
  mark(place, chosen);
  new ResizeObserver(() => {
    // a narrow screen begins at the end
    const last = squares.findLast((one) => !one.classList.contains("unwanted"));
    if (last) place.scrollLeft = last.offsetLeft - place.offsetLeft - place.clientWidth + 40;
  }).observe(place);
  place.addEventListener("keydown", (event) => {
    const step = { ArrowUp: -1, ArrowDown: 1, ArrowLeft: -7, ArrowRight: 7 }[event.key];
    const from = squares.indexOf(document.activeElement);
    if (!step || from < 0) return;
    event.preventDefault();
    const to = squares[Math.max(0, Math.min(squares.length - 1, from + step))];
    squares[from].tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
  });
  return place;
}

/** Show which day is open, if the year holds it; Tab leads to it. */
export function mark(place, chosen) {
  for (const old of place?.querySelectorAll("[aria-current]") ?? []) old.ariaCurrent = null;
  const square = place?.querySelector(`[data-day="${CSS.escape(chosen ?? "")}"]`);
  if (!square) return;
  for (const old of place.querySelectorAll('[tabindex="0"]')) old.tabIndex = -1;
  square.ariaCurrent = "date";
  square.tabIndex = 0;
}

export const legend = () =>
  h(
    "p.legend",
    {},
    Object.entries(SAID).map(([state, text]) => h("span", {}, h(`i.${state}`), text)),
    h("span", {}, h("i.unwanted"), "nothing expected"),
  );
export const said = (state) => SAID[state] ?? state;
