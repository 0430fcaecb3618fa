// The address holds the question, so that it can be shared and gone back to.

import { $ } from "./dom.js";

export const FILTERS = ["prefix", "type", "language", "date", "since", "until", "where", "operators"];
const NOTHING_ASKED = {
  q: "", view: "hybrid", k: "10", rerank: "", group: "",
  ...Object.fromEntries(FILTERS.map((name) => [name, ""])), document: "", chunk: "",
};

/** Everything that narrows a search, unset. */
export const NO_FILTERS = Object.fromEntries(FILTERS.map((name) => [name, ""]));

/** Called where the address has changed; main.js sets it. */
let show = async () => {};
export const whenAsked = (shows) => { show = shows; };

export function asked() {
  const state = { ...NOTHING_ASKED, ...Object.fromEntries(new URLSearchParams(location.search)) };
  for (const [name, choices] of [["view", document.getElementsByName("view")], ["k", $("top-k").options]]) {
    if (![...choices].some((choice) => choice.value === state[name])) state[name] = NOTHING_ASKED[name];
  }
  return state;
}

export function addressOf(state) {
  const names = Object.keys(NOTHING_ASKED).filter((name) => state[name] !== NOTHING_ASKED[name]);
  return `${location.pathname}${names.length ? "?" : ""}${new URLSearchParams(names.map((name) => [name, state[name]]))}`;
}

export function go(changes, { replace = false } = {}) {
  const address = addressOf({ ...asked(), ...changes });
  if (replace || address === location.pathname + location.search) history.replaceState(history.state, "", address);
  else history.pushState({ inside: true }, "", address);
  return show();
}
