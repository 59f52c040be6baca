// Keyboard shortcuts. Every page does all that it does without this file.
"use strict";

const KEPT = "mpi-keys";
const ANSWERS = { s: "same", d: "different", u: "unsure", a: "ask" };

const find = (selector, within = document) => within.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];

// What is stored is one preference of this device, and nothing of anybody's record.
function shortcutsOn() {
  try {
    return localStorage.getItem(KEPT) !== "off";
  } catch {
    return true;
  }
}

function turnShortcuts(on) {
  try {
    localStorage.setItem(KEPT, on ? "on" : "off");
  } catch {
    // A browser that keeps nothing asks again next time.
  }
}

const pairs = all("fieldset[data-pair]");
let current = Math.max(pairs.findIndex((pair) => !find(":checked", pair)), 0);

function show(place, { focus }) {
  current = Math.min(Math.max(place, 0), pairs.length - 1);
  pairs.forEach((pair, n) => pair.toggleAttribute("data-current", n === current));
  if (focus) {
    (find(":checked", pairs[current]) ?? find("input", pairs[current])).focus();
    pairs[current].scrollIntoView({ block: "nearest" });
  }
}

function answer(value) {
  const option = pairs.length ? find(`input[value="${value}"]`, pairs[current]) : null;
  if (!option || option.disabled) return false;
  option.checked = true;
  option.focus();
  return true;
}

function press(selector) {
  const button = find(selector);
  if (!button) return false;
  button.click();
  return true;
}

// Rows of a list of questions: one of them is current, and its link has the focus.
const rows = all("tr[data-row]");
let currentRow = -1;

function showRow(place) {
  if (!rows.length) return false;
  currentRow = Math.min(Math.max(place, 0), rows.length - 1);
  rows.forEach((row, n) => row.toggleAttribute("data-current", n === currentRow));
  const link = find("a[data-open]", rows[currentRow]);
  link.focus({ preventScroll: true });
  rows[currentRow].scrollIntoView({ block: "nearest" });
  return true;
}

function pickRow() {
  const box = currentRow >= 0 ? find("input[name=key]", rows[currentRow]) : null;
  if (!box) return false;
  box.checked = !box.checked;
  showPicked();
  return true;
}

// Picked rows open the form that works on them.
function showPicked() {
  const bulk = find("details[data-bulk]");
  if (bulk && find("input[name=key]:checked")) bulk.open = true;
}

function pickAll() {
  const boxes = all("input[name=key]");
  const every = boxes.every((box) => box.checked);
  boxes.forEach((box) => { box.checked = !every; });
  showPicked();
  return boxes.length > 0;
}

find("[data-all]")?.addEventListener("click", (event) => {
  event.preventDefault();
  pickAll();
});
rows.forEach((row, n) => row.addEventListener("focusin", () => {
  currentRow = n;
  rows.forEach((each, place) => each.toggleAttribute("data-current", place === n));
}));
document.addEventListener("change", (event) => {
  if (event.target.matches("input[name=key]")) showPicked();
});

function submitAnswers(target) {
  const form = find("form[data-answers]");
  const elsewhere = target.matches("a, button, summary, [tabindex='0']") || (target.form && target.form !== form);
  if (!form || elsewhere) return false;
  form.requestSubmit();
  return true;
}

function act(key, target) {
  if (key in ANSWERS) return answer(ANSWERS[key]);
  switch (key) {
    case "j": return pairs.length > 0 ? (show(current + 1, { focus: true }), true) : showRow(currentRow + 1);
    case "k": return pairs.length > 0 ? (show(current - 1, { focus: true }), true) : showRow(currentRow - 1);
    case "x": return pickRow();
    case "X": return rows.length > 0 && pickAll();
    case "c": return press("[data-claim]");
    case "z": return press("[data-undo]");
    case "?": find("#keys").showModal(); return true;
    case "/": location.assign("/find"); return true;
    case "g": location.assign("/queue"); return true;
    case "Enter": return submitAnswers(target);
    default: return false;
  }
}

function writes(target) {
  return target.matches("textarea, select, input:not([type=radio], [type=checkbox])") || target.isContentEditable;
}

function onKey(event) {
  const held = event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat;
  if (held || !shortcutsOn() || writes(event.target) || find("dialog[open]")) return;
  if (act(event.key, event.target)) event.preventDefault();
}

const keys = find("#keys");
if (keys) {
  const opener = find("[data-keys-open]");
  const box = find("[data-keys-on]", keys);
  opener.hidden = false;
  opener.addEventListener("click", () => keys.showModal());
  box.checked = shortcutsOn();
  box.addEventListener("change", () => turnShortcuts(box.checked));
  document.addEventListener("keydown", onKey);
}

document.addEventListener("focusin", (event) => {
  const place = pairs.indexOf(event.target.closest("fieldset[data-pair]"));
  if (place >= 0) show(place, { focus: false });
});

// Times come in UTC, and are shown by the clock of this device.
for (const time of all("time[data-local]")) {
  const moment = new Date(time.dateTime);
  if (!Number.isNaN(moment.getTime())) {
    time.textContent = moment.toLocaleString("en-US", {
      year: "numeric", month: "short", day: "numeric",
      hour: "numeric", minute: "2-digit", timeZoneName: "short",
    });
  }
}

if (pairs.length) show(current, { focus: false });
find("[data-focus]")?.focus();

// Pages of long work (/jobs, /runs): what runs is looked at again every few seconds.
const work = find("[data-work]");
async function lookAgain() {
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (answer.ok && !answer.redirected) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("[data-work]");
      if (fresh) {
        work.innerHTML = fresh.innerHTML;
        work.dataset.work = fresh.dataset.work;
      } else {
        location.reload();
      }
    }
  } catch {
    // The next look may reach the server again.
  }
  if (work.dataset.work !== "0") setTimeout(lookAgain, 3000);
}
if (work && work.dataset.work !== "0") setTimeout(lookAgain, 3000);

// Administration pages: a form that shows a secret, or starts long work, is sent once.
for (const form of all("form[data-once]")) {
  let isSent = false;
  form.addEventListener("submit", (event) => {
    if (isSent) event.preventDefault();
    isSent = true;
  });
}
window.addEventListener("pageshow", (event) => {
  if (event.persisted && find("form[data-once]")) location.reload();
});
