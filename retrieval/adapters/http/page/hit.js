// One hit: where it stands, what it says, and its scores beside it.

import { button, element, number } from "./dom.js";
import { asked, go } from "./address.js";
import { excerpt } from "./excerpt.js";
import { readWhere } from "./form.js";
import { citation, copyButton, fileLink } from "./sources.js";

/** The metadata of files, which the pickers ask for. */
export const OF_FILES = new Set(["folder", "suffix", "modified", "language"]);
const PLACES = 3; // with the same text, that are named at first
const CHIPS = 6;

/** length: of an excerpt, in code points */
export function list(hits, length) {
  const best = {
    score: Math.max(...hits.map((hit) => hit.score)),
    lexical: Math.max(...hits.map((hit) => hit.lexical_score)),
  };
  return element("ol", { class: "hits" }, ...hits.map((hit) => card(hit, best, length)));
}

function card(hit, best, length) {
  const path = [...new Set([hit.title, ...hit.headings])].filter(Boolean).join(" › ");
  const made = element("li", { class: "hit", "data-id": hit.id },
    element("span", { class: "rank" }, String(hit.rank)),
    element("div", { class: "body" },
      element("h3", {}, button(citation(hit), null, { class: "link open" })),
      path && element("p", { class: "path" }, path),
      excerpt(hit, length),
      hit.duplicates.length && alsoIn(hit),
      chips(hit),
      element("p", { class: "actions" },
        copyButton(hit.citation), fileLink({ id: hit.document_id, source: hit.source, page: hit.page }))),
    scores(hit, best));
  made.addEventListener("click", (event) => openHit(event, hit));
  for (const type of ["mouseenter", "focusin"]) made.addEventListener(type, () => markSame(hit.id));
  for (const type of ["mouseleave", "focusout"]) made.addEventListener(type, () => markSame(null));
  return made;
}

/** The document's own metadata; each finds only such. */
function chips({ metadata }) {
  const fields = Object.entries(metadata).filter(([field]) => !OF_FILES.has(field)).sort().flatMap(([field, value]) =>
    Array.isArray(value) ? value.map((member) => [field, member, { $contains: member }]) : [[field, value, value]]);
  const made = fields.slice(0, CHIPS).map(([field, value, condition]) =>
    button(`${field}: ${value}`, () => narrow(field, condition), { class: "chip", title: "Find only such" }));
  return made.length && element("div", { class: "chips" }, ...made);
}

/** Adds a condition to the metadata filter; one that cannot be read is replaced. */
export function narrow(field, condition) {
  const where = both(readWhere(asked().where), { [field]: condition });
  return go({ where: JSON.stringify(where), document: "", chunk: "" });
}

/** All of the conditions at once; null for none. */
export function both(...conditions) {
  const all = conditions.filter((condition) => condition && Object.keys(condition).length)
    .flatMap((condition) => condition.$and ?? [condition]);
  return all.length > 1 ? { $and: all } : all[0] ?? null;
}

/** The same text elsewhere: each place opens its document. */
function alsoIn({ duplicates, duplicates_total: total }) {
  const link = (place) => [
    " ", button(place.citation, () => go({ document: place.document_id, chunk: place.id }), { class: "link" })];
  const made = element("p", { class: "also" }, "Also in", ...duplicates.slice(0, PLACES).flatMap(link));
  const unnamed = total - duplicates.length;
  const rest = duplicates.slice(PLACES);
  if (!rest.length) return made;
  const more = button(`${number(total - PLACES)} more`, () => {
    more.replaceWith(...rest.flatMap(link).slice(1), unnamed ? ` and ${number(unnamed)} more` : "");
    made.querySelectorAll("button")[PLACES].focus();
  }, { class: "link more" });
  made.append(" and ", more);
  return made;
}

function openHit(event, hit) {
  const control = event.target.closest("button, a");
  const opens = control ? control.matches(".open") : getSelection().isCollapsed;
  if (opens) go({ document: hit.document_id, chunk: hit.id });
}

/** The same passage in the other columns. */
function markSame(id) {
  for (const hit of document.querySelectorAll(".compare .hit")) hit.classList.toggle("same", hit.dataset.id === id);
}

function scores(hit, best) {
  const isOneSide = hit.score === hit.dense_score || hit.score === hit.lexical_score;
  return element("dl", { class: "scores" },
    !isOneSide && scored("score", { score: hit.score, share: hit.score / best.score }),
    scored("relevance", { score: hit.relevance, share: hit.relevance }),
    scored("dense", { score: hit.dense_score, share: hit.dense_score, rank: hit.dense_rank,
      missing: hit.pending ? "still to come" : "not asked" }),
    scored("lexical", { score: hit.lexical_score, share: hit.lexical_score / best.lexical, rank: hit.lexical_rank }));
}

/** share: of the bar, in [0, 1]; a rank of null is that of a passage which the side did not bring. */
function scored(name, { score, share, rank, missing = "not asked" }) {
  const filled = element("i");
  filled.style.width = `${100 * Math.min(1, Math.max(0, share || 0))}%`;
  const place = rank === undefined ? element("dd") : element("dd", {}, rank === null ? "–" : `#${rank}`);
  const says = score === null ? [element("dd", { class: "unasked" }, missing)]
    : [element("dd", {}, number(score, Math.abs(score) < 10 ? 3 : 2)), place];
  return element("div", { class: name },
    element("dt", {}, name), element("dd", { class: "bar", "aria-hidden": "true" }, filled), ...says);
}
