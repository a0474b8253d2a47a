// Asks again by itself while a verdict is still open; one press stops it. Without this module the button does it.

const line = document.getElementById("again");
const words = line.querySelector("span");
let left = Number(line.dataset.seconds);

line.hidden = false;

const timer = setInterval(() => {
  if (document.hidden) return;
  left -= 1;
  if (left <= 0) {
    clearInterval(timer);
    // Of a holder's link openings are counted: this is none.
    if (line.dataset.unattended) location.replace(line.dataset.unattended);
    else location.reload();
    return;
  }
  show();
}, 1000);

line.querySelector("button").addEventListener("click", () => {
  clearInterval(timer);
  line.hidden = true;
});

function show() {
  words.textContent = line.dataset.text.replace("#", String(left));
}

show();
