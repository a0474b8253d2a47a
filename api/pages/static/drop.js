// The file form of the home page: a file is checked in the browser first, then its place is asked for on the chain.
// Without this module the form works as it is: choose, then press the button, which sends the file.

const form = document.getElementById("drop");
const zone = form.parentElement;
const input = document.getElementById("document");
const message = document.getElementById("drop-message");
const words = message.dataset;

form.dataset.enhanced = "";

function say(text, state = "") {
  message.textContent = text;
  form.dataset.state = state;
}

async function judge() {
  const [file] = input.files;
  if (!file) return;
  if (file.size > Number(form.dataset.limit)) {
    say(words.tooLarge, "refused");
    input.value = "";
    return;
  }
  if (!globalThis.crypto?.subtle || !globalThis.DecompressionStream) {
    say(words.unsupported, "offer");
    return;
  }
  say(words.checking);
  const [{ check }, { show }] = await Promise.all([import(form.dataset.check), import(form.dataset.local)]);
  const result = await check(new Uint8Array(await file.arrayBuffer()));
  if (result.answer === "unreadable") {
    say(words[result.why], "offer");
    return;
  }
  if (result.answer === "passed") say(words.checked);
  try {
    await show(form.dataset.ask, result, input.files);
  } catch {
    say(result.answer === "passed" ? words.unanswered : words.altered, "offer");
  }
}

function begin() {
  judge().catch(() => say(words.unsupported, "offer"));
}

input.addEventListener("change", begin);

// A file dropped beside the zone would otherwise replace the page.
for (const kind of ["dragover", "drop"]) {
  document.addEventListener(kind, (event) => event.preventDefault());
}

for (const kind of ["dragenter", "dragover"]) {
  zone.addEventListener(kind, () => {
    zone.classList.add("over");
    say(words.drop);
  });
}

zone.addEventListener("dragleave", (event) => {
  if (zone.contains(event.relatedTarget)) return;
  zone.classList.remove("over");
  say("");
});

zone.addEventListener("drop", (event) => {
  zone.classList.remove("over");
  say("");
  if (event.dataTransfer.files.length === 0) return;
  input.files = event.dataTransfer.files;
  begin();
});

// Coming back by the browser's button shows the form as it was left.
window.addEventListener("pageshow", () => say(""));

// The camera's module and its reader are large: they come when they are wanted.
const scan = document.getElementById("scan");
if (navigator.mediaDevices?.getUserMedia) {
  scan.hidden = false;
  scan.addEventListener("click", async () => (await import(form.dataset.scan)).scan());
}
