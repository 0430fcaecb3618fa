// The pickers: what a search can be narrowed by, as the index says; and the filter that they come to.

import { $, element, number } from "./dom.js";
import { asked } from "./address.js";
import { call } from "./server.js";

const NO_SUFFIX = "none"; // in the address, for files without one
const IN_SECONDS = "modified"; // the field that holds seconds since the epoch; all others hold ISO dates
const DAY = 86_400_000; // milliseconds
const NOTHING = {
  documents: 0, folders: [], suffixes: [], languages: [], dates: [], examples: [], folders_with_files: [],
};

let facets = NOTHING;

/** What the index holds, as the server said last. */
export const known = () => facets;

/** Asks the server, and fills the pickers. */
export async function loadFacets(signal) {
  facets = { ...NOTHING, ...await call("facets", { signal }) };
  const options = {
    prefix: facets.folders.map(({ value, documents }) => [value, `${value} (${number(documents)})`]),
    type: facets.suffixes.map(({ value, documents }) => [value || NO_SUFFIX, `${value || "no suffix"} (${number(documents)})`]),
    language: facets.languages.map(({ value, documents }) => [value, `${value} (${number(documents)})`]),
  };
  for (const [name, values] of Object.entries(options)) fill($(name), [["", "any"], ...values]);
  fill($("date"), facets.dates.map(({ field }) => [field, field]));
  showPicked(asked());
  return facets;
}

function fill(select, options) {
  select.replaceChildren(...options.map(([value, text]) => element("option", { value }, text)));
}

/** Shows what the address says, which need not be among what the index has. */
export function showPicked(state) {
  for (const name of ["prefix", "type", "language", "date"]) pick($(name), state[name]);
  for (const name of ["since", "until"]) $(name).value = state[name];
  const dates = facets.dates.find(({ field }) => field === $("date").value);
  for (const name of ["since", "until"]) Object.assign($(name), { min: dates?.first ?? "", max: dates?.last ?? "" });
  for (const picker of document.querySelectorAll("[data-picker]")) picker.hidden = !isOfUse(picker.dataset.picker, state);
}

function pick(select, value) {
  if (![...select.options].some((option) => option.value === value)) {
    if (value) select.append(element("option", { value }, value));
    else if (select.options.length) value = select.options[0].value;
  }
  select.value = value;
}

/** Whether there is anything to choose. */
function isOfUse(name, state) {
  if (state[name]) return true;
  if (name === "since" || name === "until") return facets.dates.length > 0 || state.since !== "" || state.until !== "";
  return $(name).options.length > (name === "date" ? 1 : 2);
}

/** The parts of a search that the pickers say: conditions for `where`, and `within`. */
export function picked({ prefix, type, language, date, since, until }) {
  const field = date || IN_SECONDS;
  const [first, end] = [since, until && nextDay(until)].map((day) => (day ? bound(field, day) : null));
  const conditions = [
    type && { suffix: type === NO_SUFFIX ? "" : type },
    language && { language },
    first !== null && { [field]: { $gte: first } },
    end !== null && { [field]: { $lt: end } },
  ];
  return { conditions: conditions.filter(Boolean), within: prefix ? [prefix] : null };
}

const moment = (day) => Date.parse(`${day}T00:00:00Z`);
const bound = (field, day) => (field === IN_SECONDS ? moment(day) / 1000 || 0 : day);

function nextDay(day) {
  const next = new Date(moment(day) + DAY);
  return Number.isNaN(next.getTime()) ? day : next.toISOString().slice(0, 10);
}
