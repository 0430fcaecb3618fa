// A failure in words, with a way to try again.

import { button, counted, element } from "./dom.js";
import { askForKey } from "./key.js";

/** Where a signal is given, the page tries again itself when the server says, unless it is aborted before. */
export function failure(problem, retry, signal = null) {
  if (problem.status === 401) askForKey(problem.message, retry);
  const says = element("p", {}, problem.message);
  const box = element("div", { class: "note failure", role: "alert" }, says);
  if (problem.status === 401 || problem.status === 403) {
    box.append(button("Enter an API key", () => askForKey(problem.message, retry)));
  } else if (problem.mayPass) {
    box.append(button("Try again", retry));
  }
  if (problem.retryAfter && signal) {
    says.append(` Trying again in ${counted(problem.retryAfter, "second")}.`);
    const timer = setTimeout(retry, problem.retryAfter * 1000);
    signal.addEventListener("abort", () => clearTimeout(timer));
  }
  return box;
}
