// Trains something small, draws its loss while it falls, and logs it.
// `./runwire` is the package: `cargo run -p runwire-package -- examples/browser/runwire` makes it.
import { Run, recover } from "./runwire/index.js";

const POINTS = 400;
const STEPS = 300;
const RATE = 0.1;
// Any key will do for a server that was not given one.
const KEY = "10ca110ca110ca110ca110ca110ca110ca110ca1";

const form = document.querySelector("#form");
const url = document.querySelector("#url");
const button = form.querySelector("button");
const said = document.querySelector("#said");
const plot = document.querySelector("#plot").getContext("2d");

// Two clouds that overlap a little. The generator is seeded, so every run sees the same points.
function makePoints() {
  let state = 42;
  const uniform = () => ((state = (state * 1664525 + 1013904223) % 2 ** 32) / 2 ** 32);
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return Array.from({ length: POINTS }, (_, n) => {
    const label = n % 2;
    return { x: [normal() + 2 * label - 1, normal() + label - 0.5], label };
  });
}

// One step of gradient descent; gives the loss and the accuracy before it.
function step(model, points) {
  let loss = 0, right = 0;
  const slope = [0, 0, 0];
  for (const { x, label } of points) {
    const p = 1 / (1 + Math.exp(-(model[0] * x[0] + model[1] * x[1] + model[2])));
    loss -= Math.log(label ? p : 1 - p) / points.length;
    right += Number(p > 0.5 === Boolean(label)) / points.length;
    const error = (p - label) / points.length;
    [x[0], x[1], 1].forEach((input, n) => (slope[n] += error * input));
  }
  slope.forEach((by, n) => (model[n] -= RATE * by));
  return { loss, accuracy: right };
}

function draw(losses) {
  const { width, height } = plot.canvas;
  plot.clearRect(0, 0, width, height);
  plot.strokeStyle = "#2563eb";
  plot.lineWidth = 3;
  plot.beginPath();
  losses.forEach((loss, n) => plot.lineTo((n / STEPS) * width, height - (loss / losses[0]) * (height - 20)));
  plot.stroke();
}

async function train(server) {
  const run = await Run.init({
    project: "browser",
    config: { points: POINTS, rate: RATE },
    server: { url: server, apiKey: KEY },
  });
  run.defineMetric("loss", { summary: ["min"] });
  said.textContent = `Logging to ${run.url}`;
  const points = makePoints();
  const model = [0, 0, 0];
  const losses = [];
  for (let n = 0; n < STEPS; n++) {
    const row = step(model, points);
    run.log(row);
    losses.push(row.loss);
    draw(losses);
    // The page, its drawing and its store get their turn.
    await new Promise(requestAnimationFrame);
  }
  run.summary({ model });
  const report = await run.finish();
  said.textContent = report.delivered
    ? `Done: ${report.url}`
    : "Done, but the server does not have everything yet; the next visit to this page sends the rest.";
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  button.disabled = true;
  train(url.value)
    .catch((error) => (said.textContent = String(error)))
    .finally(() => (button.disabled = false));
});

// `?server=URL` trains at once.
const asked = new URLSearchParams(location.search).get("server");
if (asked) {
  url.value = asked;
  form.requestSubmit();
}

// What an earlier visit could not deliver.
recover({ url: url.value, apiKey: KEY })
  .then((logs) => {
    const sent = logs.filter((log) => log.delivered).length;
    if (sent) said.textContent = `${sent} run(s) of an earlier visit were delivered just now.`;
  })
  .catch((error) => (said.textContent = String(error)));
