// Elements and words. Text from documents only ever goes in as text nodes.

export const $ = (id) => document.getElementById(id);

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value != null) made.setAttribute(name, value);
  made.append(...children.filter((child) => child)); // what is empty is left out
  return made;
}

export function button(label, onclick, attributes = {}) {
  const made = element("button", { type: "button", ...attributes }, label);
  if (onclick) made.addEventListener("click", onclick);
  return made;
}

/** A list of [name, value]; those without a value are left out. */
export function facts(pairs) {
  const known = pairs.filter(([, value]) => value != null && value !== "");
  return element("dl", { class: "facts" }, ...known.flatMap(([name, value]) =>
    [element("dt", {}, name), element("dd", {}, value instanceof Node ? value : String(value))]));
}

export const number = (value, digits = 0) =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
export const counted = (count, noun) => `${number(count)} ${noun}${count === 1 ? "" : "s"}`;
export const megabytes = (bytes) => (bytes < 1e5 ? `${number(bytes / 1e3, 1)} kB` : `${number(bytes / 1e6, 1)} MB`);
export const capitalised = (word) => word[0].toUpperCase() + word.slice(1);

/** From one number to another, which may be the same. */
export function range(first, last) {
  return first === last ? `${first}` : `${first}–${last}`;
}

/** What a screen reader says. */
export const announce = (text) => { $("status").textContent = text; };
