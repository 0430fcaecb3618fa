// The server: what it is asked, and what it says in words.

import { keptKey } from "./key.js";

const JSON_TYPE = "application/json";
const PATIENCE = 45_000; // milliseconds until an answer is given up

export class Problem extends Error {
  constructor(message, { status = 0, retryAfter = null } = {}) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
    this.mayPass = status === 0 || status === 429 || status >= 500;
  }
}

/** The answer, or a Problem in words; an AbortError where `signal` says that nobody waits for it any more. */
export async function call(path, { method = "GET", body, accept = JSON_TYPE, signal, patience = PATIENCE } = {}) {
  const headers = { Accept: accept };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const key = keptKey();
  if (key) headers.Authorization = `Bearer ${key}`;
  const ends = AbortSignal.any([signal, patience && AbortSignal.timeout(patience)].filter(Boolean));
  try {
    const response = await fetch(path, { method, headers, body: JSON.stringify(body), cache: "no-store", signal: ends });
    if (!response.ok) throw await problemOf(response, key);
    return accept === JSON_TYPE ? await response.json() : response;
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

export function inWords(error) {
  if (error instanceof Problem) return error;
  if (error.name === "TimeoutError") return new Problem(`The server has not answered in ${PATIENCE / 1000} seconds.`);
  if (error instanceof SyntaxError) return new Problem("The answer is not JSON; something else answers at this address.");
  return new Problem("The server cannot be reached. Is it running?");
}

/** Server-sent events of a response, as they come. */
export async function* eventsOf(response) {
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
