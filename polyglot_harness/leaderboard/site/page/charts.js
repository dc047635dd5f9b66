"use strict";
// The frame of all charts: drawn by plotly.js when they come into view, each with its numbers as a table.
// A chart is a function (board, view, chosen) -> { missing } or { traces, layout, says, table, ... }.
(() => {
  const P = POLYGLOT, { make, name } = P;
  const CONFIG = { displayModeBar: false, responsive: true, showTips: false, scrollZoom: false };
  const MOST_ROWS = 2000; // of a table
  const MARGIN = { l: 8, r: 12, t: 12, b: 8, pad: 4 };
  const charts = new Map();
  let board = null, view = null;

  // Text in a plot. Plotly takes a little HTML in labels, and a name must be taken for nothing but a name:
  // no tags, no templates (hover texts are given as they are), isolated whichever way it is written.
  const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
  const plain = (text) => String(text).replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, " ");
  const cut = (text, most) => { const signs = [...text]; return signs.length > most ? `${signs.slice(0, most - 1).join("")}…` : text; };
  const label = (text, most = 120) => `\u2068${cut(plain(text), most).replace(/[&<>]/g, (sign) => ENTITIES[sign])}\u2069`;
  const lines = (...parts) => parts.flat().filter(Boolean).join("<br>");
  const narrow = () => innerWidth < 600;
  const short = (text) => label(text, narrow() ? 16 : 36);

  function colours() {
    const style = getComputedStyle(document.documentElement);
    const found = Object.fromEntries(["card", "ink", "soft", "line", "grid", "accent", "page", "s0", "s1", "s2", "s3"].map((key) => [key, style.getPropertyValue(`--${key}`).trim()]));
    const dark = P.theme() === "dark";
    // Blue and orange are told apart by all kinds of colour vision; the middle is that of the page.
    found.diverging = dark
      ? [[0, "#f0913a"], [0.25, "#9a5f2c"], [0.5, "#26292d"], [0.75, "#33658a"], [1, "#6fc0f2"]]
      : [[0, "#b8520a"], [0.25, "#eda76b"], [0.5, "#f4f3ef"], [0.75, "#85b5db"], [1, "#0b5c9e"]];
    found.rising = dark ? [[0, "#26292d"], [0.5, "#33658a"], [1, "#6fc0f2"]] : [[0, "#f4f3ef"], [0.5, "#85b5db"], [1, "#0b5c9e"]];
    found.lines = ["s0", "s1", "s2", "s3"].map((key) => found[key]);
    return found;
  }

  // An axis of names, from the top. Plotly measures labels slowly, and several times: the room is given.
  const pen = document.createElement("canvas").getContext("2d");
  function nameAxis(names) {
    pen.font = `12px ${getComputedStyle(document.body).fontFamily}`;
    const ticktext = names.map((text) => short(text)), n = names.length;
    return {
      left: 14 + Math.ceil(Math.max(0, ...names.map((text) => pen.measureText(plain(cut(text, narrow() ? 16 : 36))).width))),
      axis: { automargin: false, tickvals: names.map((_, r) => r), ticktext, range: [n - 0.5, -0.5], showgrid: false, zeroline: false, ticklen: 0 },
    };
  }

  // Numbers in the cells of a heat map, in black or white, whichever is told apart better from the cell.
  const channels = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255);
  const luminance = (rgb) => rgb.map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);

  function shade(scale, share) {
    const k = Math.max(1, scale.findIndex(([at]) => at >= share)), [[low, a], [high, b]] = [scale[k - 1], scale[k]];
    const [from, to] = [channels(a), channels(b)], part = (share - low) / (high - low);
    return from.map((v, i) => v + part * (to[i] - v));
  }

  function written(z, text, { scale, low, high, size = 11 }) {
    const ink = (v) => (luminance(shade(scale, Math.min(1, Math.max(0, (v - low) / (high - low))))) > 0.18 ? "#111" : "#fff");
    const cells = z.flatMap((row, r) => row.map((v, j) => [v, r, j])).filter(([v]) => v != null);
    return {
      type: "scatter", mode: "text", x: cells.map(([, , j]) => j), y: cells.map(([, r]) => r), text: cells.map(([, r, j]) => text[r][j]),
      textfont: { size, color: cells.map(([v]) => ink(v)) }, hoverinfo: "skip", name: "numbers",
    };
  }

  // Ticks of a log axis, each with its whole number; plotly's own leave out the zeros.
  function logTicks(low, high, write) {
    const most = narrow() ? 5 : 10, sets = [[1], [1, 2, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9]];
    const decades = Array.from({ length: Math.ceil(Math.log10(high)) - Math.floor(Math.log10(low)) + 1 }, (_, k) => 10 ** (Math.floor(Math.log10(low)) + k));
    const found = sets.map((set) => decades.flatMap((d) => set.map((k) => k * d)).filter((v) => v >= low * 0.8 && v <= high * 1.25));
    const kept = found.findLast((ticks) => ticks.length > 1 && ticks.length <= most) || [...new Set([low, high])];
    return { tickmode: "array", tickvals: kept, ticktext: kept.map(write) };
  }

  function layout(own, c) {
    const axis = { color: c.soft, gridcolor: c.grid, zerolinecolor: c.line, linecolor: c.line, automargin: true, fixedrange: true };
    const font = { family: getComputedStyle(document.body).fontFamily, size: 12, color: c.soft };
    return {
      font, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", dragmode: false, showlegend: false, hovermode: "closest",
      height: 420,
      hoverlabel: { bgcolor: c.card, bordercolor: c.line, align: "left", font: { ...font, size: 13, color: c.ink } },
      ...own,
      margin: { ...MARGIN, ...own.margin },
      xaxis: { ...axis, ...own.xaxis }, yaxis: { ...axis, ...own.yaxis },
    };
  }

  // Controls: a choice is {id, label, options: [[value, text]], value}.

  function control(chart, choice) {
    const id = `${chart.id}-${choice.id}`;
    const select = make("select", { id }, choice.options.map(([value, text]) => make("option", { value, dir: "auto" }, text)));
    select.value = choice.value;
    select.addEventListener("change", () => { chart.chosen[choice.id] = select.value; draw(chart); });
    return make("div", { class: "field" }, make("label", { for: id }, choice.label), select);
  }

  function drawControls(chart, choices = []) {
    const wanted = choices.filter((choice) => choice.options.length > 1);
    const same = JSON.stringify(wanted);
    if (chart.same === same) return;
    const held = document.activeElement?.id;
    chart.controls.replaceChildren(...wanted.map((choice) => control(chart, choice)));
    if (held) chart.controls.querySelector(`#${CSS.escape(held)}`)?.focus();
    chart.same = same;
  }

  // The same numbers as a table, made when it is opened.

  function table({ head, rows }, title) {
    const cell = (value, i) => make(i ? "td" : "th", i ? { class: "num" } : { scope: "row" }, i ? String(value) : name(String(value)));
    const shown = rows.slice(0, MOST_ROWS);
    return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Numbers: ${title}` },
      make("table", { class: "numbers" },
        make("thead", {}, make("tr", {}, head.map((text, i) => make("th", { scope: "col", class: i ? "num" : null }, name(text))))),
        make("tbody", {}, shown.map((row) => make("tr", {}, row.map(cell))))),
      rows.length > shown.length ? make("p", { class: "foot" }, `${rows.length - shown.length} more rows are in leaderboard.csv.`) : null);
  }

  function fillTable(chart) {
    if (!chart.details.open || !chart.numbers) return;
    chart.body.replaceChildren(table(chart.numbers, chart.title));
  }

  // Drawing

  function frame(id, build) {
    const host = document.getElementById(`chart-${id}`);
    if (!host) return;
    const title = document.getElementById(`h-${id}`)?.textContent || id;
    const chart = {
      id: `chart-${id}`, title, host, build, chosen: {}, seen: false, stale: true, turn: 0,
      controls: make("div", { class: "filter" }), empty: make("p", { class: "empty", hidden: true }),
      window: make("div", { class: "window" }), plot: make("div", { class: "plot", role: "img", "aria-label": title }),
      words: make("p", { class: "foot" }), body: make("div"), numbers: null,
    };
    chart.details = make("details", { class: "more" }, make("summary", {}, "The same numbers as a table"), chart.body);
    chart.details.addEventListener("toggle", () => fillTable(chart));
    chart.window.append(chart.plot);
    host.replaceChildren(chart.controls, chart.empty, chart.window, chart.words, chart.details);
    charts.set(host, chart);
    watcher.observe(host);
  }

  async function draw(chart) {
    const bare = P.index && !P.index.boards.length;
    if (!chart.seen || !(board || bare)) { chart.stale = true; return; }
    chart.stale = false;
    const turn = ++chart.turn, c = colours();
    const found = bare ? { missing: "There are no boards yet." } : chart.build(board, view, chart.chosen, c);
    drawControls(chart, found.choices);
    chart.numbers = found.table || null;
    chart.empty.hidden = !found.missing;
    chart.empty.textContent = found.missing || "";
    chart.window.hidden = !found.traces;
    chart.details.hidden = !found.table;
    chart.words.textContent = found.words || "";
    chart.words.hidden = !found.words;
    fillTable(chart);
    if (!found.traces) { chart.host.dataset.drawn = "missing"; return; }
    chart.plot.setAttribute("aria-label", found.says);
    try {
      const Plotly = await P.plotly();
      if (turn !== chart.turn) return; // something newer is being drawn
      await Plotly.react(chart.plot, found.traces, layout(found.layout, c), CONFIG);
      chart.plot.removeAllListeners("plotly_click");
      if (found.click) chart.plot.on("plotly_click", (event) => found.click(event.points[0]));
      chart.host.dataset.drawn = "plot";
    } catch (error) {
      chart.window.hidden = true;
      chart.empty.hidden = false;
      chart.empty.textContent = `This chart cannot be drawn (${error.message}); its numbers are in the table.`;
      chart.host.dataset.drawn = "failed";
    }
  }

  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const chart = charts.get(entry.target);
      chart.seen = entry.isIntersecting;
      if (chart.seen && chart.stale) draw(chart);
    }
  }, { rootMargin: "300px" });

  const drawAll = () => { for (const chart of charts.values()) draw(chart); };
  document.addEventListener("DOMContentLoaded", drawAll);
  document.addEventListener("polyglot:theme", drawAll);
  matchMedia("(max-width: 599px)").addEventListener("change", drawAll);

  P.charts = {
    frame, label, short, lines, narrow, nameAxis, written, logTicks,
    draw(of, how) { board = of; view = how; drawAll(); },
  };
})();
