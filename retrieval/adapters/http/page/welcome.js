// What there is to search, and how, before anything was asked.

import { $, announce, button, counted, element, facts, number } from "./dom.js";
import { go } from "./address.js";
import { failure } from "./failure.js";
import { readWhere } from "./form.js";
import { loadStats } from "./indexing.js";
import { loadFacets } from "./pickers.js";
import { call, inWords } from "./server.js";
import { fill, setBusy } from "./stage.js";

const SHOWN = 8; // folders, types and languages

export async function welcome(state, signal, again) {
  const isFilterRead = readWhere(state.where) !== undefined;
  const made = element("div", { class: "welcome" }, element("h2", {}, "What do you want to know?"));
  setBusy(false);
  announce("");
  $(isFilterRead ? "query" : "where").focus();
  fill([made]);
  try {
    const found = loadFacets(signal).catch(() => null); // a store may not tell; what else is wrong, the other says
    const [{ documents }, facets] = await Promise.all([loadStats(signal), found]);
    signal.throwIfAborted();
    if (documents && facets) made.append(...examples(facets), ...contents(facets));
    else if (!documents) made.append(element("p", { class: "note" }, "The index is empty. Sync a folder: see Index, above."));
    made.append(writing());
  } catch (error) {
    if (signal.aborted) return;
    const indexes = error.status === 404 ? await otherIndexes(signal) : [];
    made.append(...(indexes.length ? [whichIndex(indexes)] : [failure(inWords(error), again, signal)]));
  }
}

/** Headings and titles of the documents, to ask for. */
function examples({ examples: found }) {
  if (!found.length) return [];
  const items = found.map((text) => element("li", {}, button(text, () => go({ q: text }), { class: "link" })));
  return [element("section", {}, element("h3", {}, "For example, from the documents"), element("ul", { class: "examples" }, ...items))];
}

function contents({ documents, folders, suffixes, languages, dates }) {
  const tops = folders.filter(({ value }) => value.indexOf("/") === value.length - 1);
  const modified = dates.find(({ field }) => field === "modified");
  return [element("section", {}, element("h3", {}, `${counted(documents, "document")} to search`), facts([
    ["Folders", listed(tops)],
    ["File types", listed(suffixes, "no suffix")],
    ["Languages", listed(languages)],
    ["Last changed", modified && [...new Set([modified.first, modified.last])].join(" to ")],
  ]))];
}

function listed(values, nameless = "") {
  const named = values.slice(0, SHOWN).map(({ value, documents }) => `${value || nameless} ${number(documents)}`);
  if (values.length > SHOWN) named.push(`${number(values.length - SHOWN)} more`);
  return named.join(", ");
}

function writing() {
  const example = (words, says) => [
    element("dt", {}, element("code", {}, words)), element("dd", { class: "muted" }, says)];
  return element("section", {},
    element("h3", {}, "How to ask"),
    element("p", {}, "In your own words: passages are found by meaning and by words. Compare shows what each side brings."),
    element("dl", {}, ...example('"exact phrase"', "these words, in this order"),
      ...example("+word", "only passages with it"), ...example('-"phrase"', "only passages without it")));
}

/** The names of the indexes of a service that has several, where none is named by the address. */
async function otherIndexes(signal) {
  try {
    return (await call("indexes", { signal })).indexes.map(({ name }) => name);
  } catch {
    return [];
  }
}

/** Each index has this page at an address of its own. */
function whichIndex(names) {
  const links = names.map((name) => element("li", {}, element("a", { href: `indexes/${encodeURIComponent(name)}/` }, name)));
  return element("div", { class: "note" }, element("p", {}, "Which index?"), element("ul", {}, ...links));
}
