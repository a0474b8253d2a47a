// Shows how far a list is, once a second, and the result when it is there. Without this module the page reloads itself.

const line = document.getElementById("progress");
const words = line.querySelector("[role=status]");
const bar = line.querySelector("progress");

async function look() {
  let found;
  try {
    const answer = await fetch(line.dataset.from, { cache: "no-store" });
    if (answer.redirected) location.reload(); // to the page to sign in: an hour went by
    found = answer.ok ? await answer.json() : null;
  } catch {
    found = null;
  }
  if (found && found.state !== "queued" && found.state !== "running") {
    location.replace(`${location.pathname}?unattended=1`);
    return;
  }
  if (found) {
    bar.value = found.done;
    words.textContent = line.dataset.text
      .replace("##", found.rows.toLocaleString("en"))
      .replace("#", found.done.toLocaleString("en"));
  }
  setTimeout(look, 1000);
}

setTimeout(look, 1000);
