// Keyboard shortcuts, and the warning before a session ends. Every page does all that it does without this file.
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
    (find(":checked", pairs[current]) ?? find("input[type=radio]", pairs[current])).focus();
    pairs[current].scrollIntoView({ block: "nearest" });
  }
}

function answer(value) {
  const option = pairs.length ? find(`input[value="${value}"]`, pairs[current]) : null;
  if (!option || option.disabled) return false;
  option.checked = true;
  option.focus();
  tellChange(option);
  return true;
}

// A change by a key counts as one by hand.
function tellChange(field) {
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

// The answer that stands in every pair, or null.
function commonAnswer() {
  const values = new Set(pairs.map((pair) => find(":checked", pair)?.value));
  return values.size === 1 ? [...values][0] ?? null : null;
}

function answerAll(value) {
  const options = pairs.map((pair) => find(`input[value="${value}"]`, pair));
  if (!pairs.length || !options.every((option) => option && !option.disabled)) return false;
  for (const option of options) option.checked = true;
  options[current].focus();
  tellChange(options[current]);
  return true;
}

// The reasons that fit the answer have the digits 1 to 9. Without one answer, the first nine have them.
const reasonList = find("select[data-reasons]");

function numberedReasons() {
  if (!reasonList) return [];
  const answered = commonAnswer();
  const fits = (group) => group === answered || group === "other";
  const groups = [...reasonList.querySelectorAll("optgroup")];
  const fitting = answered === null ? groups : groups.filter((group) => fits(group.dataset.for));
  return fitting.flatMap((group) => [...group.children]).slice(0, 9);
}

function showReasons() {
  if (!reasonList) return;
  for (const option of reasonList.options) option.textContent = option.dataset.text ??= option.textContent;
  if (!shortcutsOn()) return;
  numberedReasons().forEach((option, n) => { option.textContent = `${n + 1}  ${option.dataset.text}`; });
}

function chooseReason(digit) {
  const option = numberedReasons()[Number(digit) - 1];
  if (!option) return false;
  option.selected = true;
  tellChange(reasonList);
  find("[data-reason-chosen]").textContent = option.dataset.text;
  return true;
}

function press(selector) {
  const button = find(selector);
  if (!button) return false;
  button.click();
  return true;
}

// Rows of a list: one of them is current, and its link, button or box has the focus. A digit leads to a row.
const rows = all("[data-row]");
const boxOf = (row) => find("input[type=checkbox]", row);
let currentRow = -1;

function showRow(place) {
  if (!rows.length) return false;
  currentRow = Math.min(Math.max(place, 0), rows.length - 1);
  rows.forEach((row, n) => row.toggleAttribute("data-current", n === currentRow));
  const target = find("[data-open]", rows[currentRow]) ?? boxOf(rows[currentRow]);
  target.focus({ preventScroll: true });
  rows[currentRow].scrollIntoView({ block: "nearest" });
  return true;
}

function pickRow() {
  const box = currentRow >= 0 ? boxOf(rows[currentRow]) : null;
  if (!box) return false;
  box.checked = !box.checked;
  tellChange(box);
  return true;
}

// Picked rows open the form that works on them.
function showPicked() {
  const bulk = find("details[data-bulk]");
  if (bulk && find("input[name=key]:checked")) bulk.open = true;
}

function pickAll() {
  const boxes = rows.map(boxOf).filter((box) => box);
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
  if (event.target.closest("fieldset[data-pair]")) showReasons();
});

function submitAnswers(target) {
  const form = find("form[data-answers]");
  const elsewhere = target.matches("a, button, summary, [tabindex='0']") || (target.form && target.form !== form);
  if (!form || elsewhere) return false;
  form.requestSubmit();
  return true;
}

// As Enter does in a text field: the first button of the form is pressed. Where a form has several parts, it is
// the first button of the part that the cursor is in.
const BUTTON = "button:not([type=button])";

function send(target) {
  const form = target.form ?? target.closest("form") ?? find("form[data-answers], form[data-step]");
  if (!form) return false;
  const part = target.closest("section, fieldset, .panel");
  const within = part && form.contains(part) ? find(BUTTON, part) : null;
  const button = within ?? find("button[data-default]", form) ?? find(BUTTON, form);
  if (!button) return false;
  form.requestSubmit(button);
  return true;
}

// Opens a page of the menu, if the reader's menu has it.
function open(path, place = "") {
  if (!find(`nav a[href="${path}"]`)) return false;
  location.assign(path + place);
  return true;
}

// Puts the cursor into a field of this page, or else of the page that finds a child.
function write(selector, place) {
  const field = find(selector);
  if (!field) return open("/find", place);
  field.focus();
  return true;
}

// A letter that stands on a button or beside a choice of this page: presses, chooses or unfolds it.
function follow(letter) {
  const target = find(`[data-key="${letter}"]`);
  if (!target) return false;
  if (target.matches("input")) {
    target.checked = true;
    target.focus();
    tellChange(target);
  } else if (target.matches("textarea")) {
    target.closest("details").open = true;
    target.focus();
  } else {
    target.click();
  }
  return true;
}

// With Shift, a letter is named so, whatever Caps Lock does to it.
function nameKey(event) {
  if (event.key.length !== 1 || event.key.toLowerCase() === event.key.toUpperCase()) return event.key;
  return `${event.shiftKey ? "Shift+" : ""}${event.key.toLowerCase()}`;
}

function act(key, target) {
  if (key in ANSWERS && pairs.length) return answer(ANSWERS[key]);
  if (/^[1-9]$/.test(key)) return chooseReason(key) || (Number(key) <= rows.length && showRow(Number(key) - 1));
  switch (key) {
    case "Shift+s": return answerAll("same");
    case "Shift+d": return answerAll("different");
    case "p": return press("button[name=preview], button[data-preview]");
    case "j": return pairs.length > 0 ? (show(current + 1, { focus: true }), true) : showRow(currentRow + 1);
    case "k": return pairs.length > 0 ? (show(current - 1, { focus: true }), true) : showRow(currentRow - 1);
    case "x": return pickRow();
    case "Shift+x": return rows.length > 0 && pickAll();
    case "c": return press("[data-claim]");
    case "z": return press("[data-undo]");
    case "?": find("#keys").showModal(); return true;
    case "/": return write("[data-search]", "#search");
    case "i": return write("#eid", "#eid");
    case "g": return open("/queue");
    case "r": return open("/activity");
    case "Enter": return submitAnswers(target);
    default: return /^[a-z]$/.test(key) && follow(key);
  }
}

function writes(target) {
  return target.matches("textarea, select, input:not([type=radio], [type=checkbox])") || target.isContentEditable;
}

function onKey(event) {
  if (event.isComposing || event.repeat || event.altKey || !shortcutsOn() || find("dialog[open]")) return;
  if (event.ctrlKey || event.metaKey) {
    if (event.key === "Enter" && send(event.target)) event.preventDefault();
  } else if (!writes(event.target) && act(nameKey(event), event.target)) {
    event.preventDefault();
  }
}

const keys = find("#keys");
if (keys) {
  const opener = find("[data-keys-open]");
  const box = find("[data-keys-on]", keys);
  opener.hidden = false;
  opener.addEventListener("click", () => keys.showModal());
  box.checked = shortcutsOn();
  box.addEventListener("change", () => {
    turnShortcuts(box.checked);
    showReasons();
  });
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

// A day that is chosen is one of this device's clock.
for (const field of all("input[data-utc-offset]")) field.value = -new Date().getTimezoneOffset();

// Where to begin: what the page points at, the field that "/" or "i" asked for, or the first answer.
function begin() {
  const asked = { "#search": "[data-search]", "#eid": "#eid" }[location.hash];
  const place = find("[data-focus]") ?? (asked ? find(asked) : null);
  const pair = pairs[current];
  if (pairs.length) show(current, { focus: false });
  showReasons();
  if (place) place.focus();
  else if (pair && !location.hash) {
    const option = find(":checked", pair) ?? find("input[type=radio]", pair);
    // Said with the answer, since a message of a page that has just opened is not read aloud.
    if (find("#done")) option.setAttribute("aria-describedby", "done");
    option.focus({ preventScroll: true });
  }
}

// One folded group of the menu is open at a time, and Escape or a press elsewhere closes it.
function closeMenus(except) {
  for (const group of all("nav details[open]")) if (group !== except) group.open = false;
}
document.addEventListener("click", (event) => closeMenus(event.target.closest("nav details")));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const group = event.target.closest("nav details[open]");
  closeMenus(null);
  if (group) find("summary", group).focus();
});

// A page that is a letter (/enroll-today): print it.
find("[data-print]")?.addEventListener("click", () => window.print());

// Pages of long work (/jobs, /runs): what runs is looked at again every few seconds.
// Such a look is marked, so that the server does not take it for the person: the session ends all the same.
const work = find("[data-work]");
async function lookAgain() {
  if (Date.now() > endsAt) return;
  try {
    const headers = { accept: "text/html", "x-mpi-look": "1" };
    const answer = await fetch(location.href, { headers, redirect: "manual" });
    if (answer.type === "opaqueredirect") return;
    if (answer.ok) {
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

begin();
{% include "session.js" %}
