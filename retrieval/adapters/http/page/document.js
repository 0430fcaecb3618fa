// A document, with the hit in its place.

import { $, button, counted, element, facts, megabytes, range } from "./dom.js";
import { asked, go } from "./address.js";
import { rendered, within } from "./excerpt.js";
import { failure } from "./failure.js";
import { OF_FILES, narrow } from "./hit.js";
import { hitOf } from "./results.js";
import { call, inWords } from "./server.js";
import { copyButton, fileLink, hasFile } from "./sources.js";

const WHEN = { dateStyle: "medium", timeStyle: "short" };
const opened = { id: "", chunk: "", abort: new AbortController() };

export async function showDocument({ document: id, chunk }) {
  if (id === opened.id && chunk === opened.chunk) return;
  opened.abort.abort();
  Object.assign(opened, { id, chunk, abort: new AbortController() });
  if (!id) {
    $("document").close();
    return;
  }
  const { signal } = opened.abort;
  $("document-title").textContent = "Document";
  $("document-body").replaceChildren(element("p", { class: "inside muted" }, "Loading…"));
  if (!$("document").open) $("document").showModal();
  try {
    const found = await call(`documents/${encodeURIComponent(id)}`, { signal });
    signal.throwIfAborted();
    fillDocument(found, chunk);
  } catch (error) {
    if (signal.aborted) return;
    const retry = () => { opened.id = ""; showDocument(asked()); };
    $("document-body").replaceChildren(element("div", { class: "inside" }, failure(inWords(error), retry, signal)));
  }
}

function fillDocument(found, chunk) {
  $("document-title").textContent = found.title || found.source;
  const time = (value) => new Date(value).toLocaleString("en-GB", WHEN);
  const own = Object.entries(found.metadata).filter(([field]) => !(found.folder && OF_FILES.has(field))).sort();
  const about = facts([
    ["Source", found.title && found.source],
    ["Status", found.status === "ready" ? null : [found.status, found.reason].filter(Boolean).join(": ")],
    ["In part", found.status === "ready" ? found.reason || null : null],
    ["Language", found.language],
    ["Holds", [counted(found.chunks.length, "chunk"), found.size && megabytes(found.size)].filter(Boolean).join(", ")],
    ["Changed", found.folder && found.metadata.modified && time(found.metadata.modified * 1000)],
    ["Indexed", found.indexed && time(found.indexed)],
    ...own.map(([field, value]) => [field, [value].flat().join(", ")]),
  ]);
  const at = found.chunks.find(({ id }) => id === chunk);
  const actions = element("p", { class: "actions" },
    button("Search in this document only", () => narrow("source", found.source), { class: "link" }),
    copyButton(hitOf(chunk)?.citation ?? found.source),
    fileLink({ id: found.id, source: found.source, page: at?.page }));
  const passages = found.chunks.map((next, i) => passage(found, next, found.chunks[i - 1]));
  $("document-body").replaceChildren(element("div", { class: "inside" }, about, actions), ...passages);
  const hit = passages[found.chunks.indexOf(at)];
  if (!hit) return;
  hit.setAttribute("aria-current", "true");
  hit.focus({ preventScroll: true });
  hit.scrollIntoView({ block: hit.offsetHeight > $("document").clientHeight / 2 ? "start" : "center" });
}

/** A chunk as a part of its document: without what it shares with the one before, its text or its headings. */
function passage(found, chunk, before) {
  const hit = hitOf(chunk.id);
  const [path, pathBefore] = [chunk, before].map((one) => one?.headings.join(" › "));
  const overlap = Math.max(0, (before?.char_end ?? 0) - chunk.char_start);
  const rest = Array.from(chunk.text).slice(overlap);
  const text = rendered(found.source, rest.join(""), within(hit?.highlights ?? [], overlap, Infinity));
  const attributes = { class: hit ? "chunk found" : "chunk", "aria-label": hit && `Hit ${hit.rank}`, tabindex: "-1" };
  return element("section", attributes,
    path !== pathBefore && path && element("p", { class: "path" }, path),
    element("p", { class: "place" }, placeOf(found, chunk)),
    element("div", { class: "text" }, ...text));
}

/** Its lines, or its pages, which open there. */
function placeOf({ id, source }, chunk) {
  if (!chunk.page) return range(chunk.line_start, chunk.line_end);
  const pages = `${chunk.page === chunk.page_end ? "page" : "pages"} ${range(chunk.page, chunk.page_end)}`;
  return hasFile(source) ? fileLink({ id, source, page: chunk.page }, pages) : pages;
}

/** Back to the hits: by way of the history where the document was opened from them. */
export function leaveDocument() {
  if (!asked().document) return;
  if (history.state?.inside) history.back();
  else go({ document: "", chunk: "" }, { replace: true });
}
