"use strict";
// The page of the local server. Text of runs reaches the document as text only: nothing here makes HTML from strings.

const main = document.getElementById("main");
const SVG = "http://www.w3.org/2000/svg";
const REFRESH_MS = 5000;
let axis = "_step";

function make(tag, attributes, ...children) {
  const svg = ["svg", "path", "line", "text", "circle", "title"].includes(tag);
  const element = svg ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

async function ask(path) {
  const answer = await fetch(path, { cache: "no-store" });
  if (!answer.ok) throw new Error(`the server says ${answer.status}`);
  return answer.json();
}

const enc = encodeURIComponent;
const runPath = (entity, project, run) => `/${enc(entity)}/${enc(project)}/runs/${enc(run)}`;

function shown(value) {
  if (typeof value === "number" && !Number.isInteger(value)) return String(Number(value.toPrecision(6)));
  return typeof value === "string" ? value : JSON.stringify(value);
}

function when(ms) {
  return ms ? new Date(ms).toLocaleString() : "";
}

function state(name) {
  const known = ["finished", "failed", "crashed", "running", "preempting", "preempted"];
  return make("span", { class: known.includes(name) ? `state ${name}` : "state" }, name);
}

function table(head, rows) {
  const cells = (row) => row.map((cell) => make("td", typeof cell === "number" ? { class: "number" } : {}, cell instanceof Node ? cell : shown(cell)));
  return make("table", {}, make("thead", {}, make("tr", {}, ...head.map((name) => make("th", {}, name)))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...cells(row)))));
}

function trail(...parts) {
  document.getElementById("trail").replaceChildren(...parts.flatMap(([name, href]) => [" / ", make("a", { href }, name)]));
}

async function list(entity, project) {
  const all = await ask("/_page/runs");
  trail(...(project ? [[`${entity}/${project}`, `/${enc(entity)}/${enc(project)}`]] : []));
  const parts = [];
  for (const one of all.filter((one) => !project || (one.entity === entity && one.project === project))) {
    const columns = [...new Set(one.runs.flatMap((run) => Object.keys(run.summary)))].filter((key) => !key.startsWith("_")).slice(0, 8);
    const rows = one.runs.map((run) => [
      make("a", { href: runPath(one.entity, one.project, run.name) }, run.display_name || run.name),
      state(run.state), when(run.created_ms), ...columns.map((key) => (key in run.summary ? run.summary[key] : "")),
    ]);
    const name = make("a", { href: `/${enc(one.entity)}/${enc(one.project)}` }, `${one.entity}/${one.project}`);
    const more = one.total > one.runs.length ? make("p", { class: "soft" }, `the newest ${one.runs.length} of ${one.total}`) : null;
    parts.push(make("h2", {}, name), make("div", { class: "card" }, table(["run", "state", "created", ...columns], rows), more));
  }
  if (!parts.length) parts.push(make("p", { class: "soft" }, "No runs yet. Set WANDB_BASE_URL to this address and start one."));
  main.replaceChildren(...parts);
  return all.some((one) => one.runs.some((run) => run.state === "running"));
}

function chart(name, buckets, info) {
  const [width, height, left, bottom, top] = [440, 190, 52, 18, 6];
  const points = buckets.filter((bucket) => bucket.y);
  const broken = buckets.filter((bucket) => bucket.nonfinite);
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `chart of ${name}`, "data-metric": name });
  const every = points.length ? points : broken;
  const x0 = Math.min(...every.map((p) => p.x[0])), x1 = Math.max(...every.map((p) => p.x[1]));
  let y0 = Math.min(...points.map((p) => p.y[0])), y1 = Math.max(...points.map((p) => p.y[1]));
  if (!points.length) [y0, y1] = [0, 1];
  if (y0 === y1) [y0, y1] = [y0 - Math.max(Math.abs(y0) * 0.1, 1e-9), y1 + Math.max(Math.abs(y1) * 0.1, 1e-9)];
  const x = (value) => (left + (x1 > x0 ? (value - x0) / (x1 - x0) : 0.5) * (width - left - 8)).toFixed(1);
  const y = (value) => (top + (1 - (value - y0) / (y1 - y0)) * (height - bottom - top)).toFixed(1);
  for (const part of [0, 0.5, 1]) {
    const exact = y0 + part * (y1 - y0);
    const value = Math.abs(exact) < (y1 - y0) / 1e4 ? 0 : exact;
    svg.append(make("line", { class: "grid", x1: left, x2: width - 8, y1: y(value), y2: y(value) }),
      make("text", { x: left - 5, y: Number(y(value)) + 4, "text-anchor": "end" }, String(Number(value.toPrecision(3)))));
  }
  svg.append(make("text", { x: left, y: height - 4 }, String(Number(x0.toPrecision(5)))),
    make("text", { x: width - 8, y: height - 4, "text-anchor": "end" }, String(Number(x1.toPrecision(5)))));
  for (const bucket of broken) {
    svg.append(make("line", { class: "gap", x1: x(bucket.x[0]), x2: x(bucket.x[0]), y1: height - bottom - 5, y2: height - bottom },
      make("title", {}, `${bucket.nonfinite} NaN or infinite`)));
  }
  const middle = (p) => (p.x[0] + p.x[1]) / 2;
  if (points.length > 1) {
    const upper = points.map((p) => `${x(middle(p))} ${y(p.y[1])}`), lower = points.map((p) => `${x(middle(p))} ${y(p.y[0])}`).reverse();
    svg.append(make("path", { class: "band", d: `M${upper.concat(lower).join("L")}Z` }),
      make("path", { class: "curve", d: `M${points.map((p) => `${x(middle(p))} ${y((p.y[0] + p.y[1]) / 2)}`).join("L")}` }));
  }
  if (points.length <= 40) for (const p of points) svg.append(make("circle", { class: "dot", r: 2.5, cx: x(middle(p)), cy: y(p.y[1]) }));
  return make("figure", { class: "card" }, make("figcaption", {}, make("span", {}, name), make("span", { class: "soft" }, info)), svg);
}

async function show(entity, project, name) {
  const base = `${enc(entity)}/${enc(project)}/${enc(name)}`;
  const run = await ask(`/_page/run/${base}`);
  trail([`${entity}/${project}`, `/${enc(entity)}/${enc(project)}`], [run.display_name || name, runPath(entity, project, name)]);
  const pick = make("select", { id: "axis", "aria-label": "x axis" }, ...["_step", "_runtime", "_timestamp"].map((one) => make("option", one === axis ? { selected: "" } : {}, one)));
  pick.addEventListener("change", () => { axis = pick.value; tick(); });
  const head = [make("h1", {}, run.display_name || name, " ", state(run.state)),
    make("p", { class: "soft" }, `${name} · ${when(run.created_ms)} · ${run.rows} rows · exit code ${run.exit_code ?? "none"} ${run.tags.length ? "· " + run.tags.join(", ") : ""}`)];
  const figures = [];
  for (const metric of run.metrics.filter((metric) => !["_step", "_runtime", "_timestamp"].includes(metric.name)).slice(0, 100)) {
    const buckets = await ask(`/_page/chart/${base}?metric=${enc(metric.name)}&x=${axis}&buckets=440`);
    if (buckets.length) figures.push(chart(metric.name, buckets, `${metric.count} values`));
  }
  const pairs = (object) => table(["key", "value"], Object.entries(object).map(([key, value]) => [key, value]));
  const config = Object.fromEntries(Object.entries(run.config).filter(([key]) => key !== "_wandb").map(([key, value]) => [key, value && typeof value === "object" && "value" in value ? value.value : value]));
  const files = run.files.map((file) => [make("a", { href: `/files/${base}/${file.name.split("/").map(enc).join("/")}` }, file.name), file.size]);
  main.replaceChildren(...head, make("h2", {}, "Metrics over ", pick), make("div", { class: "charts" }, ...figures),
    make("div", { class: "columns" },
      make("div", {}, make("h2", {}, "Summary"), make("div", { class: "card" }, pairs(run.summary))),
      make("div", {}, make("h2", {}, "Config"), make("div", { class: "card" }, pairs(config)))),
    make("h2", {}, "Console"), make("div", { class: "card" }, make("pre", {}, run.console.join("\n"))),
    make("h2", {}, "Files"), make("div", { class: "card" }, table(["name", "bytes"], files)));
  return run.state === "running";
}

let timer = 0;
async function tick() {
  clearTimeout(timer);
  const parts = location.pathname.split("/").slice(1).map(decodeURIComponent);
  let again = true;
  try {
    again = parts[2] === "runs" && parts[3] ? await show(parts[0], parts[1], parts[3]) : await list(parts[0], parts[1]);
    document.body.dataset.ready = "yes";
  } catch (error) {
    main.replaceChildren(make("p", { class: "failed" }, `Cannot show this: ${error.message}`));
  }
  if (again) timer = setTimeout(tick, REFRESH_MS);
}
tick();
