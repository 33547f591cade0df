// Elements. Text is always a text node, so nothing that came from elsewhere is ever read as HTML.

const SVG = "http://www.w3.org/2000/svg";

/** h("a.name", {href, onclick, dataset: {…}, ariaLabel: …}, "text", child, [children], null) */
export function h(name, given = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  element.classList.add(...classes);
  for (const [key, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "dataset") Object.assign(element.dataset, value);
    else if (key === "style") for (const [name, text] of Object.entries(value)) element.style.setProperty(name, text);
    else if (key in element && key !== "list" && typeof value !== "string") element[key] = value;
    else
      element.setAttribute(
        key.replace(/^aria([A-Z])/, (_, letter) => `aria-${letter.toLowerCase()}`),
        value,
      );
  }
  return add(element, children);
}

export function svg(tag, given = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(given)) {
    if (value !== null && value !== undefined) element.setAttribute(key, value);
  }
  return add(element, children);
}

/** Everything in `element`, given by itself or its id, is replaced. */
export function fill(element, ...children) {
  const place = typeof element === "string" ? document.getElementById(element) : element;
  place.replaceChildren();
  return add(place, children);
}

export const byId = (id) => document.getElementById(id);

function add(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}
