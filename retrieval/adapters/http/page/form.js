// The question as it is written in the form, and the filters below it.

import { $ } from "./dom.js";
import { FILTERS, NO_FILTERS, go } from "./address.js";
import { showPicked } from "./pickers.js";

const SWITCHES = ["rerank", "group", "operators"]; // "yes" where they are on
const FIELDS = { q: "query", k: "top-k", where: "where" }; // where each is written in the form
const PICKED = ["prefix", "type", "language", "date", "since", "until"]; // by the names of their fields
const ADVANCED = ["where", "operators"];

export function fillForm(state) {
  for (const [name, id] of Object.entries(FIELDS)) $(id).value = state[name];
  for (const name of SWITCHES) $(name).checked = state[name] !== "";
  for (const radio of document.getElementsByName("view")) radio.checked = radio.value === state.view;
  showPicked(state);
  const isSet = (name) => name !== "date" && state[name] !== "";
  const filters = FILTERS.filter(isSet).length;
  $("filters-button").textContent = filters ? `Filters (${filters})` : "Filters";
  $("clear").hidden = !filters;
  if (filters) openFilters(true);
  if (ADVANCED.some(isSet)) $("advanced").open = true;
  document.title = state.q ? `${state.q} – hybrid-retrieval` : "hybrid-retrieval";
}

/** What the form says, as parts of an address. */
function written() {
  const fields = Object.entries(FIELDS).map(([name, id]) => [name, $(id).value.trim()]);
  const switched = SWITCHES.map((name) => [name, $(name).checked ? "yes" : ""]);
  const picked = Object.fromEntries(PICKED.map((name) => [name, $(name).value]));
  if (!picked.since && !picked.until) picked.date = "";
  const view = document.querySelector("[name=view]:checked").value;
  return { ...Object.fromEntries([...fields, ...switched]), ...picked, view, document: "", chunk: "" };
}

function openFilters(open) {
  $("filters").hidden = !open;
  $("filters-button").setAttribute("aria-expanded", open);
}

/** The `where` of the form, or null; undefined where it cannot be read, and then the page says so below the field. */
export function readWhere(text) {
  let where = null;
  let complaint = "";
  try {
    where = text ? JSON.parse(text) : null;
    if (where !== null && (typeof where !== "object" || Array.isArray(where))) complaint = "This is not a JSON object.";
  } catch (error) {
    complaint = `This is not JSON: ${error.message}.`;
  }
  $("where-complaint").textContent = complaint && `${complaint} Write {"author": "Ada"} or {"year": {"$gte": 2020}}.`;
  $("where").setAttribute("aria-invalid", complaint !== "");
  return complaint ? undefined : where;
}

/**
 * forget:     that the question was asked, so that it is asked of the server again.
 * moveToHits: puts the focus on the first hit.
 */
export function listenToForm({ forget, moveToHits }) {
  const ask = () => {
    forget();
    return go(written());
  };

  /** Enter in a field goes on to the hits, unless something else is done while they come. */
  async function submit(event) {
    event.preventDefault();
    const field = document.activeElement;
    const answered = ask();
    const value = field.value;
    await answered;
    const isWaiting = document.activeElement === field && field.value === value;
    if (isWaiting && field.matches("input") && $("columns").getAttribute("aria-busy") === "false") moveToHits();
  }

  $("form").addEventListener("submit", submit);
  const chosen = [...document.getElementsByName("view"), $("top-k"), ...[...SWITCHES, ...PICKED].map($)];
  for (const control of chosen) {
    control.addEventListener("change", () => { if ($("query").value.trim()) ask(); });
  }
  $("filters-button").addEventListener("click", () => openFilters($("filters").hidden));
  $("clear").addEventListener("click", () => go({ ...NO_FILTERS, document: "", chunk: "" }));
  $("where").addEventListener("change", () => readWhere($("where").value.trim()));
}
