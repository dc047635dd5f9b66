"use strict";
// Charts of the board that is chosen: cost, languages, ranks, alpha. Places on axes are numbers and names are
// labels of ticks, so that no name is taken for a date or for another teacher of the same name.
(() => {
  const P = POLYGLOT, { show, quantity, flagText } = P, { frame, label, short, lines, narrow, nameAxis, written, logTicks } = P.charts;
  const times = (q) => (["points", "signed"].includes(quantity[q].kind) ? 100 : 1);
  const scaled = (q, value) => (value == null ? null : times(q) * value);
  const unit = (q) => (times(q) === 100 ? `${quantity[q].label}, points` : quantity[q].label);
  const languageName = (code) => P.index.languages[code]?.name || code;
  const between = (q, low, high) => (low == null || high == null ? "no interval" : `[${show(low, quantity[q].kind)}, ${show(high, quantity[q].kind)}]`);
  const many = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
  const sum = (row) => row.some((v) => v == null) ? null : row.reduce((a, b) => a + b, 0);
  const tall = (n, each) => Math.max(220, 70 + n * each);

  // What is wanted of teachers: their means, or one language.
  function valuesOf(board, view, q) {
    const j = view.language ? board.languages.indexOf(view.language) : -1;
    if (j < 0) {
      const { value, low, high } = board.means[q];
      return board.teachers.map((_, i) => [value[i], low?.[i], high?.[i]]);
    }
    const bounds = q === board.by ? board.interval : null;
    return board.teachers.map((_, i) => [board.cells[q]?.[i][j], bounds?.low[i][j], bounds?.high[i][j]]);
  }

  // Quality against cost

  const COSTS = {
    cost: ["Cost of the data, US dollars", "dollars", "dollars", (board, i, j) => (j < 0 ? board.cost[i] : board.cell_cost?.[i][j])],
    replies: ["Replies asked of the teacher", "replies", "count", (board, i, j) => {
      const examples = board.n_examples?.[i], share = board.cell_acceptance?.[i];
      if (!examples || !share) return null;
      const replies = examples.map((n, k) => (n != null && share[k] > 0 ? Math.round(n / share[k]) : null));
      return j < 0 ? sum(replies) : replies[j];
    }],
    size: ["Size of the teacher, billions of parameters", "size", "number", (board, i) => board.teachers[i].size_b],
  };

  function front(points) { // none is both cheaper and better
    let best = -Infinity;
    return [...points].sort((a, b) => a.x - b.x || b.y - a.y).filter((p) => p.y > best && ((best = p.y), true));
  }

  // Those whose names have room beside each other, the best first.
  function apart(points) {
    const [x, y] = [(p) => Math.log(Math.max(p.x, 1e-9)), (p) => p.y], span = (of) => Math.max(...points.map(of)) - Math.min(...points.map(of)) || 1;
    const [wide, high] = [span(x), span(y)], kept = [];
    for (const p of [...points].reverse()) {
      if (kept.length < 12 && kept.every((o) => Math.abs(x(o) - x(p)) > 0.25 * wide || Math.abs(y(o) - y(p)) > 0.07 * high)) kept.push(p);
    }
    return kept;
  }

  frame("cost", (board, view, chosen, c) => {
    const q = board.by, j = view.language ? board.languages.indexOf(view.language) : -1;
    const values = valuesOf(board, view, q);
    const costOf = (key) => view.rows.map((i) => ({ i, x: COSTS[key][3](board, i, j), y: values[i][0], low: values[i][1], high: values[i][2] }));
    const known = Object.fromEntries(Object.keys(COSTS).map((key) => [key, costOf(key).filter((p) => p.x != null && p.y != null)]));
    const there = Object.keys(COSTS).filter((key) => known[key].length);
    if (!there.length) {
      return { missing: values.some(([y]) => y != null)
        ? "No teacher here has both a score and a cost: there are no prices in the cards, and neither replies nor sizes are known."
        : `No teacher here has a ${quantity[q].label} score${view.language ? "" : " in every language of the board"}.` };
    }
    const key = there.includes(chosen.by) ? chosen.by : there[0], [title, , kind] = COSTS[key];
    const points = known[key], least = Math.min(...points.map((p) => p.x).filter((x) => x > 0), 1);
    const free = points.filter((p) => p.x <= 0);
    const at = (p) => (p.x > 0 ? p.x : least / 3); // a log axis has no place for nothing
    const lowest = Math.min(...points.map(at)), highest = Math.max(...points.map(at)), dear = points.map((p) => p.x).filter((x) => x > 0);
    const ticks = dear.length ? logTicks(Math.min(...dear), highest, (v) => show(v, kind)) : { tickmode: "array", tickvals: [], ticktext: [] };
    if (free.length) { ticks.tickvals.unshift(least / 3); ticks.ticktext.unshift(show(0, kind)); }
    const best = front(points), on = new Set(best.map((p) => p.i));
    const says = (p) => lines(`<b>${label(board.teachers[p.i].name)}</b>`, `${quantity[q].label} ${show(p.y, quantity[q].kind)} ${between(q, p.low, p.high)}`,
      `${title}: ${show(p.x, kind)}`, label(board.teachers[p.i].licence || "licence not stated"), on.has(p.i) ? "on the Pareto front" : "");
    const series = (found, more) => ({
      type: "scatter", mode: "markers", x: found.map(at), y: found.map((p) => scaled(q, p.y)), hoverinfo: "text", hovertext: found.map(says),
      customdata: found.map((p) => p.i), ...more,
      error_y: { visible: found.length <= 60, type: "data", symmetric: false, array: found.map((p) => (p.high == null ? 0 : Math.max(0, scaled(q, p.high - p.y)))), arrayminus: found.map((p) => (p.low == null ? 0 : Math.max(0, scaled(q, p.y - p.low)))), width: 0, thickness: 1, color: more.marker.color },
    });
    const rest = points.filter((p) => !on.has(p.i)), shown = apart(best);
    const chosenPoint = points.find((p) => board.teachers[p.i].slug === view.selected);
    const unpriced = view.rows.length - points.length;
    return {
      choices: [{ id: "by", label: "Cost as", value: key, options: there.map((one) => [one, COSTS[one][1]]) }],
      traces: [
        series(rest, { name: "others", opacity: rest.length > 60 ? 0.5 : 0.9, marker: { color: c.soft, size: 7, symbol: "circle-open", line: { width: 1.5 } } }),
        { type: "scatter", mode: "lines", x: best.map(at), y: best.map((p) => scaled(q, p.y)), line: { shape: "hv", color: c.s0, width: 1.5, dash: "dot" }, hoverinfo: "skip", name: "Pareto front" },
        { ...series(best, { name: "front", marker: { color: c.s0, size: 10, symbol: "diamond" } }) },
        { type: "scatter", mode: "text", x: shown.map(at), y: shown.map((p) => scaled(q, p.y)), text: shown.map((p) => `\u00a0\u00a0${short(board.teachers[p.i].name)}\u00a0\u00a0`), textposition: shown.map((p) => (at(p) > Math.sqrt(lowest * highest) ? "top left" : "top right")), textfont: { color: c.ink, size: 12 }, hoverinfo: "skip", cliponaxis: false, name: "labels" },
        ...(chosenPoint ? [{ type: "scatter", mode: "markers", x: [at(chosenPoint)], y: [scaled(q, chosenPoint.y)], marker: { symbol: "circle-open", size: 18, color: c.ink, line: { width: 2 } }, hoverinfo: "skip", name: "selected" }] : []),
      ],
      layout: {
        height: narrow() ? 380 : 460,
        xaxis: { type: "log", title: { text: `${title} (log)` }, ...ticks },
        yaxis: { title: { text: `${unit(q)}${view.language ? `, ${languageName(view.language)}` : ""}` }, zeroline: true },
      },
      says: `${quantity[q].label} against cost of ${many(points.length, "teacher")}. On the Pareto front, cheapest first: ${best.map((p) => `${board.teachers[p.i].name} (${show(p.x, kind)}, ${show(p.y, quantity[q].kind)})`).join("; ")}.`,
      words: [`Diamonds joined by the line: the Pareto front. ${rest.length > 60 ? "Upright lines: 95 % intervals, of the front." : "Upright lines: 95 % intervals."}`, free.length ? `${many(free.length, "teacher")} ${free.length === 1 ? "costs" : "cost"} nothing and ${free.length === 1 ? "stands" : "stand"} at $0, which a log axis does not have.` : "", unpriced ? `${many(unpriced, "teacher")} without ${key === "cost" ? "a price" : "this number"} or without a score ${unpriced === 1 ? "is" : "are"} not drawn.` : "", there.includes("cost") ? "" : "There are no prices in the cards."].filter(Boolean).join(" "),
      table: { head: ["Teacher", title, quantity[q].label, "95 % interval", "Pareto front"], rows: [...points].sort((a, b) => a.x - b.x).map((p) => [board.teachers[p.i].name, show(p.x, kind), show(p.y, quantity[q].kind), between(q, p.low, p.high), on.has(p.i) ? "yes" : "no"]) },
      click: (point) => point.customdata != null && P.go({ teacher: board.teachers[point.customdata].slug }),
    };
  });

  // Teachers by language

  const OF_ANCHORS = ["pgr", "score"];
  const TOP = [["40", "first 40"], ["100", "first 100"], ["all", "all"]];
  const top = (rows, chosen) => (chosen === "all" ? rows : rows.slice(0, Number(chosen || 40)));

  frame("languages", (board, view, chosen, c) => {
    const there = Object.keys(quantity).filter((q) => board.cells[q]);
    if (!there.length || !board.languages.length) return { missing: "No cell of this board has a number." };
    if (!view.rows.length) return { missing: "No teacher passes the filters." };
    const q = there.includes(chosen.quantity) ? chosen.quantity : there.includes("gain") ? "gain" : there[0];
    const rows = top(view.rows, chosen.top), n = rows.length, m = board.languages.length;
    const values = rows.map((i) => board.cells[q][i].map((v) => scaled(q, v)));
    const unsound = (i, j) => OF_ANCHORS.includes(q) && board.unsound?.[i][j];
    const known = values.flat().filter((v) => v != null);
    if (!known.length) return { missing: `None of these teachers has ${quantity[q].label} in any language.`, choices: [quantityChoice(there, q)] };
    const sizes = known.map(Math.abs).sort((a, b) => a - b), most = sizes[Math.floor(0.98 * (sizes.length - 1))] || 1;
    const low = Math.min(...known), high = Math.max(...known), rising = q === "raw";
    const [scale, zmin, zmax] = rising ? [c.rising, low, high > low ? high : low + 1] : [c.diverging, -most, most];
    const text = rows.map((i) => board.languages.map((_, j) => show(board.cells[q][i][j], quantity[q].kind)));
    const hover = rows.map((i, r) => board.languages.map((code, j) => lines(`<b>${label(board.teachers[i].name)}</b>`, `${label(languageName(code))} (${label(code)})`,
      `${quantity[q].label} ${text[r][j]}${q === board.by && board.interval ? ` ${between(q, board.interval.low[i][j], board.interval.high[i][j])}` : ""}`,
      values[r][j] == null ? "not measured" : "", board.flag_sets[board.flags[i][j]].map((flag) => label(flagText(flag), 90)))));
    const places = (test) => rows.flatMap((i, r) => board.languages.map((_, j) => [i, r, j])).filter(([i, r, j]) => test(i, r, j));
    const gone = places((_, r, j) => values[r][j] == null), struck = places((i, r, j) => values[r][j] != null && unsound(i, j));
    const marks = (found, symbol, colour, title) => (found.length && found.length <= 3000 ? [{
      type: "scatter", mode: "markers", x: found.map(([, , j]) => j), y: found.map(([, r]) => r), marker: { symbol, size: m > 20 ? 6 : 9, color: colour, line: { color: colour, width: 1.4 } }, hoverinfo: "skip", name: title }] : []);
    const names = nameAxis(rows.map((i) => board.teachers[i].name));
    const gap = n > 100 ? 0 : 1, roomy = m <= (narrow() ? 4 : 13) && n <= 100;
    return {
      choices: [quantityChoice(there, q), ...(view.rows.length > 40 ? [{ id: "top", label: "Teachers", value: chosen.top || "40", options: TOP }] : [])],
      traces: [
        ...(gone.length ? [{ type: "heatmap", z: values.map((row) => row.map((v) => (v == null ? 1 : null))), colorscale: [[0, c.grid], [1, c.grid]], showscale: false, hoverinfo: "text", hovertext: hover, hoverongaps: false, xgap: gap, ygap: gap, name: "not measured" }] : []),
        { type: "heatmap", z: values, hoverinfo: "text", hovertext: hover, hoverongaps: false, xgap: gap, ygap: gap, name: quantity[q].label, showscale: !narrow(),
          colorscale: scale, zmin, zmax,
          colorbar: { thickness: 10, len: Math.min(1, 260 / tall(n, 22)), y: 1, yanchor: "top", outlinewidth: 0, tickcolor: c.soft, tickfont: { size: 11 } } },
        ...(roomy ? [written(values, text, { scale, low: zmin, high: zmax })] : []),
        ...marks(gone, "x-thin-open", c.soft, "missing"), ...marks(struck, "line-ew-open", c.ink, "unsound"),
      ],
      layout: {
        height: tall(n, n > 100 ? 15 : 22),
        xaxis: { tickvals: board.languages.map((_, j) => j), ticktext: board.languages.map((code) => (m <= 8 && !narrow() ? label(languageName(code), 20) : label(code, 8))), side: "top", range: [-0.5, m - 0.5], showgrid: false, zeroline: false, ticklen: 0 },
        yaxis: names.axis, margin: { l: names.left },
      },
      says: `${quantity[q].label} of ${many(n, "teacher")} in ${many(m, "language")}, from ${show(low / times(q), quantity[q].kind)} to ${show(high / times(q), quantity[q].kind)}; ${gone.length} cells missing, ${struck.length} unsound.`,
      words: [`${quantity[q].long}.`, rising ? "Darker or brighter than the page: higher." : "Blue: above 0; orange: below; the strongest colour stands for the outermost 2 % too.", gone.length ? "Grey and ×: not measured." : "", struck.length ? "A line through the cell: the anchor is unsound, the number says nothing." : "", view.rows.length > n ? `${view.rows.length - n} more teachers are not drawn.` : ""].filter(Boolean).join(" "),
      table: { head: ["Teacher", ...board.languages], rows: rows.map((i, r) => [board.teachers[i].name, ...text[r].map((t, j) => (t !== "–" && unsound(i, j) ? `${t} (unsound)` : t))]) },
      click: (point) => point.pointIndex?.length && P.go({ teacher: board.teachers[rows[point.pointIndex[0]]].slug }),
    };
  });

  const quantityChoice = (there, q) => ({ id: "quantity", label: "Show", value: q, options: there.map((one) => [one, quantity[one].label]) });

  // Ranks

  frame("ranks", (board, view, chosen, c) => {
    const { rank, low, high } = board.rank, rows = view.rows.filter((i) => rank[i] != null && low[i] != null && high[i] != null).sort((a, b) => rank[a] - rank[b]);
    if (!rows.length) return { missing: !view.rows.length ? "No teacher passes the filters." : view.rows.some((i) => rank[i] != null) ? "The ranks of these teachers have no intervals." : `None of these teachers is ranked: the ${quantity[board.by].label} score of each lacks a language.` };
    const found = top(rows, chosen.top), n = found.length, unranked = view.rows.length - rows.length;
    const says = (i) => lines(`<b>${label(board.teachers[i].name)}</b>`, `rank ${rank[i]}, 95 % interval ${show(low[i])} to ${show(high[i])}`, `${quantity[board.by].label} ${show(board.means[board.by].value[i], quantity[board.by].kind)}`);
    const names = nameAxis(found.map((i) => board.teachers[i].name));
    const chosenRow = found.findIndex((i) => board.teachers[i].slug === view.selected);
    return {
      choices: rows.length > 40 ? [{ id: "top", label: "Teachers", value: chosen.top || "40", options: TOP }] : [],
      traces: [{
        type: "scatter", mode: "markers", x: found.map((i) => rank[i]), y: found.map((_, r) => r), hoverinfo: "text", hovertext: found.map(says), customdata: found, cliponaxis: false, name: "rank",
        marker: { color: c.s0, size: found.map((_, r) => (r === chosenRow ? 13 : 8)), symbol: found.map((_, r) => (r === chosenRow ? "diamond" : "circle")) },
        error_x: { type: "data", symmetric: false, array: found.map((i) => Math.max(0, high[i] - rank[i])), arrayminus: found.map((i) => Math.max(0, rank[i] - low[i])), color: c.s0, thickness: 2, width: 4 },
      }],
      layout: {
        height: tall(n, n > 100 ? 15 : 24), margin: { l: names.left, r: 16 },
        xaxis: { title: { text: "Rank, 1 is best" }, range: [0.5, Math.max(...found.map((i) => high[i])) + 0.5], tickformat: "d", tick0: 1, ...(rank.length <= 20 ? { dtick: 1 } : {}), zeroline: false, side: n > 40 ? "top" : "bottom" },
        yaxis: { ...names.axis, showgrid: true },
      },
      says: `Ranks of ${many(n, "teacher")} with 95 % intervals. ${found.slice(0, 3).map((i) => `${board.teachers[i].name}: rank ${rank[i]}, ${show(low[i])} to ${show(high[i])}`).join("; ")}.`,
      words: [view.language ? "Ranks are of all languages of the board." : "", rows.length > n ? `${rows.length - n} more are not drawn.` : "", unranked ? `${many(unranked, "teacher")} without a rank or interval ${unranked === 1 ? "is" : "are"} not drawn.` : ""].filter(Boolean).join(" "),
      table: { head: ["Teacher", "Rank", "from", "to"], rows: found.map((i) => [board.teachers[i].name, show(rank[i]), show(low[i]), show(high[i])]) },
      click: (point) => point.customdata != null && P.go({ teacher: board.teachers[point.customdata].slug }),
    };
  });

  // Alpha

  frame("robustness", (board, view, chosen, c) => {
    const it = board.robustness;
    if (!it || !it.rho.length) return { missing: it ? `${many(it.n, "teacher")} of this board ${it.n === 1 ? "has" : "have"} z and PGR in every language; a correlation of orders needs ${it.needed}.` : "Not computed for this board." };
    const text = it.rho.map((row) => row.map((v) => show(v, "ratio"))), names = it.alphas.map(String), places = it.alphas.map((_, i) => i);
    const axis = { tickvals: places, ticktext: names, showgrid: false, zeroline: false, ticklen: 0 };
    return {
      traces: [{ type: "heatmap", z: it.rho, hoverinfo: "text", hovertext: it.rho.map((row, i) => row.map((_, j) => `alpha ${names[i]} and ${names[j]}: Spearman ${text[i][j]}`)), colorscale: c.diverging, zmin: -1, zmax: 1, xgap: 2, ygap: 2, showscale: false, name: "Spearman" }, written(it.rho, text, { scale: c.diverging, low: -1, high: 1, size: 12 })],
      layout: { height: 320, width: narrow() ? undefined : 520, xaxis: { ...axis, title: { text: "alpha" }, side: "top" }, yaxis: { ...axis, title: { text: "alpha" }, range: [names.length - 0.5, -0.5] } },
      says: `Spearman correlations of the orders of ${it.n} teachers between alphas ${names.join(", ")}. Between ${names[0]} and ${names.at(-1)}: ${text[0].at(-1)}.`,
      words: `Of ${many(it.n, "teacher")} with z and PGR in every language. alpha 0 is PGR alone, alpha 1 is z alone.${board.unsound ? " PGR of this board is unsound in places." : ""}`,
      table: { head: ["alpha", ...names], rows: text.map((row, i) => [names[i], ...row]) },
    };
  });
})();
