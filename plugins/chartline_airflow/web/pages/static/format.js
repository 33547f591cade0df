// Numbers and times as people read them. All times are UTC.

const whole = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const few = [3, 4, 5, 6].map(
  (maximumSignificantDigits) => new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits }),
);

export const NONE = "–";

const given = (value, make) => (value === null || value === undefined || value === "" ? NONE : make(value));

export const number = (value) => given(value, (n) => whole.format(n));
/** finer: 0 to 3 more digits. */
export const compact = (value, finer = 0) => given(value, (n) => few[finer].format(n));
export const signed = (value) => given(value, (n) => (n > 0 ? "+" : "") + whole.format(n));
export const percent = (share) =>
  given(share, (s) => (s > 0 && s < 0.005 ? "less than 1 %" : `${(100 * s).toFixed(s > 0.995 && s < 1 ? 1 : 0)} %`));
export const day = (value) => given(value, (text) => String(text).slice(0, 10));
/** A date as far as it is known: a year, a month or a day. */
export const dated = (value, precision) =>
  given(value, (text) => String(text).slice(0, { year: 4, month: 7 }[precision] ?? 10));
export const time = (value) => given(value, (text) => `${new Date(text).toISOString().slice(0, 16).replace("T", " ")}`);
export const words = (value) => given(value, (text) => String(text).replaceAll("_", " "));
export const range = ({ low, high }) => (low === high ? number(low) : `${number(low)} to ${number(high)}`);
/** "1 chart", "2 charts", "1 to 2 charts": how many, in numbers and with the right ending. */
export const counted = (count, one, many = `${one}s`) => given(count, (n) => `${number(n)} ${n === 1 ? one : many}`);
export const countedRange = ({ low, high }, one, many = `${one}s`) =>
  low === high ? counted(low, one, many) : `${range({ low, high })} ${many}`;

export function bytes(value) {
  return given(value, (n) => {
    const units = ["B", "kB", "MB", "GB", "TB"];
    const step = n < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(n) / 3));
    return `${(n / 1000 ** step).toFixed(step && n / 1000 ** step < 10 ? 1 : 0)} ${units[step]}`;
  });
}

export function duration(seconds) {
  return given(seconds, (s) => {
    const rounded = Math.round(s);
    if (rounded < 60) return `${rounded} s`;
    if (rounded < 3600) return `${Math.floor(rounded / 60)} min ${rounded % 60} s`;
    return about(s);
  });
}

/** Rounded: "50 s", "5 min", "3 h 2 min", "4 days"; days only from two on. */
function about(s) {
  if (s < 60) return `${Math.round(s)} s`;
  const minutes = Math.round(s / 60);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 2880) return `${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${minutes % 60} min` : ""}`;
  return `${Math.round(minutes / 1440)} days`;
}

/** "in 3 h 2 min", "5 min ago". */
export function fromNow(value) {
  return given(value, (text) => {
    const seconds = (new Date(text) - Date.now()) / 1000;
    if (Math.abs(seconds) < 5) return "now";
    return seconds > 0 ? `in ${about(seconds)}` : `${about(-seconds)} ago`;
  });
}

export const today = () => new Date().toISOString().slice(0, 10);
export const shift = (text, days) =>
  new Date(Date.parse(`${text}T00:00:00Z`) + days * 864e5).toISOString().slice(0, 10);
