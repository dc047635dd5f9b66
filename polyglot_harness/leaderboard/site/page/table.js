"use strict";
// The table of one board: columns, filters of its teachers, order, pages of rows.
(() => {
  const P = POLYGLOT, { make, show } = P;
  const $ = (id) => document.getElementById(id);
  const PAGE = 100;
  const SHORT = { anchor_inverted: "inverted", anchor_weak: "weak", anchor_inconsistent: "inconsistent", small_pool: "small pool" };
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  // What is shown: means over all languages, or the cells of one. Arrays by teacher; null where there is nothing.

  function view(board, language) {
    const l = board.languages.indexOf(language), column = (cells) => cells && cells.map((row) => row[l]);
    if (l < 0) {
      const { low, high } = board.means[board.by];
      return {
        language: null, low, high, rank: board.rank.rank, ranks: board.rank, cost: board.cost, acceptance: board.acceptance,
        value: (name) => board.means[name].value, flags: board.teacher_flags,
        unsound: board.unsound && board.unsound.map((row) => row.includes(1)),
      };
    }
    const by = column(board.cells[board.by]) || board.teachers.map(() => null);
    const sorted = by.filter((v) => v != null).sort((a, b) => b - a), places = new Map();
    sorted.forEach((v, i) => { if (!places.has(v)) places.set(v, i + 1); });
    return {
      language, low: board.interval && column(board.interval.low), high: board.interval && column(board.interval.high),
      rank: by.map((v) => places.get(v) ?? null), ranks: null, cost: column(board.cell_cost), acceptance: column(board.cell_acceptance),
      examples: column(board.n_examples), items: column(board.n_items),
      value: (name) => column(board.cells[name]), flags: column(board.flags), unsound: column(board.unsound),
    };
  }

  // Columns. `up`: whether less comes first; `struck`: whether an unsound anchor strikes it through.

  function columns(board, seen) {
    const other = board.by === "score" ? "stable" : "score", facts = (name) => board.teachers.map((t) => t[name] || null);
    const measured = (name) => ({ key: name, ...P.quantity[name], values: seen.value(name), struck: name === "pgr" || name === "score" });
    const all = [
      { key: "rank", label: "#", long: "Rank by the score that ranks, with its 95 % interval", values: seen.rank, up: true, cls: "rank", draw: drawRank },
      { key: "teacher", label: "Teacher", long: "Its page says more", values: facts("name"), text: true, up: true, cls: "who", draw: drawTeacher },
      { ...measured(board.by), cls: "score", draw: drawScore },
      ...["gain", "pgr", "z", "raw", other].map(measured),
      { key: "acceptance", label: "Accept", long: "Share of its replies that became training examples", kind: "share", values: seen.acceptance },
      { key: "examples", label: "Examples", long: "Accepted examples", kind: "count", values: seen.examples },
      { key: "items", label: "Items", long: "Items that its student was evaluated on", kind: "count", values: seen.items },
      { key: "cost", label: "Cost", long: "US dollars that its replies cost, by the prices of its card", kind: "dollars", values: seen.cost, up: true },
      { key: "size", label: "Size, B", long: "Billions of parameters", kind: "number", values: facts("size_b"), up: true },
      { key: "licence", label: "Licence", long: "Of the weights, or of the service", values: facts("licence"), text: true, up: true, cls: "licence" },
      { key: "flags", label: "Flags", long: "What to beware of", values: seen.flags && seen.flags.map((f) => board.flag_sets[f].length || null), up: true, cls: "flags", draw: drawFlags },
    ];
    return all.filter((c) => c.values && (["rank", "teacher", board.by].includes(c.key) || c.values.some((v) => v != null)));
  }

  // Cells

  const number = (value) => (Number.isInteger(value) ? value : show(value));

  function drawRank(board, seen, i) {
    const cell = make("td", { class: "rank" }, seen.rank[i] == null ? "–" : String(seen.rank[i]));
    const low = seen.ranks?.low[i], high = seen.ranks?.high[i];
    if (seen.rank[i] != null && low != null && high != null) cell.append(make("span", { class: "between", title: "95 % interval of the rank" }, low === high ? `${number(low)}` : `${number(low)}–${number(high)}`));
    return cell;
  }

  function drawTeacher(board, seen, i) {
    const { name, slug } = board.teachers[i];
    return make("th", { scope: "row", class: "who" }, make("a", { href: `teachers/${slug}.html`, title: name }, P.name(name)));
  }

  const struck = (seen, i, ...children) => (seen.unsound?.[i]
    ? make("s", {}, make("span", { class: "reader" }, "not sound: "), ...children) : make("span", {}, ...children));

  function drawScore(board, seen, i, column) {
    const cell = make("td", { class: "score" }), value = column.values?.[i];
    const inner = make("span", { class: "value" }, show(value, column.kind));
    cell.append(column.struck ? struck(seen, i, inner) : inner);
    if (value != null && column.scale) cell.append(drawInterval(column.scale, value, seen.low?.[i] ?? null, seen.high?.[i] ?? null));
    return cell;
  }

  const WIDE = 128, HIGH = 16, EDGE = 2;

  function drawInterval([from, to], value, low, high) {
    const x = (v) => EDGE + (WIDE - 2 * EDGE) * (to > from ? (v - from) / (to - from) : 0.5), mid = HIGH / 2, at = (v) => x(v).toFixed(1);
    const known = low != null && high != null;
    const said = known ? `95 % interval ${show(low, "z")} to ${show(high, "z")}` : "no interval";
    return make("svg", { class: "interval", viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", role: "img", "aria-label": said },
      make("title", {}, said),
      make("path", { class: "rail", d: `M${EDGE} ${mid}H${WIDE - EDGE}` }),
      from < 0 && to > 0 ? make("path", { class: "zero", d: `M${at(0)} 0V${HIGH}` }) : null,
      known ? make("rect", { class: "range", x: at(low), y: mid - 4, width: Math.max(x(high) - x(low), 1).toFixed(1), height: 8, rx: 1 }) : null,
      make("path", { class: "point", d: `M${at(value)} ${mid - 6}V${mid + 6}` }));
  }

  function drawFlags(board, seen, i) {
    return make("td", { class: "flags" }, ...board.flag_sets[seen.flags[i]].map((flag) =>
      make("button", { type: "button", class: "flag", "data-flag": flag, "aria-describedby": `flag-${known(board).indexOf(flag)}` }, SHORT[flag] || flag.replace(/_/g, " ").slice(0, 24))));
  }

  const known = (board) => [...new Set(board.flag_sets.flat())];

  function drawPlain(board, seen, i, column) {
    const value = column.values[i];
    if (column.text) return make("td", { class: column.cls }, value == null ? "–" : P.name(value));
    const text = show(value, column.kind);
    return make("td", { class: "num" }, column.struck && value != null ? struck(seen, i, text) : text);
  }

  // Head

  function drawHead(shown, state) {
    return make("tr", {}, ...shown.map((column) => {
      const sorted = column.key === state.sort, descending = sorted && Boolean(column.up) === (state.turn === "1");
      const head = make("th", { scope: "col", class: column.draw ? column.cls : column.text ? column.cls : "num", "aria-sort": sorted ? (descending ? "descending" : "ascending") : null },
        make("button", { type: "button", "data-sort": column.key, title: column.long }, column.label,
          make("span", { class: "way", "aria-hidden": "true" }, sorted ? (descending ? "↓" : "↑") : "")));
      if (column.scale) head.append(make("span", { class: "scale", "aria-hidden": "true" }, ...column.scale.map((v) => make("span", {}, show(v, column.kind)))));
      return head;
    }));
  }

  function scaleOf(values, seen) {
    const found = [...values || [], ...seen.low || [], ...seen.high || []].filter((v) => v != null);
    return found.length ? [Math.min(...found), Math.max(...found)] : null;
  }

  // Rows: those that pass the filters, in order

  function filtered(board, seen, state) {
    const words = (state.q || "").toLocaleLowerCase().split(/\s+/).filter(Boolean);
    const bound = (text) => (text == null || text === "" || !Number.isFinite(Number(text)) ? null : Number(text));
    const least = bound(state.size_min), most = bound(state.size_max), dear = bound(state.cost_max);
    return board.teachers.map((_, i) => i).filter((i) => {
      const teacher = board.teachers[i], cost = seen.cost?.[i];
      const all = `${teacher.name}\n${teacher.family}\n${teacher.licence}\n${teacher.revision}`.toLocaleLowerCase();
      return words.every((word) => all.includes(word))
        && (!state.family || teacher.family === state.family) && (!state.licence || teacher.licence === state.licence)
        && (least == null || (teacher.size_b != null && teacher.size_b >= least))
        && (most == null || (teacher.size_b != null && teacher.size_b <= most))
        && (dear == null || (cost != null && cost <= dear));
    });
  }

  function sorted(rows, column, turned) {
    const { values } = column, way = (column.up ? 1 : -1) * (turned ? -1 : 1);
    const compare = column.text ? (a, b) => collator.compare(values[a], values[b]) : (a, b) => values[a] - values[b];
    const there = rows.filter((i) => values[i] != null), missing = rows.filter((i) => values[i] == null);
    return there.sort((a, b) => way * compare(a, b) || a - b).concat(missing); // what is missing comes last, either way
  }

  function draw(board, state) {
    const seen = view(board, state.language), shown = columns(board, seen);
    const score = shown.find((c) => c.key === board.by);
    score.scale = scaleOf(score.values, seen);
    const column = shown.find((c) => c.key === state.sort) || shown[0];
    const rows = sorted(filtered(board, seen, state), column, state.turn === "1");
    const pages = Math.max(1, Math.ceil(rows.length / PAGE));
    const selected = rows.findIndex((i) => board.teachers[i].slug === state.teacher);
    const asked = state.page == null && selected >= 0 ? Math.floor(selected / PAGE) + 1 : Number(state.page) || 1;
    const page = Math.min(Math.max(Math.trunc(asked), 1), pages), from = (page - 1) * PAGE;
    $("teachers").tHead.replaceChildren(drawHead(shown, { ...state, sort: column.key }));
    $("teachers").tBodies[0].replaceChildren(...rows.slice(from, from + PAGE).map((i) =>
      make("tr", { "data-slug": board.teachers[i].slug, "aria-current": board.teachers[i].slug === state.teacher ? "true" : null },
        ...shown.map((c) => (c.draw || drawPlain)(board, seen, i, c)))));
    drawPages(rows.length, page, pages, from);
    drawLegend(board, shown);
    $("region").hidden = !rows.length;
    return rows;
  }

  function drawPages(n, page, pages, from) {
    const turn = (label, to) => make("button", { type: "button", "data-page": to, disabled: to < 1 || to > pages }, label);
    $("pages").hidden = pages === 1;
    $("pages").replaceChildren(turn("Previous", page - 1), make("span", {}, `${from + 1}–${Math.min(from + PAGE, n)} of ${n}`), turn("Next", page + 1));
  }

  function drawLegend(board, shown) {
    const term = ([label, text, id]) => [make("dt", {}, label), make("dd", { id }, text)];
    $("legend").hidden = false;
    $("legend").querySelector("dl").replaceChildren(
      ...shown.flatMap((c) => term([c.label, c.long])),
      ...known(board).flatMap((flag, i) => term([SHORT[flag] || P.name(flag), P.flagText(flag), `flag-${i}`])));
  }

  P.table = { draw, view };
})();
