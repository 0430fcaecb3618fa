// One list of the files that are not in the index as they should be, each with the reason.

import { $, button, counted, element, number } from "./dom.js";

const SHOWN = 20; // files, until more are asked for

/** recorded: the documents whose last version failed, as the index has them.
 * report: of the sync that has just ended, if one has: its files come with what became of them. */
export function showFailures(recorded, report) {
  const kinds = report ? [["failed", report.failed], ["in part", report.notices ?? []], ["skipped", report.skipped]] : [];
  const files = new Map();
  for (const [kind, listed] of [...kinds, ["failed", recorded.documents]]) {
    for (const { source, reason } of listed) if (!files.has(source)) files.set(source, { source, reason, kind });
  }
  const unlisted = Math.max(0, recorded.total - recorded.documents.length);
  const total = files.size + unlisted;
  $("failures").replaceChildren(...(total ? list([...files.values()], total) : []));
}

function list(files, total) {
  const items = element("ul", { class: "failures" }, ...files.slice(0, SHOWN).map(item));
  const isEach = files.every(({ kind }) => kind === "failed");
  const heading = isEach ? `${counted(total, "document")} could not be indexed` : `${counted(total, "file")} not indexed as a whole`;
  const hidden = files.slice(SHOWN);
  const more = hidden.length && button(`Show ${number(hidden.length)} more`, () => {
    items.append(...hidden.map(item));
    more.remove();
  }, { class: "link" });
  const unlisted = total - files.length;
  return [element("h3", {}, heading), items, more || "",
    unlisted ? element("p", { class: "muted" }, `And ${number(unlisted)} more.`) : ""];
}

function item({ source, reason, kind }) {
  return element("li", {},
    element("p", {}, element("bdi", { class: "source" }, source), " ", element("span", { class: `kind ${kind.replace(" ", "-")}` }, kind)),
    element("p", { class: "muted" }, reason));
}
