// Sends the form, and keeps the list of jobs fresh.

const PERIOD_MS = 1000;
const form = document.querySelector("form");
const error = form.querySelector(".error");
const jobs = document.querySelector("#jobs");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const response = await fetch("/api/jobs", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(Object.fromEntries(new FormData(form))),
  });
  if (response.ok) form.reset();
  error.hidden = response.ok;
  error.textContent = response.ok ? "" : "That did not work: please try again.";
  await refresh();
});

async function refresh() {
  const response = await fetch("/jobs");
  if (response.ok) jobs.innerHTML = await response.text();
}

setInterval(refresh, PERIOD_MS);
