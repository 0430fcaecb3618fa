// What answers a question: one column, or one for each side.

import { $, announce, button, capitalised, counted, element, number } from "./dom.js";
import { NO_FILTERS, FILTERS, asked, go } from "./address.js";
import { failure } from "./failure.js";
import { readWhere } from "./form.js";
import { both, list } from "./hit.js";
import { picked } from "./pickers.js";
import { Problem, call, inWords } from "./server.js";
import { fill, setBusy, showLegend } from "./stage.js";
import { welcome } from "./welcome.js";

const MODES = { hybrid: "both sides, fused", dense: "by meaning", lexical: "by words" };
const LENGTHS = { compare: 200, single: 360 }; // of excerpts, in code points
const SLOW = 4_000; // milliseconds until the page says that it waits

/** What is shown now: `key` is the question, `hits` what answers it; a newer question aborts an older one. */
const current = { key: null, hits: new Map(), abort: new AbortController(), done: Promise.resolve() };

/** The hit that is this passage, if there is one. */
export const hitOf = (id) => current.hits.get(id);

/** What is asked next is asked of the server, also if it is the same. */
export const forget = () => { current.key = null; };

export function search(state) {
  const key = JSON.stringify(["q", "view", "k", "rerank", "group", ...FILTERS].map((name) => state[name]));
  if (key !== current.key) {
    current.abort.abort();
    Object.assign(current, { key, hits: new Map(), abort: new AbortController() });
    current.done = state.q ? searchAll(state, current.abort.signal) : welcome(state, current.abort.signal, again);
  }
  return current.done;
}

/** Asks the server once more. What is being typed stays as it is. */
export function again() {
  forget();
  return search(asked());
}

async function searchAll(state, signal) {
  const modes = state.view === "compare" ? Object.keys(MODES) : [state.view];
  const slow = setTimeout(() => { $("slow").hidden = false; }, SLOW);
  setBusy(true);
  announce("Searching");
  try {
    const body = bodyOf(state);
    const answers = await Promise.all(modes.map((mode) =>
      call("search", { method: "POST", body: { ...body, mode }, signal }).catch((error) => error)));
    signal.throwIfAborted();
    if (answers.every((answer) => answer instanceof Error)) throw answers[0];
    fill(modes.map((mode, i) => column(mode, answers[i], { state, signal })), modes.map(capitalised));
    announce(modes.map((mode, i) => heading(mode, answers[i])).join("; "));
  } catch (error) {
    if (signal.aborted) return;
    fill([failure(inWords(error), again, signal)]);
    announce("");
  } finally {
    clearTimeout(slow);
    if (!signal.aborted) setBusy(false);
  }
}

/** Raises a Problem where the filter cannot be read. */
function bodyOf(state) {
  const where = readWhere(state.where);
  if (where === undefined) throw new Problem("Nothing was asked: the metadata filter cannot be read.", { status: 400 });
  const { conditions, within } = picked(state);
  return {
    query: state.q, top_k: Number(state.k), rerank: state.rerank !== "", group_by_document: state.group !== "",
    operators: state.operators ? true : null, where: both(where, ...conditions), within,
  };
}

function heading(mode, answer) {
  return `${capitalised(mode)}: ${answer instanceof Error ? "failed" : inShort(answer.results[0])}`;
}

function inShort({ hits, has_relevant: hasRelevant }) {
  return hits.length && !hasRelevant ? "nothing relevant" : counted(hits.length, "hit");
}

function column(mode, answer, { state, signal }) {
  const made = element("section", { class: "column", id: `side-${mode}`, "aria-label": capitalised(mode) });
  if (answer instanceof Error) {
    made.append(element("h2", {}, capitalised(mode)), failure(answer, again, signal));
    return made;
  }
  const { hits, has_relevant: hasRelevant } = answer.results[0];
  const counts = `${inShort(answer.results[0])} in ${number(answer.seconds * 1000)} ms`;
  made.append(element("h2", {}, capitalised(mode), element("span", {}, ` ${MODES[mode]} · ${counts}`)));
  made.append(...reading(answer.results[0], answer.warnings ?? []));
  const length = LENGTHS[state.view] ?? LENGTHS.single;
  made.append(!hits.length ? nothingFound(state)
    : hasRelevant ? list(hits, length) : nothingRelevant(mode, hits, length));
  for (const hit of hits) if (!current.hits.has(hit.id)) current.hits.set(hit.id, hit);
  return made;
}

/** How the question and its filters were read, where that is not as they are written. */
function reading({ corrections, required, excluded }, warnings) {
  const quoted = (words) => words.map((word) => `“${word}”`).join(", ");
  return [
    ...corrections.map(({ written, searched }) => `Searched for “${searched}”: no passage has “${written}”.`),
    required.length && `Only passages with ${quoted(required)}.`,
    excluded.length && `Only passages without ${quoted(excluded)}.`,
    ...warnings.map((warning) => (/[.?!]$/.test(warning) ? warning : `${warning}.`)),
  ].filter(Boolean).map((says) => element("p", { class: "reading" }, says));
}

function nothingFound(state) {
  const filtered = FILTERS.some((name) => state[name]);
  return element("div", { class: "note calm" },
    element("p", {}, filtered ? "Nothing found that passes the filters." : "Nothing found."),
    filtered && button("Search without filters", () => go(NO_FILTERS), { class: "link" }));
}

/** Hits that have nothing to do with what is asked are listed only once a reader wants to see them. */
function nothingRelevant(mode, hits, length) {
  const show = () => {
    const shown = list(hits, length);
    note.replaceWith(shown);
    showLegend();
    shown.querySelector(".open").focus();
    announce(`${capitalised(mode)}: the nearest ${counted(hits.length, "passage")}`);
  };
  const says = hits.length === 1 ? "Show the nearest passage" : `Show the nearest ${number(hits.length)} passages`;
  const note = element("div", { class: "note calm" },
    element("p", {}, "Nothing relevant found."), button(says, show, { class: "link" }));
  return note;
}
