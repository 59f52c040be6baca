
// The end of the session: a warning before it, and what was typed kept across a new sign-in.
//
// What was typed stays in this tab (sessionStorage), encrypted with a key that only pages of the same person
// carry. So nobody else who uses this computer can read it. It is removed when it is sent, when another page
// opens, at sign-out, for another person, and after twelve hours.
const LAST_WARNING_MS = 45_000;
const KEPT_MS = 12 * 3_600_000;
const DRAFT = "mpi-draft:";
const RETURN = "mpi-return";
const SKIPPED = "[type=hidden], [type=password], [type=file], [type=submit], button";

const session = document.body.dataset;
const channel = "BroadcastChannel" in globalThis ? new BroadcastChannel("mpi-session") : null;
// The server rounds up to a minute: the session ends within the minute before.
const ROUNDING_MS = 60_000;
let endsAt = Date.now() + Number(session.endsIn) * 1000;
let warned = 0;

const store = {
  read(name) { try { return sessionStorage.getItem(name); } catch { return null; } },
  write(name, text) { try { sessionStorage.setItem(name, text); } catch { /* nothing is kept */ } },
  names() { try { return Object.keys(sessionStorage).filter((name) => name.startsWith("mpi-")); } catch { return []; } },
  remove(name) { try { sessionStorage.removeItem(name); } catch { /* nothing was kept */ } },
};

function forgetDrafts() {
  for (const name of store.names()) store.remove(name);
}

// A draft outlives its page only if the session ended on it.
function keepDrafts() {
  if (store.names().length) store.write(RETURN, "1");
}

const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const textOf = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));

async function importKey() {
  const secret = new TextEncoder().encode(session.draftKey);
  const digest = await crypto.subtle.digest("SHA-256", secret);
  return crypto.subtle.importKey("raw", digest, "AES-GCM", false, ["encrypt", "decrypt"]);
}

async function encrypt(key, value) {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const text = new TextEncoder().encode(JSON.stringify(value));
  return `${textOf(iv)}.${textOf(await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, text))}`;
}

// Returns null for what another person typed, or what is too old.
async function decrypt(key, kept) {
  try {
    const [iv, text] = kept.split(".").map(bytesOf);
    const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv }, key, text);
    const draft = JSON.parse(new TextDecoder().decode(plain));
    return Date.now() - draft.at < KEPT_MS ? draft : null;
  } catch {
    return null;
  }
}

// Forms that search hold names of children or local IDs, and are marked: they are not kept. Nor are passwords.
function keptForms() {
  return all("main form[method=post]").filter((form) =>
    !("noDraft" in form.dataset) && !find("[type=password]", form)
    && find("textarea, input:not([type=hidden]), select", form));
}

const fieldsOf = (form) => [...form.elements].filter((field) => field.name && !field.matches(SKIPPED));

// On a page that answers a form, what it shows was typed, except for days that it proposes.
function isChanged(field) {
  const typed = "answersForm" in session && !field.matches("[type=date]");
  if (field.matches("[type=radio], [type=checkbox]")) return field.checked !== (!typed && field.defaultChecked);
  if (field.matches("select")) {
    const options = [...field.options];
    const usual = typed ? options[0] : options.find((option) => option.defaultSelected) ?? options[0];
    return field.selectedOptions[0] !== usual;
  }
  return field.value !== (typed ? "" : field.defaultValue);
}

function readForm(form) {
  return fieldsOf(form).flatMap((field, n) =>
    isChanged(field) ? [[n, field.name, field.matches("[type=radio], [type=checkbox]") ? field.checked : field.value]] : []);
}

function fillForm(form, values) {
  const fields = fieldsOf(form);
  let filled = 0;
  for (const [n, name, value] of values) {
    const field = fields[n];
    if (field?.name !== name) continue;
    if (typeof value === "boolean") field.checked = value;
    else field.value = value;
    filled += 1;
  }
  return filled;
}

// An address may hold an enterprise ID: the name of a draft is a hash that only the person's pages can compute.
async function nameDraft(form) {
  const place = `${session.draftKey} ${session.page} ${new URL(form.action).pathname}`;
  return DRAFT + textOf(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(place)));
}

function offerToClear(forms) {
  const notice = find("#draft-notice").content.firstElementChild.cloneNode(true);
  find("[data-discard]", notice).addEventListener("click", () => {
    for (const form of forms) form.reset();
    forgetDrafts();
    notice.remove();
    showReasons();
  });
  find("main").prepend(notice);
}

async function restoreDrafts(key) {
  const restored = [];
  for (const form of keptForms()) {
    const name = await nameDraft(form);
    const draft = store.read(name) && await decrypt(key, store.read(name));
    if (draft && fillForm(form, draft.values)) restored.push(form);
  }
  if (!restored.length) return;
  store.remove(RETURN);
  for (const form of restored) form.closest("details")?.setAttribute("open", "");
  offerToClear(restored);
  showReasons();
}

async function watchDrafts() {
  if (!globalThis.crypto?.subtle || !session.draftKey) return;
  const key = await importKey();
  const save = async (form) => {
    const name = await nameDraft(form);
    const values = readForm(form);
    if (values.length) store.write(name, await encrypt(key, { at: Date.now(), values }));
    else store.remove(name);
  };
  if (find("[data-refused]")) keepDrafts();
  const readable = await Promise.all(store.names().filter((name) => name.startsWith(DRAFT)).map((name) => decrypt(key, store.read(name))));
  if (!store.read(RETURN) || readable.includes(null)) forgetDrafts();
  else await restoreDrafts(key);
  const waiting = new Map();
  for (const form of keptForms()) {
    const later = () => {
      clearTimeout(waiting.get(form));
      waiting.set(form, setTimeout(save, 200, form));
    };
    form.addEventListener("input", later);
    form.addEventListener("change", later);
    form.addEventListener("reset", later);
    await save(form);
  }
  document.body.toggleAttribute("data-drafts", true);
}

function leave(reason) {
  const here = location.pathname === session.page ? location.pathname + location.search : session.page;
  location.replace(`/sign-in?why=${reason}&next=${encodeURIComponent(here || "/")}`);
}

const warning = find("#session");

function warn() {
  const time = new Date(endsAt - ROUNDING_MS).toLocaleTimeString("en-US", { hour: "numeric", minute: "2-digit" });
  for (const place of all("[data-session-end]")) place.textContent = time;
  if (find("dialog[open]")) find("dialog[open]").close();
  warning.showModal();
}

function checkSession() {
  const left = endsAt - ROUNDING_MS - Date.now();
  if (left < -ROUNDING_MS - 1_000) {
    keepDrafts();
    leave("ended");
  } else if ((left <= Number(session.warnBefore) * 1000 && warned < 1) || (left <= LAST_WARNING_MS && warned < 2)) {
    warned = left <= LAST_WARNING_MS ? 2 : 1;
    warn();
  }
}

function moveEnd(at) {
  if (at <= endsAt) return;
  endsAt = at;
  warned = 0;
  if (warning.open) warning.close();
}

async function extend() {
  const csrf = find("input[name=csrf]")?.value ?? "";
  try {
    const answer = await fetch("/session", {
      method: "POST", redirect: "manual", body: new URLSearchParams({ csrf }),
    });
    if (!answer.ok) throw new Error(String(answer.status));
    const { seconds_left: left } = await answer.json();
    moveEnd(Date.now() + left * 1000);
    channel?.postMessage({ endsAt });
    if (warning.open) warning.close();
  } catch {
    find("[data-failed]", warning).hidden = false;
  }
}

if (warning) {
  find("[data-extend]", warning)?.addEventListener("click", extend);
  find("[data-close]", warning).addEventListener("click", () => warning.close());
  channel?.addEventListener("message", ({ data }) => {
    if (data.isOut) { forgetDrafts(); leave("out"); } else moveEnd(data.endsAt);
  });
  channel?.postMessage({ endsAt });
  setInterval(checkSession, 5_000);
  document.addEventListener("visibilitychange", checkSession);
  addEventListener("pageshow", checkSession);
  find("form[action='/sign-out']")?.addEventListener("submit", forgetDrafts);
  watchDrafts();
}

const door = find("[data-sign-in]");
if (door) {
  if (["ended", "lost"].includes(door.dataset.signIn)) keepDrafts();
  else if (door.dataset.signIn === "out") {
    forgetDrafts();
    // The other tabs learn of it once the session has ended: before, they would be led back.
    channel?.postMessage({ isOut: true });
  }
}
