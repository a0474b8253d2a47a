// Keeps a page of something that is under way up to date: numbers in place, and where more than numbers changed, the
// main part anew, as the server sets it. It listens to events; where there are none, it asks every few seconds. What it
// asks says that nobody asked for it: a page that is left open does not keep its sign-in from ending.

const POLL_MILLISECONDS = 3000;

const told = document.createElement("p");
told.className = "unseen";
told.setAttribute("role", "status");
document.body.append(told);

let mark = place()?.dataset.mark;
let source = null;
let polling = null;

function place() {
  return document.getElementById("live");
}

function put(seen) {
  for (const one of document.querySelectorAll("[data-live]")) {
    const value = seen[one.dataset.live];
    if (one.dataset.live === "done") {
      one.value = value;
    } else {
      one.textContent = value;
    }
    if (one.dataset.live === "left") one.parentElement.hidden = !value;
  }
}

async function renew() {
  let answer;
  try {
    const query = new URLSearchParams(location.search); // the page of a long list stays
    query.set("unattended", "1");
    answer = await fetch(`${location.pathname}?${query}`, { cache: "no-store" });
  } catch {
    return; // the server is away: the next look may find it
  }
  if (answer.redirected) {
    location.replace(answer.url); // to where it goes on, or to the page to sign in
    return;
  }
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const before = document.querySelector("main");
  const after = document.adoptNode(fresh.querySelector("main"));
  const open = [...before.querySelectorAll("details")].map((one) => one.open);
  after.querySelectorAll("details").forEach((one, index) => {
    one.open = open[index] ?? one.open;
  });
  before.replaceWith(after);
  document.title = fresh.title;
  mark = place()?.dataset.mark;
  told.textContent = after.querySelector("h1")?.textContent ?? "";
  if (!place()) stop();
}

function stop() {
  source?.close();
  source = null;
  clearInterval(polling);
  polling = null;
}

function poll() {
  polling ??= setInterval(renew, POLL_MILLISECONDS);
}

function listen() {
  if (!place() || source || polling) return;
  source = new EventSource(place().dataset.events);
  source.onmessage = async (event) => {
    const seen = JSON.parse(event.data);
    if (seen.over) stop();
    if (seen.mark !== mark) await renew();
    put(seen);
  };
  source.onerror = () => {
    if (source?.readyState !== EventSource.CLOSED) return; // it tries again by itself
    source = null;
    poll();
  };
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    stop();
  } else {
    listen();
  }
});

if (!document.hidden) listen();
