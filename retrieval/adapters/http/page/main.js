// The page: what happens when it is opened, and when its address changes.

import { $ } from "./dom.js";
import { addressOf, asked, whenAsked } from "./address.js";
import { leaveDocument, showDocument } from "./document.js";
import { fillForm, listenToForm } from "./form.js";
import { listenToIndex, loadStats } from "./indexing.js";
import { askForKey, keptKey } from "./key.js";
import { listenToKeys, moveAmongHits } from "./keyboard.js";
import { loadFacets } from "./pickers.js";
import { again, forget, search } from "./results.js";
import { showFileLinks } from "./sources.js";
import { listenToStage } from "./stage.js";

async function show() {
  const state = asked();
  history.replaceState(history.state, "", addressOf(state)); // it says what is shown, whatever it said
  fillForm(state);
  if (!state.document) showDocument(state);
  await search(state); // a document shows the marks of its hits
  await showDocument(asked());
}

/** What stands around the answers, which say what is wrong. */
function loadAround() {
  loadStats().catch(() => {});
  loadFacets().then(showFileLinks, () => {});
}

function listen() {
  addEventListener("popstate", show);
  whenAsked(show);
  listenToForm({ forget, moveToHits: () => moveAmongHits(1) });
  listenToIndex();
  listenToKeys();
  listenToStage();
  document.addEventListener("indexchange", () => {
    loadAround();
    again();
  });
  document.addEventListener("keychange", loadAround);
  $("key-button").addEventListener("click", () => askForKey("", again));
  $("slow-retry").addEventListener("click", again);
  $("document").addEventListener("close", leaveDocument);
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
    });
  }
}

listen();
$("key-button").hidden = !keptKey();
if (asked().q) loadAround(); // the welcome asks for these itself
show();
