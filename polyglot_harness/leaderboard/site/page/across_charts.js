"use strict";
// Charts over all boards: families, sizes of data, components of the metrics. They follow no filter.
(() => {
  const P = POLYGLOT, { show } = P, { frame, label, short, lines, narrow, nameAxis, written, logTicks } = P.charts;
  const many = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
  const within = (it) => (it.low == null ? "no interval" : `[${show(it.low, "signed")}, ${show(it.high, "signed")}]`);
  const percent = (value) => value == null ? null : 100 * value;
  const across = () => P.index.across || {};

  // Families

  const MEASURES = [["gain", "mean gain"], ["lead", "lead over other families"]];
  const COUNTED = { gain: "n", lead: "n_lead" };

  frame("families", (board, view, chosen, c) => {
    const it = across().families;
    if (!it?.cells.length) return { missing: "No cell with a gain names the family of both its teacher and its student (the field family of their cards)." };
    const which = MEASURES.filter(([key]) => it.cells.some((cell) => cell[key].mean != null));
    const key = which.some(([one]) => one === chosen.measure) ? chosen.measure : "gain";
    const { teachers, students } = it, at = new Map(it.cells.map((cell) => [JSON.stringify([cell.teacher, cell.student]), cell]));
    const grid = teachers.map((t) => students.map((s) => { const cell = at.get(JSON.stringify([t, s])); return cell?.[key].mean == null ? null : cell; }));
    const z = grid.map((row) => row.map((cell) => percent(cell?.[key].mean)));
    const known = z.flat().filter((v) => v != null), most = Math.max(...known.map(Math.abs)) || 1;
    const says = (cell) => `${show(cell[key].mean, "signed")} points ${within(cell[key])}, ${many(cell[COUNTED[key]], "cell")} of ${many(cell.teachers, "teacher")}`;
    const roomy = students.length <= (narrow() ? 3 : 10);
    const inCell = (cell) => `${show(cell[key].mean, "signed")}${students.length <= 5 && !narrow() && cell[key].low != null ? ` ${within(cell[key])}` : ""}<br>n ${cell[COUNTED[key]]}`;
    const hover = grid.map((row, r) => row.map((cell, j) => lines(`<b>${label(teachers[r])}</b> teaches <b>${label(students[j])}</b>`, cell ? says(cell) : "not measured")));
    const names = nameAxis(teachers);
    const gone = grid.flatMap((row, r) => row.map((cell, j) => (cell ? null : [r, j]))).filter(Boolean);
    const same = teachers.flatMap((t, r) => students.includes(t) ? [[r, students.indexOf(t)]] : []);
    return {
      choices: [{ id: "measure", label: "Show", value: key, options: which }],
      traces: [
        { type: "heatmap", z, hoverinfo: "text", hovertext: hover, colorscale: c.diverging, zmin: -most, zmax: most, xgap: 2, ygap: 2, name: key, showscale: !narrow(),
          colorbar: { thickness: 10, len: 0.9, outlinewidth: 0, title: { text: "points", font: { size: 11 } }, tickfont: { size: 11 } } },
        ...(roomy ? [written(z, grid.map((row) => row.map((cell) => (cell ? inCell(cell) : ""))), { scale: c.diverging, low: -most, high: most })] : []),
        ...(gone.length ? [{ type: "scatter", mode: "markers", x: gone.map(([, j]) => j), y: gone.map(([r]) => r), marker: { symbol: "x-thin-open", size: 9, color: c.soft }, hoverinfo: "skip", name: "missing" }] : []),
      ],
      layout: {
        height: Math.max(240, 90 + teachers.length * 44),
        shapes: same.map(([r, j]) => ({ type: "rect", x0: j - 0.48, x1: j + 0.48, y0: r - 0.46, y1: r + 0.46, line: { color: c.ink, width: 2 } })),
        xaxis: { tickvals: students.map((_, j) => j), ticktext: students.map((s) => label(s, narrow() ? 10 : 24)), title: { text: "family of the student" }, side: "top", range: [-0.5, students.length - 0.5], showgrid: false, zeroline: false, ticklen: 0 },
        yaxis: { ...names.axis, title: { text: narrow() ? "" : "family of the teacher" } }, margin: { l: names.left + (narrow() ? 0 : 24) },
      },
      says: `${key === "gain" ? "Mean gain" : "Lead over other families"} by family: ${it.cells.filter((cell) => cell[key].mean != null).slice(0, 6).map((cell) => `${cell.teacher} teaches ${cell.student}: ${says(cell)}`).join("; ")}.`,
      words: [key === "gain" ? "Mean gain in points of accuracy over all cells of all boards; languages and conditions differ between cells, so choose the lead to compare families." : "How far a cell is ahead of the mean of other families' teachers on the same board and in the same language, in points.",
        "95 % intervals take all cells of a teacher as one; of a single teacher there is none.", same.length ? "Outlined: teacher and student of one family." : "No family both teaches and learns.", it.left_out ? `${many(it.left_out, "cell")} without a family ${it.left_out === 1 ? "is" : "are"} left out.` : ""].join(" "),
      table: { head: ["Teacher's family", "Student's family", "Points", "95 % interval", "Cells", "Teachers"], rows: it.cells.map((cell) => [cell.teacher, cell.student, show(cell[key].mean, "signed"), within(cell[key]), cell[COUNTED[key]], cell.teachers]) },
    };
  });

  // More data

  const LINES = 8; // more cannot be told apart
  const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "circle-open", "square-open", "diamond-open", "triangle-up-open"];

  frame("scaling", (board, view, chosen, c) => {
    const it = across().scaling;
    if (!it?.series.length) return { missing: "No teacher was measured with the same student under the same conditions at more than one size." };
    const groupOf = (s) => JSON.stringify([s.student, s.mixture, s.languages, s.conditions]);
    const groups = [...new Map(it.series.map((s) => [groupOf(s), s])).entries()];
    const group = groups.some(([key]) => key === chosen.group) ? chosen.group : groups[0][0];
    const there = it.series.filter((s) => groupOf(s) === group).sort((a, b) => b.points.at(-1).gain - a.points.at(-1).gain);
    const found = there.slice(0, LINES), sizes = found.flatMap((s) => s.points.map((p) => p.n));
    const says = (s, p) => lines(`<b>${label(s.teacher)}</b>`, `${show(p.n)} examples${p.asked == null || p.asked === p.n ? "" : ` (${show(p.asked)} asked for)`}`, `gain ${show(p.gain, "signed")} points ${within(p)}`);
    const text = ([, s], i) => `${s.student}, ${s.mixture}, ${s.languages.length > 4 ? `${s.languages.length} languages` : s.languages.join(" ")}${groups.filter(([, o]) => o.student === s.student && o.mixture === s.mixture && String(o.languages) === String(s.languages)).length > 1 ? ` (${i + 1})` : ""}`;
    return {
      choices: [{ id: "group", label: "Student and conditions", value: group, options: groups.map((g, i) => [g[0], text(g, i)]) }],
      traces: found.map((s, k) => ({
        type: "scatter", mode: "lines+markers", name: short(s.teacher), x: s.points.map((p) => p.n), y: s.points.map((p) => percent(p.gain)), hoverinfo: "text", hovertext: s.points.map((p) => says(s, p)),
        line: { color: c.lines[k % 4], width: 2, dash: k < 4 ? "solid" : "dash" }, marker: { symbol: SYMBOLS[k], size: 8, color: c.lines[k % 4] },
        error_y: { type: "data", symmetric: false, width: 3, thickness: 1, color: c.lines[k % 4], array: s.points.map((p) => (p.high == null ? 0 : Math.max(0, percent(p.high - p.gain)))), arrayminus: s.points.map((p) => (p.low == null ? 0 : Math.max(0, percent(p.gain - p.low)))) },
      })),
      layout: {
        height: narrow() ? 560 : 420, showlegend: true, legend: { orientation: "h", y: narrow() ? -0.32 : -0.22, itemclick: false, itemdoubleclick: false, font: { color: c.ink } },
        xaxis: { type: "log", title: { text: narrow() ? "Accepted examples (log)" : "Accepted examples, mean over languages (log)" }, ...logTicks(Math.min(...sizes), Math.max(...sizes), (v) => show(v)) },
        yaxis: { title: { text: "Gain, points" }, zeroline: true },
      },
      says: `Gain by number of examples of ${many(found.length, "teacher")}. ${found.map((s) => `${s.teacher}: ${s.points.map((p) => `${show(p.n)} examples ${show(p.gain, "signed")}`).join(", ")}`).join("; ")}.`,
      words: ["Upright lines: 95 % intervals.", there.length > found.length ? `${many(there.length - found.length, "more teacher")} ${there.length - found.length === 1 ? "is" : "are"} in the table.` : "", it.left_out ? `${it.left_out} more series are in leaderboard.csv.` : ""].filter(Boolean).join(" "),
      table: { head: ["Teacher", "Examples", "Gain, points", "95 % interval"], rows: there.flatMap((s) => s.points.map((p) => [s.teacher, show(p.n), show(p.gain, "signed"), within(p)])) },
    };
  });

  // Components

  frame("pca", (board, view, chosen, c) => {
    const own = across().pca;
    if (!own) return { missing: "Not computed for these results." };
    const lacking = own.loadings.length ? "" : own.metrics.length < 2
      ? "Fewer than two of the six metrics vary over these results, so they have no components."
      : `${many(own.n, "cell")} ${own.n === 1 ? "has" : "have"} all of ${own.metrics.join(", ")}; components need ${own.needed}, so ${many(own.needed - own.n, "cell")} ${own.needed - own.n === 1 ? "is" : "are"} lacking.`;
    const which = chosen.of === "published" || lacking ? "published" : "own", it = which === "own" ? own : own.published;
    const { metrics } = it, parts = it.loadings.slice(0, narrow() ? 3 : 6);
    const z = metrics.map((_, m) => parts.map((row) => row[m])), text = z.map((row) => row.map((v) => show(v, "z")));
    const head = parts.map((_, k) => `PC${k + 1}`), said = metrics.map((m) => m.replaceAll("_", " ")), names = nameAxis(said);
    return {
      missing: lacking ? `${lacking} Below: those of the paper.` : null,
      choices: lacking ? [] : [{ id: "of", label: "Loadings of", value: which, options: [["own", "these results"], ["published", "arXiv 2604.11290"]] }],
      traces: [{ type: "heatmap", z, hoverinfo: "text", hovertext: z.map((row, m) => row.map((_, k) => lines(`<b>${label(said[m])}</b>`, `${head[k]} (${show(it.ratio[k], "share")} of the variance)`, `loading ${text[m][k]}`))), colorscale: c.diverging, zmin: -1, zmax: 1, xgap: 2, ygap: 2, colorbar: { thickness: 10, len: 0.9, outlinewidth: 0, tickfont: { size: 11 } }, name: "loadings", showscale: !narrow() }, written(z, text, { scale: c.diverging, low: -1, high: 1, size: 12 })],
      layout: {
        height: 90 + 44 * metrics.length,
        xaxis: { tickvals: parts.map((_, k) => k), ticktext: head.map((text, k) => `${text}<br>${show(it.ratio[k], "share")}`), side: "top", showgrid: false, zeroline: false, ticklen: 0 },
        yaxis: names.axis, margin: { l: names.left },
      },
      says: `Loadings of ${metrics.length} metrics over ${it.n} cells${which === "published" ? ", published" : ""}. ${head.slice(0, 2).map((text, k) => `${text}, ${show(it.ratio[k], "share")} of the variance: ${said.map((m, i) => `${m} ${show(parts[k][i], "z")}`).join(", ")}`).join(". ")}.`,
      words: [`Correlation of each component with each metric, over ${it.n} cells${which === "published" ? " of the paper's released results (base student OLMo 3)" : ""}; under each component its share of the variance. Signs of a component may be turned as one.`,
        which === "own" && own.left_out.length ? `Left out, as too few cells have them: ${own.left_out.join(", ")}.` : "", which === "own" && own.constant.length ? `Left out, as they do not vary: ${own.constant.join(", ")}.` : ""].filter(Boolean).join(" "),
      table: { head: ["Metric", ...it.ratio.map((v, k) => `PC${k + 1} (${show(v, "share")})`)], rows: said.map((m, i) => [m, ...it.loadings.map((row) => show(row[i], "z"))]) },
    };
  });
})();
