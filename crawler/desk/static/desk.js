// The keys of the desk: j and k move, y and n label, / searches, u goes back. Everything works without this file.
"use strict";
(() => {
  const rows = () => [...document.querySelectorAll("[data-row]")];
  const here = () => document.querySelector("[data-row].here");

  function go(row) {
    if (!row) return;
    here()?.classList.remove("here");
    row.classList.add("here");
    const link = row.querySelector("a.title") || row.querySelector("a");
    link?.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }

  function move(step) {
    const all = rows();
    const at = all.indexOf(here());
    go(all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + step, 0), all.length - 1)]);
  }

  // the first topic that nobody has labelled, else the first
  function label(value) {
    const row = here() || (rows().length === 1 ? rows()[0] : null);
    const forms = row ? [...row.querySelectorAll("form.label")] : [];
    const form = forms.find((one) => !one.querySelector('[aria-pressed="true"]')) || forms[0];
    form?.querySelector(`button[value="${value}"]`)?.click();
    if (form && row.closest(".review")) move(1);
  }

  const keys = {
    j: () => move(1),
    k: () => move(-1),
    y: () => label("yes"),
    n: () => label("no"),
    u: () => history.back(),
    "/": () => document.getElementById("q")?.focus(),
  };

  document.addEventListener("keydown", (event) => {
    const inField = event.target.closest?.("input:not([type=hidden]), select, textarea");
    if (event.key === "Escape" && inField) inField.blur();
    if (event.ctrlKey || event.metaKey || event.altKey || inField || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });

  document.addEventListener("focusin", (event) => {
    const row = event.target.closest?.("[data-row]");
    if (row && row !== here()) {
      here()?.classList.remove("here");
      row.classList.add("here");
    }
  });
})();
