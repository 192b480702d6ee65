// What pages do beyond what they do without a script: rows that refresh, keys, filters that apply themselves.
"use strict";

const EVERY = 2000;

/** Tells the server the zone to show times in. */
function tellZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const field of document.querySelectorAll("input[data-zone]")) field.value = zone ?? "";
}

/** Swaps the live parts of the page for what the server has now, as long as the page says that something is under way. */
async function refresh() {
  if (document.querySelector("[data-poll]") === null) return;
  // Nobody looks: the next look comes with the tab.
  if (!document.hidden) {
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "error" });
      if (answer.ok) swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      // The server is away or the session has ended; what is shown stays, and the next try is in two seconds.
    }
  }
  setTimeout(refresh, EVERY);
}

function swap(fresh) {
  for (const old of document.querySelectorAll("[data-live][id]")) {
    const now = fresh.getElementById(old.id);
    if (now === null || isTypedInto(old)) continue;
    carry(old, now);
    if (now.isEqualNode(old)) continue;
    const focused = old.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    old.replaceWith(document.adoptNode(now));
    if (focused !== null) {
      [...now.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus({ preventScroll: true });
    }
  }
}

/** What the reader opened or selected stays so in what comes in its place. */
function carry(old, now) {
  for (const [selector, attribute] of [["details", "open"], ["tr[data-row]", "aria-selected"]]) {
    const opened = new Map(places(old, selector));
    for (const [place, element] of places(now, selector)) {
      const value = opened.get(place)?.getAttribute(attribute) ?? null;
      if (value === null) element.removeAttribute(attribute);
      else element.setAttribute(attribute, value);
    }
  }
}

/** Elements by where they stand: the nearest id, and how many of them there were since. */
function places(part, selector) {
  const seen = new Map();
  return [...part.querySelectorAll(selector)].map((element) => {
    const id = element.closest("[id]")?.id ?? "";
    const before = seen.get(id) ?? 0;
    seen.set(id, before + 1);
    return [`${id} ${before}`, element];
  });
}

/** Whether the reader is writing there. */
function isTypedInto(part) {
  return part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");
}

function rows() {
  return [...document.querySelectorAll("tr[data-row]")];
}

function select(step) {
  const all = rows();
  if (all.length === 0) return;
  const at = all.findIndex((row) => row.getAttribute("aria-selected") === "true");
  const next = all[Math.min(Math.max(at + step, 0), all.length - 1)];
  all[at]?.removeAttribute("aria-selected");
  next.setAttribute("aria-selected", "true");
  next.querySelector("a, summary")?.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

function leave() {
  for (const row of rows()) row.removeAttribute("aria-selected");
  document.activeElement?.blur();
}

/** `/` searches, `j` and `k` move, Enter opens, Esc leaves. */
function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") return leave();
  const isTyping = event.target.closest("input, select, textarea") !== null;
  if (isTyping) return;
  switch (event.key) {
    case "/": {
      const search = document.querySelector("[data-search]");
      if (search === null) return;
      event.preventDefault();
      search.focus();
      search.select();
      return;
    }
    case "j":
      return select(1);
    case "k":
      return select(-1);
    case "Enter": {
      // A link or button that has the focus opens itself.
      if (event.target.closest("a, button, summary") !== null) return;
      document.querySelector('tr[data-row][aria-selected="true"] a')?.click();
    }
  }
}

/** A choice in a filter applies at once; a date does not, since it is complete at each digit of its year. */
function apply(event) {
  if (event.target.matches("select[data-submit]")) event.target.form.requestSubmit();
}

/** Filters that are left blank stay out of the address. */
function tidy(event) {
  const form = event.target;
  if (form.method !== "get") return;
  for (const field of form.elements) {
    if (field.name !== "" && field.value === "") field.disabled = true;
  }
}

tellZone();
document.addEventListener("keydown", key);
document.addEventListener("change", apply);
document.addEventListener("submit", tidy);
// A page that is gone back to has its fields again.
addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll("form[method=get] :disabled")) field.disabled = false;
});
setTimeout(refresh, EVERY);
