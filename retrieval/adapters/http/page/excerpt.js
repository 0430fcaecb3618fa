// Text with marks, and code as code. Spans count code points, strings UTF-16 units: an emoji is one and two.

import { element } from "./dom.js";

const SHORT_LINE = 60; // code points: longer ones are lines of prose, whose line breaks may move
const LONGEST_WORD = 25; // code points that a cut moves by at most, to fall between words
const FENCE = /^\s*(```|~~~)/;
const MARKDOWN = /\.(?:md|markdown|mdx)$/i;
const CODE = new Set(("c cc cpp cs css go h hpp java js jsx json kt lua mjs php pl ps1 py pyi r rb rs scala sh sql swift " +
  "toml ts tsx xml yaml yml").split(" "));
const CODE_LINE = new RegExp([
  /^(?: {2,}|\t)\S/, /[;{}]\s*$/, /^\s*[\w.]+\s*[-+*/|]?=\s*\S/, /^\s*[)}\]]+/, /^\s*[\w.]+\(.*\)\s*$/,
  /^\s*(?:def|class|from|import|return|if|elif|else|for|while|function|const|let|var|public|private|static|#include|>>>|\$)(?:\b|\s).*[:;(){}=]/,
].map(({ source }) => source).join("|"));
const CODE_SIGN = /[=;{}[\]()]/;

export function marked(points, spans) {
  const pieces = [];
  let end = 0;
  for (const [from, to] of spans) {
    pieces.push(points.slice(end, from).join(""), element("mark", {}, points.slice(from, to).join("")));
    end = to;
  }
  return [...pieces, points.slice(end).join("")];
}

/** The spans within [from, to), counted from there. */
export const within = (spans, from, to) => spans
  .filter(([start, end]) => start >= from && end <= to).map(([start, end]) => [start - from, end - from]);

/** Whether a whole passage is code: its file is, or most of its lines look so. */
export function isCode(source, text) {
  if (CODE.has(source.match(/\.([^./]+)$/)?.[1].toLowerCase())) return true;
  const lines = text.split("\n").filter((line) => line.trim());
  const alike = lines.filter((line) => CODE_LINE.test(line)).length;
  return lines.length > 1 && alike >= 0.7 * lines.length && lines.some((line) => CODE_SIGN.test(line));
}

/** The code in a passage of Markdown as [from, to, kind]: "block" between fences, "inline" between backticks; the signs
 * around it are "left out". */
function codeIn(points, source) {
  const found = [];
  let opened = null;
  for (let start = 0; start < points.length;) {
    const next = points.indexOf("\n", start);
    const end = next < 0 ? points.length : next + 1;
    if (FENCE.test(points.slice(start, end).join(""))) {
      if (opened !== null) found.push([opened, start, "block"]);
      found.push([start, end, "left out"]);
      opened = opened === null ? end : null;
    } else if (opened === null && MARKDOWN.test(source)) {
      found.push(...inlineCode(points, start, end));
    }
    start = end;
  }
  if (opened !== null) found.push([opened, points.length, "block"]);
  return found;
}

function inlineCode(points, from, to) {
  const signs = [];
  for (let at = from; at < to; at++) if (points[at] === "`") signs.push(at);
  const found = [];
  for (let i = 0; i + 1 < signs.length; i += 2) {
    const [open, close] = [signs[i], signs[i + 1]];
    if (close === open + 1) return []; // double ones, which hold single ones
    found.push([open, open + 1, "left out"], [open + 1, close, "inline"], [close, close + 1, "left out"]);
  }
  return found;
}

/** The passage's text from one code point to another, as nodes: code as code, without fences. */
export function rendered(source, text, spans, { from = 0, to = Infinity, tidy = (string) => string } = {}) {
  const points = Array.from(text);
  const last = Math.min(to, points.length);
  const tidied = (start, end) => marked(points.slice(start, end), within(spans, start, end))
    .map((piece) => (typeof piece === "string" ? tidy(piece) : piece));
  if (isCode(source, text)) return [element("code", { class: "block" }, ...tidied(from, last))];
  const nodes = [];
  let at = from;
  for (const [start, end, kind] of codeIn(points, source)) {
    const [first, after] = [Math.max(start, from), Math.min(end, last)];
    if (first >= after) continue;
    nodes.push(...tidied(at, first));
    if (kind !== "left out") nodes.push(element("code", { class: kind }, ...tidied(first, after)));
    at = after;
  }
  return [...nodes, ...tidied(at, last)];
}

/** The part of a passage in which most marked words stand, cut between words. Short lines, as of code, stay lines. */
export function excerpt({ source, text, highlights: spans }, length) {
  const points = Array.from(text);
  let from = 0;
  const found = (start) => within(spans, start, start + length).length;
  for (const [start] of points.length > length ? spans : []) {
    const begin = betweenWords(points, Math.max(0, start - 40));
    if (found(begin) > found(from)) from = begin;
  }
  const isAllCode = isCode(source, text);
  if (isAllCode) from = lineStart(points, from);
  let to = betweenWords(points, Math.min(points.length, from + length));
  if (isAllCode && to < points.length && lineStart(points, to) > from) to = lineStart(points, to);
  const isWhole = to === points.length;
  while (to > from && !points[to - 1].trim()) to--;
  const shown = points.slice(from, to).join("");
  const isShort = isAllCode || shown.length / shown.split(/\n\s*/).length < SHORT_LINE;
  const isLine = from === 0 || points[from - 1] === "\n";
  const indent = isAllCode ? indentation(isLine ? shown : shown.slice(shown.indexOf("\n") + 1)) : 0;
  while (isAllCode && !isLine && /[ \t]/.test(points[from] ?? "")) from++;
  if (isLine) from += indent;
  const tidy = (string) => string.replace(/\n(?:[^\S\n]*\n)+/g, "\n") // without empty lines
    .replace(new RegExp(`\n[ \t]{${indent}}`, "g"), "\n");
  const nodes = rendered(source, text, spans, { from, to, tidy }).filter(Boolean);
  // The dots stand within a block of code: a line for them alone would be wasted.
  const isCut = from > 0 && !(isAllCode && isLine);
  if (isCut && isBlock(nodes[0])) nodes[0].prepend("… ");
  else if (isCut) nodes.unshift("… ");
  if (!isWhole && isBlock(nodes.at(-1))) nodes.at(-1).append(" …");
  else if (!isWhole) nodes.push(" …");
  return element("div", { class: isShort ? "excerpt lines" : "excerpt" }, ...nodes);
}

const isBlock = (node) => node instanceof Element && node.matches(".block");

/** How many spaces or tabs all lines begin with. */
function indentation(text) {
  const lines = text.split("\n").filter((line) => line.trim());
  return Math.min(...lines.map((line) => line.match(/^[ \t]*/)[0].length), text.length);
}

/** Where the line begins, unless that is far. */
function lineStart(points, at) {
  for (let back = 0; back < SHORT_LINE && at - back > 0; back++) if (points[at - back - 1] === "\n") return at - back;
  return at > SHORT_LINE ? at : 0;
}

/** The nearest place at or before this one where a word begins or none stands; the same place within a long word, and
 * where words have no spaces between them. */
function betweenWords(points, at) {
  if (at <= 0 || at >= points.length) return at;
  for (let back = 0; back < LONGEST_WORD && at - back > 0; back++) {
    if (!points[at - back - 1].trim()) return at - back;
  }
  return at;
}
