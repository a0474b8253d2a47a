// Makes the file form of the home page take a dropped file and send as soon as one is chosen.
// Without this module the form works as it is: choose, then press the button.

const form = document.getElementById("drop");
const input = document.getElementById("document");
const message = document.getElementById("drop-message");

form.dataset.enhanced = "";

function send() {
  const [file] = input.files;
  if (!file) return;
  if (file.size > Number(form.dataset.limit)) {
    message.textContent = message.dataset.tooLarge;
    form.classList.add("refused");
    input.value = "";
    return;
  }
  form.classList.remove("refused");
  message.textContent = message.dataset.sending;
  form.submit();
}

input.addEventListener("change", send);

// A file dropped beside the zone would otherwise replace the page.
for (const kind of ["dragover", "drop"]) {
  document.addEventListener(kind, (event) => event.preventDefault());
}

for (const kind of ["dragenter", "dragover"]) {
  form.addEventListener(kind, () => {
    form.classList.add("over");
    message.textContent = message.dataset.drop;
  });
}

form.addEventListener("dragleave", (event) => {
  if (form.contains(event.relatedTarget)) return;
  form.classList.remove("over");
  message.textContent = "";
});

form.addEventListener("drop", (event) => {
  form.classList.remove("over");
  message.textContent = "";
  if (event.dataTransfer.files.length === 0) return;
  input.files = event.dataTransfer.files;
  send();
});

// Coming back by the browser's button shows the form as it was left.
window.addEventListener("pageshow", () => {
  message.textContent = "";
});
