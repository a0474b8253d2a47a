// Reads the page anew while its batch is under way, and only while somebody looks at it.

const seconds = Number(document.getElementById("live").dataset.seconds);

setInterval(() => {
  if (!document.hidden) location.reload();
}, seconds * 1000);
