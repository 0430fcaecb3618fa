// Where answers are shown: columns side by side, which are tabs on a narrow screen; and the legend of their figures.

import { $, button } from "./dom.js";

const NARROW = matchMedia("(max-width: 56rem)");

/** names: of the columns, where there are several. */
export function fill(columns, names = []) {
  $("columns").replaceChildren(...columns);
  const isCompared = columns.length > 1;
  $("columns").classList.toggle("compare", isCompared);
  document.body.classList.toggle("wide", isCompared);
  $("tabs").hidden = !isCompared;
  $("tabs").replaceChildren(...(isCompared ? columns.map((column, i) => tab(column, names[i])) : []));
  if (isCompared) showColumn(columns[0]);
  showLegend();
}

export function setBusy(busy) {
  $("busy").hidden = !busy;
  $("columns").setAttribute("aria-busy", busy);
  $("slow").hidden = true;
}

/** There is one where there are figures. */
export function showLegend() {
  $("legend-button").hidden = !$("columns").querySelector(".hit");
}

function tab(column, name) {
  const made = button(name, () => showColumn(column), { role: "tab", id: `tab-${column.id}`, "aria-controls": column.id });
  made.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const next = step && (step < 0 ? made.previousElementSibling : made.nextElementSibling);
    if (!next) return;
    next.click();
    next.focus();
  });
  return made;
}

/** On a narrow screen it is the only one that is shown. */
export function showColumn(column) {
  for (const other of document.querySelectorAll(".column")) other.classList.toggle("picked", other === column);
  for (const each of $("tabs").children) {
    const isPicked = each.getAttribute("aria-controls") === column.id;
    each.setAttribute("aria-selected", isPicked);
    each.tabIndex = isPicked ? 0 : -1;
  }
  nameColumns();
}

/** A tab's panel is one only where there are tabs. */
function nameColumns() {
  for (const column of document.querySelectorAll(".compare .column")) {
    if (NARROW.matches) column.setAttribute("role", "tabpanel");
    else column.removeAttribute("role");
  }
}

/** The legend opens below its button. */
function placeLegend(event) {
  if (event.newState !== "open") return;
  const { bottom, right } = $("legend-button").getBoundingClientRect();
  Object.assign($("legend").style, { top: `${bottom + 6}px`, right: `${Math.max(8, document.documentElement.clientWidth - right)}px` });
}

export function listenToStage() {
  NARROW.addEventListener("change", nameColumns);
  $("legend").addEventListener("beforetoggle", placeLegend);
}
