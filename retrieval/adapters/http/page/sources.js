// Where a passage stands: its citation, to be copied, and its file, to be opened.

import { announce, button, element } from "./dom.js";
import { keptKey } from "./key.js";
import { known } from "./pickers.js";
import { call, inWords } from "./server.js";

const COPIED = 1_500; // milliseconds for which a button says so
const SHOWN = /^(application\/pdf|text\/plain)/; // what the browser shows; anything else is a download

/** May break after each folder, and says loudest what the file is called. */
export function citation(hit) {
  const [, source, lines = ""] = hit.citation.match(/^(.*?)(:\d+(?:-\d+)?)?$/s);
  const parts = source.split(/(?<=\/)/);
  const folders = parts.slice(0, -1).flatMap((part) => [part, element("wbr")]);
  return element("span", {}, element("span", { class: "folder" }, ...folders),
    element("b", {}, element("bdi", {}, parts.at(-1)), element("span", { class: "lines" }, lines)));
}

export function copyButton(text) {
  const made = button("Copy citation", async () => {
    const done = await copied(text) ? "Copied" : "Not copied";
    made.textContent = done;
    announce(`${done}: ${text}`);
    setTimeout(() => { made.textContent = "Copy citation"; }, COPIED);
  }, { class: "link", title: text });
  return made;
}

/** Browsers keep the clipboard from pages that came without TLS, but for a selection. */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = element("textarea", { class: "spoken", readonly: "", tabindex: "-1" });
    field.value = text;
    document.body.append(field);
    const before = document.activeElement;
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    before.focus();
    return done;
  }
}

const folderOf = (source) => source.split("/")[0];
export const hasFile = (source) => known().folders_with_files.includes(folderOf(source));

/** What the service has files of may come to be known after the links to them. */
export function showFileLinks() {
  for (const link of document.querySelectorAll("a.file")) link.hidden = !hasFile(link.dataset.source);
}

/** A link to the file that a document was read from, a PDF at its page; hidden where the service has no such file.
 * label: of the link; null for one that says what it opens. */
export function fileLink({ id, source, page }, label = null) {
  const isPdf = /\.pdf$/i.test(source);
  const place = isPdf && page ? `#page=${page}` : "";
  const says = label ?? (isPdf ? `Open PDF${page ? ` at page ${page}` : ""}` : "Open file");
  const path = `documents/${encodeURIComponent(id)}/file`;
  const attributes = { href: path + place, target: "_blank", rel: "noopener", class: "file", "data-source": source };
  const link = element("a", attributes, says);
  link.hidden = !hasFile(source);
  link.addEventListener("click", (event) => {
    if (!keptKey()) return;
    event.preventDefault(); // a link cannot send the key
    const tab = open("", "_blank"); // now: later, the browser would take it for one that nobody asked for
    openWithKey(path, place, source.split("/").at(-1), tab).catch((error) => {
      tab?.close();
      link.after(element("span", { class: "complaint", role: "alert" }, ` ${error.message}`));
    });
  });
  return link;
}

async function openWithKey(path, place, name, tab) {
  const response = await call(path, { accept: "*/*", patience: null });
  const isShown = SHOWN.test(response.headers.get("Content-Type"));
  const address = URL.createObjectURL(await response.blob().catch((error) => { throw inWords(error); }));
  if (isShown && tab) {
    tab.opener = null;
    tab.location.replace(address + place);
  } else {
    tab?.close();
    element("a", { href: address, download: name }).click();
  }
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // by then it is open
}
