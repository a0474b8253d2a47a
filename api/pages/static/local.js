// Shows what the browser found together with what the chain's records say of the certificate's place.
// Sent: answer, name of the check, place, key, scope, dates. Never content: that is set into the page here.

let pushed = false;

/**
 * Ask the server for the verdict's page, for now or for a past day, and set it. `files` stay here until the reader
 * wants a report on them. Throws when nobody answers.
 */
export async function show(address, result, files, day) {
  const { answer, check, member, claim, content } = result;
  const response = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    // What a forged file calls its members is not repeated.
    body: JSON.stringify({
      answer, check, member: /^[A-Za-z]{1,40}$/.test(member) ? member : undefined, claim, as_of: day || undefined,
    }),
  });
  if (!response.ok) throw new Error(response.statusText);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const main = document.adoptNode(page.querySelector("main"));
  const paper = main.querySelector("#local-paper");
  if (paper) fill(main, paper, content);
  const kept = main.querySelector("#kept-file");
  if (kept) kept.files = files;
  const print = main.querySelector("[data-print]");
  if (print) {
    print.hidden = false;
    print.addEventListener("click", () => globalThis.print());
  }
  main.querySelector("#local-day")?.addEventListener("submit", (event) => {
    event.preventDefault();
    const [field] = event.target.elements;
    show(address, result, files, event.submitter?.value === "today" ? "" : field.value).catch(() => {
      const said = event.target.querySelector("[data-failed]");
      said.textContent = said.dataset.failed;
    });
  });
  const old = document.querySelector("main");
  if (!pushed) history.pushState(null, "");
  pushed = true;
  old.replaceWith(main);
  document.title = page.title;
  document.body.className = page.body.className;
  onpopstate = () => location.reload();
  scrollTo(0, 0);
  const headline = main.querySelector("h1");
  headline.tabIndex = -1;
  headline.focus({ preventScroll: true });
}

function fill(main, paper, content) {
  const words = JSON.parse(paper.dataset.words);
  const pick = (value) => (typeof value === "string" ? value : value?.[words.language] ?? value?.zh ?? "");
  const named = (value) => pick(value?.targetName);
  const filled = (format, values) => format.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const list = (...parts) => parts.filter(Boolean).join(words.list);
  const { achievement, award = {}, standard = achievement.standard } = content;
  const day = (seconds) => new Date((seconds + 8 * 3600) * 1000).toISOString().slice(0, 10);
  const result = content.result.map((one) => filled(words.score, { name: pick(one.name), value: one.value }).trim());
  const rows = {
    ...award,
    name: content.name,
    nameLatin: content.nameLatin,
    achievement: pick(achievement.name),
    level: named(content.level),
    licenseNumber: content.licenseNumber,
    registrationNumber: content.registrationNumber,
    certificateType: named(content.certificateType),
    identityType: words.types[content.identityType],
    nationalIdentityNumberMasked: content.nationalIdentityNumberMasked,
    specification: standard
      ? list(pick(standard.name), standard.number, standard.version)
      : filled(words.versioned, { name: pick(achievement.name), version: achievement.version }),
    occupation: named(content.occupation),
    direction: named(content.direction),
    sector: named(content.sector),
    trainingHours: content.trainingHours && filled(words.hours, { n: content.trainingHours }),
    result: list(...result, named(content.grade)),
    activityEndDate: content.activityEndDate,
    awardedDate: list(content.awardedDate, content.place),
    validUntil: content.exp ? day(content.exp - 1) : words.forLife,
    issuerName: pick(content.issuerName),
    revision: filled(words.revision, { n: content.revision }),
  };
  for (const place of main.querySelectorAll("[data-field]")) {
    place.textContent = rows[place.dataset.field] ?? "";
    if (!place.textContent) place.remove();
  }
  // A row whose values are all absent says nothing.
  for (const row of paper.querySelectorAll("dl > div")) if (!row.querySelector("[data-field]")) row.remove();
}
