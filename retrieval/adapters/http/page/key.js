// The API key: kept in this tab alone, until it is closed.

import { $ } from "./dom.js";

const KEY = "api-key";

export const keptKey = () => sessionStorage.getItem(KEY);

/** Opens the dialog; with another key, "keychange" is told to the document, and `retry` is called. */
export function askForKey(reason, retry) {
  $("key-reason").textContent = reason;
  $("key-button").hidden = false;
  $("key-form").onsubmit = (event) => {
    event.preventDefault();
    if ($("key-input").value) sessionStorage.setItem(KEY, $("key-input").value);
    else sessionStorage.removeItem(KEY);
    $("key-input").value = "";
    $("key").close();
    document.dispatchEvent(new Event("keychange"));
    retry();
  };
  if (!$("key").open) $("key").showModal();
  $("key-input").focus();
}
