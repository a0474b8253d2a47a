// The holder's forms: the foot of a copy as it will read, and a button that copies a link. All works without it.

const preview = document.querySelector("#preview");
const form = document.querySelector("form[data-preview]");

function show() {
  const value = {};
  for (const input of form.querySelectorAll("[data-term]")) {
    const name = input.dataset.term;
    const blank = preview.dataset[`blank${name[0].toUpperCase()}${name.slice(1)}`];
    value[name] = input.value.trim() || blank;
  }
  for (const line of preview.querySelectorAll("[data-text]")) {
    line.textContent = line.dataset.text.replace(/\{(\w+)\}/g, (_, name) => value[name]);
  }
}

if (preview && form) {
  form.addEventListener("input", show);
  show();
}

const link = document.querySelector("#made-link");
const button = document.querySelector("#copy-link");

if (link && button) {
  link.addEventListener("focus", () => link.select());
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(link.value);
    document.querySelector("#copy-said").textContent = button.dataset.done;
  });
}
