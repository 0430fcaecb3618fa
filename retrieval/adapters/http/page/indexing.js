// The index, and bringing it up to date.

import { $, element, facts, number, counted, megabytes } from "./dom.js";
import { failure } from "./failure.js";
import { showFailures } from "./failures.js";
import { keptKey } from "./key.js";
import { Problem, call, eventsOf, inWords } from "./server.js";

const ENDS = ["done", "interrupted"]; // those that come with a report

export async function loadStats(signal) {
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

/** report: of the sync that has just ended. */
async function fillIndex(report = null) {
  try {
    const [stats, failed, { jobs }] = await Promise.all([
      loadStats(), call("documents?status=failed&limit=1000"), jobsThatMayBeSeen()]);
    $("index-body").replaceChildren(indexFacts(stats));
    showFailures(failed, report);
    $("folder").replaceChildren(...stats.folders.map(({ name }) => element("option", {}, name)));
    $("sync-form").hidden = !stats.folders.length;
    const running = jobs.find((job) => job.status === "running" || job.status === "queued");
    if (running) await follow(running.id);
  } catch (error) {
    $("index-body").replaceChildren(failure(inWords(error), () => fillIndex(report)));
  }
}

function indexFacts(stats) {
  const languages = Object.entries(stats.languages).map(([name, count]) => `${name} ${number(count)}`).join(", ");
  return facts([
    ["Documents", number(stats.documents)],
    ["Chunks", number(stats.chunks)],
    ["Vectors to come", stats.pending_chunks && counted(stats.pending_chunks, "chunk")],
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
    syncs.refused = error.status === 403 && keptKey() !== null;
    const problem = syncs.refused ? new Problem("This key may search but not sync.", { status: 403 }) : error;
    syncFailed(problem, () => $("sync-form").requestSubmit());
  }
}

/** Shows a sync as it goes on; one at a time. */
async function follow(id) {
  if (syncs.followed) return;
  const bar = element("progress", { "aria-label": "Sync" });
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
    `${megabytes(done.bytes)} of ${megabytes(done.total_bytes)}, ${counted(done.chunks, "chunk")}` +
    (done.held ? ` (${number(done.held)} found by words)` : "");
}

async function syncEnded(report) {
  const counts = ["added", "updated", "deleted", "unchanged"].map((name) => `${number(report[name])} ${name}`);
  const lists = { failed: report.failed, skipped: report.skipped, "in part": report.notices ?? [] };
  for (const [name, files] of Object.entries(lists)) if (files.length) counts.push(`${number(files.length)} ${name}`);
  const ended = report.interrupted ? "Interrupted (sync again to go on) after" : "Done in";
  $("sync-state").replaceChildren(element("p", {}, `${ended} ${number(report.seconds, 1)} s: ${counts.join(", ")}.`));
  document.dispatchEvent(new Event("indexchange"));
  await fillIndex(report);
}

function syncFailed(error, retry) {
  showWhetherSyncsCanStart();
  $("sync-state").replaceChildren(failure(inWords(error), retry));
}

export function listenToIndex() {
  $("index-button").addEventListener("click", openIndex);
  $("sync-form").addEventListener("submit", sync);
  document.addEventListener("keychange", () => {
    syncs.refused = false;
    showWhetherSyncsCanStart();
  });
}
