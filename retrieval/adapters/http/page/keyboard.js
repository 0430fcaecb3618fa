// The keys: among the hits, between the columns, and to the question.

import { $ } from "./dom.js";
import { showColumn } from "./stage.js";

const shown = (elements) => [...elements].filter((element) => element.checkVisibility());

export function moveAmongHits(step) {
  const column = document.activeElement.closest(".column") ?? $("columns");
  const hits = shown(column.querySelectorAll(".open, .note button")); // a note's button stands where hits would
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
  const next = here && columns[columns.indexOf(here) + step];
  if (!next) return;
  const place = [...here.querySelectorAll(".open")].indexOf(document.activeElement);
  if (columns.length > 1) showColumn(next);
  const hits = next.querySelectorAll(".open");
  hits[Math.max(0, Math.min(place, hits.length - 1))]?.focus();
}

function onKey(event) {
  const isOurs = !event.ctrlKey && !event.metaKey && !event.altKey && !event.isComposing && !event.defaultPrevented;
  if (!isOurs || document.querySelector("dialog[open]")) return;
  const choosing = event.target.matches("[type=radio], [role=tab]") && event.key.startsWith("Arrow");
  const typing = event.target.matches("input:not([type=radio], [type=checkbox])");
  const moves = typing ? { Escape: leaveField, ArrowDown: () => moveAmongHits(1) } : {
    "/": () => { $("query").focus(); $("query").select(); },
    j: () => moveAmongHits(1), ArrowDown: () => moveAmongHits(1),
    k: () => moveAmongHits(-1), ArrowUp: () => moveAmongHits(-1),
    ArrowLeft: () => moveToColumn(-1), ArrowRight: () => moveToColumn(1),
  };
  const own = event.target.matches("select, [type=date]"); // arrows change what is chosen in these
  if (!Object.hasOwn(moves, event.key) || choosing || own) return;
  event.preventDefault();
  moves[event.key]();
}

export function listenToKeys() {
  document.addEventListener("keydown", onKey);
}
