"use strict";
// Texts of a teacher reach the page through textContent alone.
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const measured = data.metrics.map((m, i) => ({ ...m, i })).filter((m) => m.lowest);
const telling = measured.find((m) => m.better && !m.same) || measured[0];
const state = { metric: telling, colour: "", example: null, hidden: new Set() };

function make(tag, attributes = {}, ...children) {
  const svg = ["svg", "path", "g", "text", "circle", "rect", "linearGradient", "stop", "defs", "title"].includes(tag);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value != null) node.setAttribute(name, value);
  node.append(...children.filter((child) => child != null));
  return node;
}

function show(value) {
  if (value == null) return "missing";
  const size = Math.abs(value);
  if (size >= 1e6 || (size > 0 && size < 1e-4)) return value.toExponential(2);
  return value.toLocaleString("en-GB", { maximumSignificantDigits: 4 });
}

// One example in full

function text(kind, [shown, more], language = data.language, direction = data.direction) {
  const node = make("div", { class: `text ${kind}`, lang: language, dir: direction, tabindex: 0 }, shown);
  if (more) node.append(make("span", { class: "more", lang: "en", dir: "ltr" }, ` … ${more.toLocaleString("en-GB")} more characters`));
  return node;
}

function strategy(example) {
  const name = data.strategies[example.strategy] || "no strategy";
  return make("span", {}, make("span", { class: `key s${data.colours[example.strategy]}` }), name);
}

function allValues(example) {
  const list = make("dl");
  data.metrics.forEach((m, i) => list.append(make("dt", {}, m.label), make("dd", {}, show(example.values[i]))));
  return make("details", { class: "all" }, make("summary", {}, "all values"), list);
}

function card(index, metric = state.metric) {
  const example = data.examples[index];
  const value = metric ? make("span", { class: "value", title: metric.label }, show(example.values[metric.i])) : null;
  return make("article", { class: "example", "data-id": example.id },
    make("p", { class: "meta" }, strategy(example), make("span", { class: "id" }, example.id), value),
    example.source ? make("div", { class: "tag" }, "translated from") : null,
    example.source ? text("source", example.source, "", "auto") : null,
    text("prompt", example.prompt),
    text("response", example.response),
    data.metrics.length ? allValues(example) : null);
}

// Best, typical, worst

function drawTails() {
  const m = state.metric;
  $("by").textContent = m ? m.label : "metric";
  $("tails").replaceChildren();
  if (!m) {
    $("ends-note").textContent = "No metric has values of single examples.";
    return;
  }
  const unit = m.unit && m.unit !== m.label ? ` (${m.unit})` : "";
  $("ends-note").textContent = `The ends and the middle of all examples by ${m.label}${unit}. ` +
    (m.better ? `${m.better === "higher" ? "Higher" : "Lower"} is better.` : "Neither end is better in itself.");
  const names = { higher: ["Worst: lowest", "Best: highest"], lower: ["Best: lowest", "Worst: highest"] };
  const [low, high] = names[m.better] || ["Lowest", "Highest"];
  const parts = [["lowest", low, 0], ["typical", m.same ? "The same for all" : "Most typical: nearest to the median", 1], ["highest", high, 2]];
  const wanted = m.same ? parts.slice(1, 2) : m.better === "lower" ? parts : parts.reverse();
  const tied = ([part, , which]) => m.tied[which] > m[part].length;
  for (const [part, title, which] of wanted) {
    const note = `${m[part].length} of ${m.tied[which].toLocaleString("en-GB")} with this value, chosen by chance`;
    $("tails").append(make("div", { "data-part": part, class: wanted.some(tied) ? "tied" : null }, make("h3", {}, title),
      make("p", { class: "foot" }, tied([part, title, which]) ? note : ""),
      ...m[part].map((index) => card(index))));
  }
}

// The map

const SHAPES = [ // by strategy, of about the same area
  "M-3.2 0a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0 -6.4 0z", "M-3 -3h6v6h-6z", "M0 -4.1L3.9 2.9H-3.9z", "M0 -4.2L4.2 0L0 4.2L-4.2 0z"];
const VIRIDIS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
const SIZE = 640, PAD = 26;
let points = [];

function shade(share) {
  const place = Math.min(Math.max(share, 0), 1) * (VIRIDIS.length - 1), i = Math.min(Math.floor(place), VIRIDIS.length - 2);
  return `rgb(${VIRIDIS[i].map((from, c) => Math.round(from + (VIRIDIS[i + 1][c] - from) * (place - i)))})`;
}

function share(metric, value) {
  const scale = metric.log ? Math.log : Number, [low, high] = metric.ends.map(scale);
  return high > low ? (scale(value) - low) / (high - low) : 0.5;
}

function layOut() {
  const ys = data.map.map((p) => p[2]), top = Math.max(...ys), height = Math.max(top - Math.min(...ys), 0.55);
  const inner = SIZE - 2 * PAD, middle = (top + Math.min(...ys)) / 2;
  points = data.map.map(([index, x, y]) => ({ index, x: PAD + x * inner, y: PAD + (middle + height / 2 - y) * inner }));
  const tall = 2 * PAD + height * inner, name = $("map-keys").textContent.includes("PCA") ? "PCA" : "t-SNE";
  $("plane").setAttribute("viewBox", `0 0 ${SIZE} ${tall.toFixed(1)}`);
  const size = points.length < 300 ? 1.6 : points.length < 1000 ? 1.25 : 1;
  for (const point of points) point.node = make("path", { class: "dot", transform: `translate(${point.x.toFixed(1)} ${point.y.toFixed(1)}) scale(${size})` });
  $("plane").append(make("g", {}, ...points.map((p) => p.node)), make("circle", { class: "ring", r: 6 + 3 * size, visibility: "hidden" }),
    make("text", { x: SIZE / 2, y: tall - 8, "text-anchor": "middle" }, `${name} 1`),
    make("text", { transform: `translate(14 ${tall / 2}) rotate(-90)`, "text-anchor": "middle" }, `${name} 2`));
}

function paint() {
  const m = state.colour ? state.metric : null;
  for (const point of points) {
    const example = data.examples[point.index], value = m ? example.values[m.i] : null;
    point.node.setAttribute("d", SHAPES[data.colours[example.strategy]]);
    point.node.setAttribute("class", `dot ${m ? (value == null ? "none" : "") : `s${data.colours[example.strategy]}`}`);
    point.node.setAttribute("visibility", state.hidden.has(example.strategy) ? "hidden" : "visible");
    if (m && value != null) point.node.setAttribute("fill", shade(share(m, value)));
    else point.node.removeAttribute("fill");
  }
  drawLegend(m);
}

function drawLegend(m) {
  const keys = data.strategies.map((name, i) => {
    const button = make("button", { type: "button", "aria-pressed": !state.hidden.has(i), title: "show or hide" },
      make("svg", { width: 11, height: 11, viewBox: "-5 -5 10 10", class: m ? "" : `s${data.colours[i]}`, "aria-hidden": "true" },
        make("path", { d: SHAPES[data.colours[i]], fill: m ? "currentColor" : null })), name || "no strategy");
    button.addEventListener("click", () => {
      state.hidden.delete(i) || state.hidden.add(i);
      paint();
      $("legend").querySelectorAll("button")[i].focus();
    });
    return button;
  });
  const scale = [];
  if (m) {
    const stops = VIRIDIS.map((_, i) => make("stop", { offset: `${i * 25}%`, "stop-color": shade(i / 4) }));
    scale.push(make("span", {}, `${m.label}: ${show(m.ends[0])} `,
      make("svg", { width: 120, height: 10, role: "img", "aria-label": "colour scale" },
        make("defs", {}, make("linearGradient", { id: "viridis" }, ...stops)),
        make("rect", { width: 120, height: 10, rx: 2, fill: "url(#viridis)" })),
      `${show(m.ends[1])}${m.log ? " (log)" : ""}; hollow: missing`));
  }
  $("legend").replaceChildren(...keys, ...scale);
}

function see(point) {
  const ring = $("plane").querySelector(".ring");
  if (!point) return; // every strategy is hidden
  ring.setAttribute("visibility", "visible");
  ring.classList.toggle("kept", point === kept);
  ring.setAttribute("cx", point.x);
  ring.setAttribute("cy", point.y);
  $("seen").replaceChildren(card(point.index));
}

const shown = () => points.filter((p) => !state.hidden.has(data.examples[p.index].strategy));
const nearest = (x, y, among, cost = (dx, dy) => Math.hypot(dx, dy)) => among
  .reduce((best, p) => { const c = cost(p.x - x, p.y - y); return c < best[0] ? [c, p] : best; }, [Infinity, null])[1];

function at(event) {
  const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform($("plane").getScreenCTM().inverse());
  const found = nearest(x, y, shown());
  return found && Math.hypot(found.x - x, found.y - y) < 30 ? found : null;
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
let kept = null;

function keep(point) {
  kept = point;
  state.example = point ? data.examples[point.index].id : null;
  if (point) see(point);
  writeHash();
}

function onKey(event) {
  if (event.key === "Escape") return keep(null);
  const [ax, ay] = ARROWS[event.key] || [];
  if (ax === undefined) return;
  event.preventDefault();
  if (!kept) return keep(nearest(SIZE / 2, SIZE / 2, shown()));
  // what lies aside of the direction counts more than what lies ahead
  const ahead = (dx, dy) => { const along = dx * ax + dy * ay; return along > 0.5 ? along + 2.5 * Math.abs(dx * ay + dy * ax) : Infinity; };
  keep(nearest(kept.x, kept.y, shown().filter((p) => p !== kept), ahead) || kept);
}

// The list

function drawRow(index) {
  const example = data.examples[index], clip = (kind) =>
    make("span", { class: "clip", lang: data.language, dir: data.direction }, example[kind][0].slice(0, 400));
  const row = make("details", { class: "row", "data-id": example.id }, make("summary", {}, strategy(example), clip("prompt"), clip("response"),
    make("span", { class: "value" }, state.metric ? show(example.values[state.metric.i]) : "")));
  row.addEventListener("toggle", () => { if (row.open && !row.querySelector("article")) row.append(card(index)); });
  return row;
}

function drawList() {
  if (!$("list")) return;
  const words = $("query").value.toLocaleLowerCase().split(/\s+/).filter(Boolean), chosen = $("strategy").value;
  let rows = data.list.filter((index) => {
    const example = data.examples[index], all = `${example.prompt[0]}\n${example.response[0]}\n${example.id}`.toLocaleLowerCase();
    return (chosen === "" || example.strategy === Number(chosen)) && words.every((word) => all.includes(word));
  });
  const order = $("order").value, m = state.metric;
  if (order && m) {
    const value = (index) => data.examples[index].values[m.i];
    rows = rows.filter((index) => value(index) != null).sort((a, b) => (order === "up" ? 1 : -1) * (value(a) - value(b)))
      .concat(rows.filter((index) => value(index) == null));
  }
  $("list").replaceChildren(...rows.map(drawRow));
  $("found").textContent = `${rows.length.toLocaleString("en-GB")} shown` + (m ? `; on the right: ${m.label}` : "");
}

// State, kept in the address: #metric=perplexity&colour=metric&example=ID

function readHash() {
  if (!location.hash.includes("=")) return;
  const given = new URLSearchParams(location.hash.slice(1));
  state.metric = measured.find((m) => m.name === given.get("metric")) || state.metric;
  if (given.has("colour")) state.colour = given.get("colour") === "metric" ? "metric" : "";
  if (given.has("example")) state.example = given.get("example");
}

function writeHash() {
  const given = new URLSearchParams();
  if (state.metric) given.set("metric", state.metric.name);
  if (state.colour) given.set("colour", state.colour);
  if (state.example) given.set("example", state.example);
  history.replaceState(null, "", `#${given}`);
}

function draw() {
  for (const link of document.querySelectorAll("a.card")) {
    if (state.metric && link.dataset.metric === state.metric.name) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  if (state.metric) $("metric").value = state.metric.name;
  if ($("plane")) {
    $("colour").value = state.colour;
    paint();
    kept = points.find((p) => data.examples[p.index].id === state.example) || null;
    see(kept || nearest(SIZE / 2, SIZE / 2, shown()));
  }
  drawTails();
  drawList();
}

function start() {
  $("metric").append(...measured.map((m) => make("option", { value: m.name }, m.label)));
  $("metric").disabled = !measured.length;
  $("metric").addEventListener("change", (event) => { state.metric = measured.find((m) => m.name === event.target.value); writeHash(); draw(); });
  for (const link of document.querySelectorAll("a.card")) link.addEventListener("click", () => $("ends").scrollIntoView());
  if ($("plane")) {
    layOut();
    $("colour").addEventListener("change", (event) => { state.colour = event.target.value; writeHash(); paint(); });
    $("plane").addEventListener("pointermove", (event) => { if (!kept) see(at(event)); });
    $("plane").addEventListener("click", (event) => keep(at(event)));
    $("plane").addEventListener("keydown", onKey);
  }
  if ($("list")) {
    data.strategies.forEach((name, i) => $("strategy").append(make("option", { value: i }, name || "no strategy")));
    for (const id of ["query", "strategy", "order"]) $(id).addEventListener("input", drawList);
    document.querySelector(".filter").addEventListener("submit", (event) => event.preventDefault());
  }
  addEventListener("hashchange", () => { readHash(); draw(); });
  addEventListener("beforeprint", () => document.querySelectorAll(".reason").forEach((d) => { d.open = true; }));
  readHash();
  draw();
}

start();
