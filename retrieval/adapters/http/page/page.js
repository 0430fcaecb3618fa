"use strict";

// ---- Words and elements. Text from documents only ever goes in as text nodes. ----

const $ = (id) => document.getElementById(id);
const MODES = { hybrid: "both sides, fused", dense: "by meaning", lexical: "by words" };
const KEY = "api-key";
const PATIENCE = 45_000; // milliseconds until an answer is given up
const SLOW = 4_000; // and until the page says that it waits
const SHORT_LINE = 60; // code points: longer ones are lines of prose, whose line breaks may move

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value != null) made.setAttribute(name, value);
  made.append(...children.filter((child) => child)); // what is empty is left out
  return made;
}

function button(label, onclick, attributes = {}) {
  const made = element("button", { type: "button", ...attributes }, label);
  if (onclick) made.addEventListener("click", onclick);
  return made;
}

const number = (value, digits = 0) =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const counted = (count, noun) => `${number(count)} ${noun}${count === 1 ? "" : "s"}`;
const megabytes = (bytes) => (bytes < 1e5 ? `${number(bytes / 1e3, 1)} kB` : `${number(bytes / 1e6, 1)} MB`);

/** A list of [name, value]; those without a value are left out. */
function facts(pairs) {
  const known = pairs.filter(([, value]) => value != null && value !== "");
  return element("dl", { class: "facts" }, ...known.flatMap(([name, value]) =>
    [element("dt", {}, name), element("dd", {}, String(value))]));
}

// ---- The server ----

class Problem extends Error {
  constructor(message, { status = 0, retryAfter = null } = {}) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
    this.mayPass = status === 0 || status === 429 || status >= 500;
  }
}

/** The answer, or a Problem in words; an AbortError where `signal` says that nobody waits for it any more. */
async function call(path, { method = "GET", body, accept = "application/json", signal, patience = PATIENCE } = {}) {
  const headers = { Accept: accept };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const key = sessionStorage.getItem(KEY);
  if (key) headers.Authorization = `Bearer ${key}`;
  const ends = AbortSignal.any([signal, patience && AbortSignal.timeout(patience)].filter(Boolean));
  try {
    const response = await fetch(path, { method, headers, body: JSON.stringify(body), cache: "no-store", signal: ends });
    if (!response.ok) throw await problemOf(response, key);
    return accept === "application/json" ? await response.json() : response;
  } catch (error) {
    throw signal?.aborted ? signal.reason : inWords(error);
  }
}

async function problemOf(response, key) {
  const told = await response.json().catch(() => ({}));
  const reason = response.status === 401 ? keyWanted(key) : told.detail || told.title || response.statusText;
  const seconds = Number(response.headers.get("Retry-After"));
  const retryAfter = seconds > 0 ? Math.min(seconds, 60) : null;
  const beginning = response.status >= 500 && response.status !== 503 ? `The server failed (${response.status}): ` : "";
  return new Problem(`${beginning}${reason}`, { status: response.status, retryAfter });
}

/** For a person: what the server says of keys is for programs. */
const keyWanted = (key) => (key
  ? "This key was not accepted. Enter it once more, or ask for a new one where you got it."
  : "This server answers only those who have a key.");

function inWords(error) {
  if (error instanceof Problem) return error;
  if (error.name === "TimeoutError") return new Problem(`The server has not answered in ${PATIENCE / 1000} seconds.`);
  if (error instanceof SyntaxError) return new Problem("The answer is not JSON; something else answers at this address.");
  return new Problem("The server cannot be reached. Is it running?");
}

/** Server-sent events of a response, as they come. */
async function* eventsOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split(/\r?\n\r?\n/);
    rest = blocks.pop();
    for (const block of blocks) {
      const field = (name) => block.split(/\r?\n/).filter((line) => line.startsWith(`${name}:`))
        .map((line) => line.slice(name.length + 1).trim()).join("\n");
      if (field("data")) yield { event: field("event"), data: JSON.parse(field("data")) };
    }
  }
}

/** A failure in words, with a way to try again. Where a signal is given, the page does so itself when the server says. */
function failure(problem, retry, signal = null) {
  if (problem.status === 401) askForKey(problem.message, retry);
  const says = element("p", {}, problem.message);
  const box = element("div", { class: "note failure", role: "alert" }, says);
  if (problem.status === 401 || problem.status === 403) {
    box.append(button("Enter an API key", () => askForKey(problem.message, retry)));
  } else if (problem.mayPass) {
    box.append(button("Try again", retry));
  }
  if (problem.retryAfter && signal) {
    says.append(` Trying again in ${counted(problem.retryAfter, "second")}.`);
    const timer = setTimeout(retry, problem.retryAfter * 1000);
    signal.addEventListener("abort", () => clearTimeout(timer));
  }
  return box;
}

// ---- The address holds the question, so that it can be shared and gone back to ----

const NOTHING_ASKED = {
  q: "", view: "hybrid", k: "10", rerank: "", prefix: "", where: "", operators: "", document: "", chunk: "",
};
const SWITCHES = ["rerank", "operators"]; // "yes" where they are on
const FIELDS = { q: "query", k: "top-k", prefix: "prefix", where: "where" }; // where each is written in the form

function asked() {
  const state = { ...NOTHING_ASKED, ...Object.fromEntries(new URLSearchParams(location.search)) };
  for (const [name, choices] of [["view", document.getElementsByName("view")], ["k", $("top-k").options]]) {
    if (![...choices].some((choice) => choice.value === state[name])) state[name] = NOTHING_ASKED[name];
  }
  return state;
}

function addressOf(state) {
  const names = Object.keys(NOTHING_ASKED).filter((name) => state[name] !== NOTHING_ASKED[name]);
  return `${location.pathname}${names.length ? "?" : ""}${new URLSearchParams(names.map((name) => [name, state[name]]))}`;
}

function go(changes, { replace = false } = {}) {
  const address = addressOf({ ...asked(), ...changes });
  if (replace || address === location.pathname + location.search) history.replaceState(history.state, "", address);
  else history.pushState({ inside: true }, "", address);
  return show();
}

async function show() {
  const state = asked();
  history.replaceState(history.state, "", addressOf(state)); // it says what is shown, whatever it said
  fillForm(state);
  if (!state.document) showDocument(state);
  await search(state); // a document shows the marks of its hits
  await showDocument(asked());
}

function fillForm(state) {
  for (const [name, id] of Object.entries(FIELDS)) $(id).value = state[name];
  for (const name of SWITCHES) $(name).checked = state[name] !== "";
  for (const radio of document.getElementsByName("view")) radio.checked = radio.value === state.view;
  const filters = [state.where, state.prefix, state.operators].filter(Boolean).length;
  $("filters-button").textContent = filters ? `Filters (${filters})` : "Filters";
  if (filters) openFilters(true);
  document.title = state.q ? `${state.q} – hybrid-retrieval` : "hybrid-retrieval";
}

function ask() {
  current.key = null; // the same question is asked of the server again
  const written = Object.fromEntries(Object.entries(FIELDS).map(([name, id]) => [name, $(id).value.trim()]));
  const view = document.querySelector("[name=view]:checked").value;
  const switched = Object.fromEntries(SWITCHES.map((name) => [name, $(name).checked ? "yes" : ""]));
  return go({ ...written, ...switched, view, document: "", chunk: "" });
}

/** Enter in a field goes on to the hits, unless something else is done while they come. */
async function submit(event) {
  event.preventDefault();
  const field = document.activeElement;
  const answered = ask();
  const written = field.value;
  await answered;
  const isWaiting = document.activeElement === field && field.value === written;
  if (isWaiting && field.matches("input") && $("columns").getAttribute("aria-busy") === "false") moveAmongHits(1);
}

// ---- Filters ----

function openFilters(open) {
  $("filters").hidden = !open;
  $("filters-button").setAttribute("aria-expanded", open);
}

/** The `where` of the form, or null; undefined where it cannot be read, and then the page says so below the field. */
function readWhere(text) {
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

const both = (...conditions) => {
  const all = conditions.filter((condition) => condition && Object.keys(condition).length)
    .flatMap((condition) => condition.$and ?? [condition]);
  return all.length > 1 ? { $and: all } : all[0] ?? null;
};

/** Chroma has no filter for beginnings: the sources that begin so are looked up, and named. */
async function sourcesBelow(prefix, signal) {
  const { total, documents } = await call(`documents?limit=1000&prefix=${encodeURIComponent(prefix)}`, { signal });
  if (total > documents.length) {
    const most = `at most ${number(documents.length)} may`;
    throw new Problem(`${counted(total, "source")} begin with “${prefix}”; ${most}, so name more of it.`, { status: 400 });
  }
  if (!total) throw new Problem(`No source begins with “${prefix}”.`, { status: 400 });
  return { source: { $in: documents.map((record) => record.source) } };
}

function narrow(field, condition) {
  const where = both(current.where, { [field]: condition });
  go({ where: JSON.stringify(where), document: "", chunk: "" });
}

// ---- Searching ----

/** What is shown now: `key` is the question, `hits` what answers it; a newer question aborts an older one. */
const current = { key: null, where: null, hits: new Map(), abort: new AbortController(), done: Promise.resolve() };

function search(state) {
  const key = JSON.stringify([state.q, state.view, state.k, state.rerank, state.where, state.prefix, state.operators]);
  if (key !== current.key) {
    current.abort.abort();
    Object.assign(current, { key, where: null, hits: new Map(), abort: new AbortController() });
    current.done = (state.q ? searchAll : welcome)(state, current.abort.signal);
  }
  return current.done;
}

async function searchAll(state, signal) {
  const modes = state.view === "compare" ? Object.keys(MODES) : [state.view];
  const slow = setTimeout(() => { $("slow").hidden = false; }, SLOW);
  setBusy(true);
  announce("Searching");
  try {
    current.where = readWhere(state.where);
    if (current.where === undefined) {
      throw new Problem("Nothing was asked: the metadata filter cannot be read.", { status: 400 });
    }
    const where = both(current.where, state.prefix && (await sourcesBelow(state.prefix, signal)));
    const operators = state.operators ? true : null;
    const body = { query: state.q, top_k: Number(state.k), rerank: state.rerank !== "", operators, where };
    const answers = await Promise.all(modes.map((mode) =>
      call("search", { method: "POST", body: { ...body, mode }, signal }).catch((error) => error)));
    signal.throwIfAborted();
    if (answers.every((answer) => answer instanceof Error)) throw answers[0];
    fill(...modes.map((mode, i) => column(mode, answers[i], { state, signal })));
    const warnings = new Set(answers.flatMap((answer) => answer.warnings ?? []));
    $("where-complaint").textContent = [...warnings].map((warning) => `${warning}.`).join(" ");
    announce(modes.map((mode, i) => heading(mode, answers[i])).join("; "));
  } catch (error) {
    if (signal.aborted) return;
    fill(failure(inWords(error), again, signal));
    announce("");
  } finally {
    clearTimeout(slow);
    if (!signal.aborted) setBusy(false);
  }
}

function fill(...columns) {
  $("columns").replaceChildren(...columns);
  showLegend();
  $("columns").classList.toggle("compare", columns.length > 1);
}

function showLegend() {
  $("legend").hidden = !$("columns").querySelector(".hit");
}

/** What there is to search, and how, before anything was asked. */
async function welcome(state, signal) {
  const isFilterRead = readWhere(state.where) !== undefined;
  const example = (words, says) => [
    element("dt", {}, element("code", {}, words)), element("dd", { class: "muted" }, says)];
  const made = element("div", { class: "welcome" },
    element("h2", {}, "What do you want to know?"),
    element("p", {}, "Passages are found by meaning and by words. Compare shows what each side brings."),
    element("dl", {}, ...example('"exact phrase"', "these words, in this order"),
      ...example("+word", "only passages with it"), ...example('-"phrase"', "only passages without it")));
  setBusy(false);
  announce("");
  $(isFilterRead ? "query" : "where").focus();
  fill(made);
  try {
    const { documents } = await loadStats(signal);
    if (!documents) made.append(element("p", { class: "note" }, "The index is empty. Sync a folder: see Index, above."));
  } catch (error) {
    if (signal.aborted) return;
    const indexes = error.status === 404 ? await otherIndexes(signal) : [];
    made.append(...(indexes.length ? [whichIndex(indexes)] : [failure(inWords(error), again, signal)]));
  }
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

/** Asks the server once more. What is being typed stays as it is. */
function again() {
  current.key = null;
  return search(asked());
}

function setBusy(busy) {
  $("busy").hidden = !busy;
  $("columns").setAttribute("aria-busy", busy);
  $("slow").hidden = true;
}

const announce = (text) => { $("status").textContent = text; };
const title = (mode) => mode[0].toUpperCase() + mode.slice(1);

function heading(mode, answer) {
  return `${title(mode)}: ${answer instanceof Error ? "failed" : inShort(answer.results[0])}`;
}

function inShort({ hits, has_relevant: hasRelevant }) {
  return hits.length && !hasRelevant ? "nothing relevant" : counted(hits.length, "hit");
}

function column(mode, answer, { state, signal }) {
  const made = element("section", { class: "column", "aria-label": title(mode) });
  if (answer instanceof Error) {
    made.append(element("h2", {}, title(mode)), failure(answer, again, signal));
    return made;
  }
  const { hits, has_relevant: hasRelevant } = answer.results[0];
  const counts = `${inShort(answer.results[0])} in ${number(answer.seconds * 1000)} ms`;
  made.append(element("h2", {}, title(mode), element("span", {}, ` ${MODES[mode]} · ${counts}`)));
  made.append(...reading(answer.results[0]));
  const length = state.view === "compare" ? 200 : 320;
  made.append(!hits.length ? nothingFound(state)
    : hasRelevant ? list(hits, length) : nothingRelevant(mode, hits, length));
  for (const hit of hits) if (!current.hits.has(hit.id)) current.hits.set(hit.id, hit);
  return made;
}

/** How the question was read, where that is not as it is written. */
function reading({ corrections, required, excluded }) {
  const quoted = (words) => words.map((word) => `“${word}”`).join(", ");
  return [
    ...corrections.map(({ written, searched }) => `Searched for “${searched}”: no passage has “${written}”.`),
    required.length && `Only passages with ${quoted(required)}.`,
    excluded.length && `Only passages without ${quoted(excluded)}.`,
  ].filter(Boolean).map((says) => element("p", { class: "reading" }, says));
}

function nothingFound(state) {
  const filtered = state.where || state.prefix || state.operators;
  return element("div", { class: "note" },
    element("p", {}, filtered ? "Nothing found that passes the filters." : "Nothing found."),
    filtered && button("Search without filters", () => go({ where: "", prefix: "", operators: "" })));
}

/** Hits that have nothing to do with what is asked are listed only once a reader wants to see them. */
function nothingRelevant(mode, hits, length) {
  const show = () => {
    const shown = list(hits, length);
    note.replaceWith(shown);
    showLegend();
    shown.querySelector(".open").focus();
    announce(`${title(mode)}: the nearest ${counted(hits.length, "passage")}`);
  };
  const note = element("div", { class: "note" }, element("p", {}, "Nothing relevant found."),
    button(hits.length === 1 ? "Show the nearest passage" : `Show the nearest ${number(hits.length)} passages`, show));
  return note;
}

/** length: of an excerpt, in code points */
function list(hits, length) {
  const best = {
    score: Math.max(...hits.map((hit) => hit.score)),
    lexical: Math.max(...hits.map((hit) => hit.lexical_score)),
  };
  return element("ol", { class: "hits" }, ...hits.map((hit) => card(hit, best, length)));
}

function card(hit, best, length) {
  const path = [...new Set([hit.title, ...hit.headings])].filter(Boolean).join(" › ");
  const fields = Object.entries(hit.metadata).sort().flatMap(([field, value]) =>
    Array.isArray(value) ? value.map((member) => [field, member, { $contains: member }]) : [[field, value, value]]);
  const chips = fields.slice(0, 6).map(([field, value, condition]) =>
    button(`${field}: ${value}`, () => narrow(field, condition), { class: "chip", title: "Find only such" }));
  const made = element("li", { class: "hit", "data-id": hit.id },
    element("span", { class: "rank" }, String(hit.rank)),
    element("div", {},
      element("h3", {}, button(citation(hit), null, { class: "link open" })),
      path && element("p", { class: "path" }, path),
      hit.duplicates.length && alsoIn(hit),
      excerpt(hit, length),
      chips.length && element("div", { class: "chips" }, ...chips)),
    scores(hit, best));
  made.addEventListener("click", (event) => openHit(event, hit));
  for (const type of ["mouseenter", "focusin"]) made.addEventListener(type, () => markSame(hit.id));
  for (const type of ["mouseleave", "focusout"]) made.addEventListener(type, () => markSame(null));
  return made;
}

/** The same text elsewhere: each place opens its document. */
function alsoIn({ duplicates, duplicates_total: total }) {
  const shown = duplicates.slice(0, 3).flatMap((place) => [
    " ", button(place.citation, () => go({ document: place.document_id, chunk: place.id }), { class: "link" })]);
  const more = total > 3 && ` and ${number(total - 3)} more`;
  return element("p", { class: "also" }, "Also in", ...shown, more);
}

/** May break after each folder, and says loudest what the file is called. */
function citation(hit) {
  const [, source, lines = ""] = hit.citation.match(/^(.*?)(:\d+(?:-\d+)?)?$/s);
  const parts = source.split(/(?<=\/)/);
  const folders = parts.slice(0, -1).flatMap((part) => [part, element("wbr")]);
  return element("span", {}, element("span", { class: "folder" }, ...folders),
    element("b", {}, element("bdi", {}, parts.at(-1)), element("span", { class: "lines" }, lines)));
}

function openHit(event, hit) {
  const control = event.target.closest("button");
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
    !isOneSide && scored("score", "What the hits are ranked by", { score: hit.score, share: hit.score / best.score }),
    scored("relevance", "How likely it has to do with the question, from 0 to 1",
      { score: hit.relevance, share: hit.relevance }),
    scored("dense", "Cosine, and the rank on the dense side",
      { score: hit.dense_score, share: hit.dense_score, rank: hit.dense_rank }),
    scored("lexical", "BM25, and the rank on the lexical side",
      { score: hit.lexical_score, share: hit.lexical_score / best.lexical, rank: hit.lexical_rank }));
}

/** share: of the bar, in [0, 1]; a rank of null is that of a passage which the side did not bring. */
function scored(name, hint, { score, share, rank }) {
  const filled = element("i");
  filled.style.width = `${100 * Math.min(1, Math.max(0, share || 0))}%`;
  const place = rank === undefined ? element("dd")
    : rank === null ? element("dd", { title: "Not among this side's candidates" }, "–") : element("dd", {}, `#${rank}`);
  const says = score === null ? [element("dd", { class: "unasked" }, "not asked")]
    : [element("dd", {}, number(score, Math.abs(score) < 10 ? 3 : 2)), place];
  return element("div", { class: name },
    element("dt", { title: hint }, name), element("dd", { class: "bar", "aria-hidden": "true" }, filled), ...says);
}

// ---- Text with marks. Spans count code points, strings UTF-16 units: an emoji is one and two. ----

function marked(points, spans) {
  const pieces = [];
  let end = 0;
  for (const [from, to] of spans) {
    pieces.push(points.slice(end, from).join(""), element("mark", {}, points.slice(from, to).join("")));
    end = to;
  }
  return [...pieces, points.slice(end).join("")];
}

const shifted = (spans, by) => spans.filter(([start]) => start >= by).map(([start, end]) => [start - by, end - by]);

/** The part of a passage in which most marked words stand, beginning at a word. Short lines, as of code, stay lines. */
function excerpt({ text, highlights: spans }, length) {
  const points = Array.from(text);
  const within = (from) => spans.filter(([start, end]) => start >= from && end <= from + length);
  let from = 0;
  for (const [start] of points.length > length ? spans : []) {
    const begin = Math.max(0, start - 40);
    if (within(begin).length > within(from).length) from = begin;
  }
  for (let back = 0; back < 20 && from > 0 && points[from - 1].trim(); back++) from--;
  const shown = points.slice(from, from + length);
  const lines = shown.join("").split(/\n\s*/);
  const pieces = marked(shown, shifted(within(from), from))
    .map((piece) => (typeof piece === "string" ? piece.replace(/\n\s*\n/g, "\n") : piece)); // without empty lines
  return element("p", { class: shown.length / lines.length < SHORT_LINE ? "excerpt lines" : "excerpt" },
    from && "…", ...pieces, from + length < points.length && "…");
}

// ---- A document, with the hit in its place ----

const WHEN = { dateStyle: "medium", timeStyle: "short" };
const opened = { id: "", chunk: "", abort: new AbortController() };

async function showDocument({ document: id, chunk }) {
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
  const about = facts([
    ["Source", found.title && found.source],
    ["Status", found.status === "ready" ? null : [found.status, found.reason].filter(Boolean).join(": ")],
    ["In part", found.status === "ready" ? found.reason || null : null],
    ["Language", found.language],
    ["Holds", [counted(found.chunks.length, "chunk"), found.size && megabytes(found.size)].filter(Boolean).join(", ")],
    ["Indexed", found.indexed && new Date(found.indexed).toLocaleString("en-GB", WHEN)],
    ...Object.entries(found.metadata).sort().map(([field, value]) => [field, [value].flat().join(", ")]),
  ]);
  const only = button("Search in this document only", () => narrow("source", found.source));
  const passages = found.chunks.map((next, i) => passage(next, found.chunks[i - 1]));
  $("document-body").replaceChildren(element("div", { class: "inside" }, about, element("div", {}, only)), ...passages);
  const hit = passages[found.chunks.findIndex(({ id }) => id === chunk)];
  if (!hit) return;
  hit.setAttribute("aria-current", "true");
  hit.focus({ preventScroll: true });
  hit.scrollIntoView({ block: hit.offsetHeight > $("document").clientHeight / 2 ? "start" : "center" });
}

/** A chunk as a part of its document: without what it shares with the one before, its text or its headings. */
function passage(chunk, before) {
  const hit = current.hits.get(chunk.id);
  const [path, pathBefore] = [chunk, before].map((one) => one?.headings.join(" › "));
  const pages = chunk.page && `${chunk.page === chunk.page_end ? "page" : "pages"} ${range(chunk.page, chunk.page_end)}`;
  const overlap = Math.max(0, (before?.char_end ?? 0) - chunk.char_start);
  const text = marked(Array.from(chunk.text).slice(overlap), shifted(hit?.highlights ?? [], overlap));
  const attributes = { class: hit ? "chunk found" : "chunk", "aria-label": hit && `Hit ${hit.rank}`, tabindex: "-1" };
  return element("section", attributes,
    path !== pathBefore && path && element("p", { class: "path" }, path),
    element("p", { class: "place" }, pages || range(chunk.line_start, chunk.line_end)),
    element("div", { class: "text" }, ...text));
}

/** From one number to another, which may be the same. */
function range(first, last) {
  return first === last ? `${first}` : `${first}–${last}`;
}

/** Back to the hits: by way of the history where the document was opened from them. */
function leaveDocument() {
  if (!asked().document) return;
  if (history.state?.inside) history.back();
  else go({ document: "", chunk: "" }, { replace: true });
}

// ---- The index, and bringing it up to date ----

async function loadStats(signal) {
  const stats = await call("stats", { signal });
  $("index-button").textContent = `Index: ${counted(stats.documents, "document")}`;
  $("rerank-choice").hidden = !stats.reranker;
  return stats;
}

function openIndex() {
  $("index").showModal();
  if (!$("index-body").childElementCount) $("index-body").append(element("p", { class: "muted" }, "Loading…"));
  fillIndex();
}

/** None for a key with a filter, which may not see what is about all documents. */
async function jobsThatMayBeSeen() {
  try {
    return await call("jobs");
  } catch (error) {
    if (error.status === 403) return { jobs: [] };
    throw error;
  }
}

async function fillIndex() {
  try {
    const [stats, failed, { jobs }] = await Promise.all([
      loadStats(), call("documents?status=failed&limit=20"), jobsThatMayBeSeen()]);
    $("index-body").replaceChildren(indexFacts(stats), ...failedDocuments(failed));
    $("folder").replaceChildren(...stats.folders.map(({ name }) => element("option", {}, name)));
    $("sync-form").hidden = !stats.folders.length;
    const running = jobs.find((job) => job.status === "running" || job.status === "queued");
    if (running) await follow(running.id);
  } catch (error) {
    $("index-body").replaceChildren(failure(inWords(error), fillIndex));
  }
}

function indexFacts(stats) {
  const languages = Object.entries(stats.languages).map(([name, count]) => `${name} ${number(count)}`).join(", ");
  return facts([
    ["Documents", number(stats.documents)],
    ["Recorded failures", stats.recorded_failures ? number(stats.recorded_failures) : null],
    ["Chunks", number(stats.chunks)],
    ["Tokens", number(stats.tokens)],
    ["Languages", languages],
    ["Model", stats.model],
    ["Vectors", stats.dimension && `${stats.dimension} dimensions, of ${stats.limit_is_estimated ? "about " : ""}${stats.max_seq_length} tokens at most`],
    ["Prefixes", `“${stats.query_prefix}” and “${stats.passage_prefix}”`],
    ["BM25", `${stats.bm25_variant}, k1 ${stats.bm25_k1}, b ${stats.bm25_b}`],
    ["Reranker", stats.reranker],
    ["Folders", stats.folders.map(({ name, synced }) => (synced ? name : `${name} (not yet synced)`)).join(", ")],
  ]);
}

function failedDocuments({ total, documents }) {
  if (!total) return [];
  return named(`${counted(total, "document")} could not be indexed`, documents, total);
}

/** The first of so many files, each with the reason why it is named. */
function named(heading, files, total = files.length) {
  const first = files.slice(0, 20);
  const more = total > first.length && element("p", { class: "muted" }, `And ${number(total - first.length)} more.`);
  return [element("h3", {}, heading), facts(first.map(({ source, reason }) => [source, reason])), more].filter(Boolean);
}

const ENDS = ["done", "interrupted"]; // those that come with a report

/** Whether one is followed, and whether the key was refused one. */
const syncs = { followed: false, refused: false };

function showWhetherSyncsCanStart() {
  $("sync-button").disabled = syncs.followed || syncs.refused;
}

async function sync(event) {
  event.preventDefault();
  try {
    const job = await call("sync", { method: "POST", body: { folder: $("folder").value } });
    await follow(job.id);
  } catch (error) {
    syncs.refused = error.status === 403 && sessionStorage.getItem(KEY) !== null;
    const problem = syncs.refused ? new Problem("This key may search but not sync.", { status: 403 }) : error;
    syncFailed(problem, () => $("sync-form").requestSubmit());
  }
}

/** Shows a sync as it goes on; one at a time. */
async function follow(id) {
  if (syncs.followed) return;
  const bar = element("progress");
  const says = element("p", { class: "muted" }, "Waiting for its turn…");
  $("sync-state").replaceChildren(bar, says);
  syncs.followed = true;
  showWhetherSyncsCanStart();
  try {
    const stream = await call(`jobs/${encodeURIComponent(id)}`, { accept: "text/event-stream", patience: null });
    let last = null;
    for await (const { event, data } of eventsOf(stream)) {
      last = event;
      if (event === "progress") showProgress(data, bar, says);
      else if (ENDS.includes(event)) await syncEnded(data);
      else if (event === "failed") throw new Problem(data.detail || data.title, { status: data.status });
    }
    if (!ENDS.includes(last)) throw new Problem("The server went silent; the sync may still be going on.");
  } catch (error) {
    syncFailed(error, () => follow(id));
  } finally {
    syncs.followed = false;
    showWhetherSyncsCanStart();
  }
}

function showProgress(done, bar, says) {
  if (done.total_bytes) Object.assign(bar, { max: done.total_bytes, value: done.bytes });
  says.textContent = `${number(done.documents)} of ${counted(done.total_documents, "document")}, ` +
    `${megabytes(done.bytes)} of ${megabytes(done.total_bytes)}, ${counted(done.chunks, "chunk")}`;
}

async function syncEnded(report) {
  const counts = ["added", "updated", "deleted", "unchanged"].map((name) => `${number(report[name])} ${name}`);
  const ended = report.interrupted ? "Interrupted (sync again to go on) after" : "Done in";
  const lists = { failed: report.failed, skipped: report.skipped, "in part": report.notices ?? [] };
  const left = Object.entries(lists).filter(([, files]) => files.length);
  counts.push(...left.map(([name, files]) => `${number(files.length)} ${name}`));
  $("sync-state").replaceChildren(
    element("p", {}, `${ended} ${number(report.seconds, 1)} s: ${counts.join(", ")}.`),
    ...left.flatMap(([name, files]) => named(title(name), files)));
  again();
  await fillIndex();
}

function syncFailed(error, retry) {
  showWhetherSyncsCanStart();
  $("sync-state").replaceChildren(failure(inWords(error), retry));
}

// ---- The key ----

function askForKey(reason, retry) {
  $("key-reason").textContent = reason;
  $("key-button").hidden = false;
  $("key-form").onsubmit = (event) => {
    event.preventDefault();
    if ($("key-input").value) sessionStorage.setItem(KEY, $("key-input").value);
    else sessionStorage.removeItem(KEY);
    $("key-input").value = "";
    $("key").close();
    syncs.refused = false;
    showWhetherSyncsCanStart();
    loadStats().catch(() => {}); // what is retried says what is wrong
    retry();
  };
  if (!$("key").open) $("key").showModal();
  $("key-input").focus();
}

// ---- Keys and clicks ----

function moveAmongHits(step) {
  const column = document.activeElement.closest(".column") ?? $("columns");
  const hits = [...column.querySelectorAll(".open, .note button")]; // a note's button stands where hits would
  const at = hits.indexOf(document.activeElement);
  const next = at < 0 ? (step > 0 ? 0 : -1) : at + step;
  if (next < 0) $("query").focus();
  else hits[Math.min(next, hits.length - 1)]?.focus();
}

/** Out of a field, which keeps what is written in it. */
function leaveField() {
  document.activeElement.blur();
  moveAmongHits(1);
}

function moveToColumn(step) {
  const columns = [...document.querySelectorAll(".column")];
  const here = document.activeElement.closest(".column");
  if (!here) return;
  const place = [...here.querySelectorAll(".open")].indexOf(document.activeElement);
  const hits = columns[columns.indexOf(here) + step]?.querySelectorAll(".open") ?? [];
  hits[Math.min(place, hits.length - 1)]?.focus();
}

function onKey(event) {
  const isOurs = !event.ctrlKey && !event.metaKey && !event.altKey && !event.isComposing;
  if (!isOurs || document.querySelector("dialog[open]")) return;
  const choosing = event.target.matches("[type=radio]") && event.key.startsWith("Arrow");
  const typing = event.target.matches("input:not([type=radio], [type=checkbox])");
  const moves = typing ? { Escape: leaveField, ArrowDown: () => moveAmongHits(1) } : {
    "/": () => { $("query").focus(); $("query").select(); },
    j: () => moveAmongHits(1), ArrowDown: () => moveAmongHits(1),
    k: () => moveAmongHits(-1), ArrowUp: () => moveAmongHits(-1),
    ArrowLeft: () => moveToColumn(-1), ArrowRight: () => moveToColumn(1),
  };
  if (!Object.hasOwn(moves, event.key) || choosing || event.target.matches("select")) return;
  event.preventDefault();
  moves[event.key]();
}

function listen() {
  document.addEventListener("keydown", onKey);
  addEventListener("popstate", show);
  $("form").addEventListener("submit", submit);
  for (const chosen of [...document.getElementsByName("view"), $("top-k"), ...SWITCHES.map($)]) chosen.addEventListener("change", ask);
  $("filters-button").addEventListener("click", () => openFilters($("filters").hidden));
  $("where").addEventListener("change", () => readWhere($("where").value.trim()));
  $("index-button").addEventListener("click", openIndex);
  $("key-button").addEventListener("click", () => askForKey("", again));
  $("slow-retry").addEventListener("click", again);
  $("sync-form").addEventListener("submit", sync);
  $("document").addEventListener("close", leaveDocument);
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
    });
  }
}

listen();
$("key-button").hidden = !sessionStorage.getItem(KEY);
if (/\/indexes\/[^/]+\/$/.test(location.pathname)) $("docs").href = "../../docs";
if (asked().q) loadStats().catch(() => {}); // what is shown says what is wrong
show();
