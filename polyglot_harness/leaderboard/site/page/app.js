"use strict";
// State, kept in the address (#board=KEY&language=de&sort=gain...), and what changes it.
(() => {
  const P = POLYGLOT, { make } = P;
  const $ = (id) => document.getElementById(id);
  const FILTERS = ["q", "family", "licence", "size_min", "size_max", "cost_max"];
  const KEYS = ["board", "student", "strategy", "language", "sort", "turn", "page", "teacher", ...FILTERS];
  let state = {}, board = null;

  // The address

  function readAddress() {
    const given = new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
    return Object.fromEntries(KEYS.filter((key) => given.get(key)).map((key) => [key, given.get(key)]));
  }

  function writeAddress() {
    const given = new URLSearchParams();
    for (const key of KEYS) if (state[key]) given.set(key, state[key]);
    history.replaceState(null, "", `#${given}`);
  }

  // Boards

  const all = () => P.index.boards;
  const strategies = (found) => found.strategies.join("+");
  const fitting = () => all().filter((b) => (!state.student || b.student === state.student) && (!state.strategy || strategies(b) === state.strategy));

  function chooseBoard() {
    if (!fitting().length) state = { ...state, student: "", strategy: "" };
    const options = fitting();
    const found = options.find((b) => b.key === state.board) || options[0];
    state.board = found.key;
    return found;
  }

  // Controls

  function fill(id, values, none, label = (value) => value) {
    const chosen = state[id] || "", options = [...(none ? [["", none]] : []), ...values.map((value) => [value, label(value)])];
    $(id).replaceChildren(...options.map(([value, text]) => make("option", { value, selected: value === chosen, dir: "auto" }, text)));
    $(id).value = chosen;
    $(id).closest(".field").hidden = values.length < 2 && !(none && chosen); // what is chosen can be undone
  }

  const distinct = (values) => [...new Set(values.filter(Boolean))].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));

  function drawControls() {
    fill("student", distinct(all().map((b) => b.student)), "all");
    fill("strategy", distinct(all().map(strategies)), "all");
    fill("board", fitting().map((b) => b.key), null, (key) => all().find((b) => b.key === key).title);
    fill("family", distinct(board.teachers.map((t) => t.family)), "all");
    fill("licence", distinct(board.teachers.map((t) => t.licence)), "all");
    for (const id of ["q", "size_min", "size_max", "cost_max"]) if (document.activeElement !== $(id)) $(id).value = state[id] || "";
    const shown = (field, there) => { document.querySelector(`[data-field="${field}"]`).hidden = !there; };
    shown("size", new Set(board.teachers.map((t) => t.size_b).filter((v) => v != null)).size > 1 || state.size_min || state.size_max);
    shown("cost", [...board.cost, ...(board.cell_cost || []).flat()].some((v) => v != null) || state.cost_max);
    $("clear").disabled = !isFiltered();
    $("filter").hidden = false;
    drawLanguages();
  }

  const isFiltered = () => [...FILTERS, "teacher"].some((key) => state[key]);

  function drawLanguages() {
    const chip = (code) => {
      const { name = code, own_name: own = "" } = P.index.languages[code] || {};
      const few = board.languages.length <= 12;
      return make("button", { type: "button", "data-language": code, "aria-pressed": String(state.language === code), "aria-label": few ? null : name, title: own && own !== name ? `${name}, ${own}` : name }, few ? name : code);
    };
    const held = document.activeElement?.dataset?.language;
    $("languages_of").hidden = board.languages.length < 2;
    $("languages_of").replaceChildren(
      make("button", { type: "button", "data-language": "", "aria-pressed": String(!state.language) }, "all languages"), ...board.languages.map(chip));
    if (held != null) $("languages_of").querySelector(`[data-language="${CSS.escape(held)}"]`)?.focus();
  }

  // Words around the table

  function drawWords(rows) {
    const { name } = (state.language && P.index.languages[state.language]) || {}, total = board.teachers.length;
    const where = state.language ? ` in ${name || state.language}` : board.languages.length > 1 ? `; means over ${board.languages.length} languages, of teachers that have all` : "";
    $("found").textContent = `${rows.length === total ? total : `${rows.length} of ${total}`} teacher${total === 1 ? "" : "s"}${where}`;
    $("nothing").hidden = rows.length > 0;
    $("nothing").replaceChildren(...(total
      ? ["No teacher of this board passes these filters. ", make("button", { type: "button", "data-clear": "" }, "Clear filters")]
      : ["This board has no teachers."]));
    $("uncertainty").textContent = [board.uncertainty, ...board.notes].filter(Boolean).join("; ");
  }

  function drawBoard() {
    const summary = all().find((b) => b.key === board.key);
    $("reading").textContent = summary.reading;
    const { student } = board, list = (values) => values.join(", ") || "none";
    const facts = [
      ["board", P.name(board.title)], ["student", P.link(student.url, P.name(student.name + (student.revision ? `@${student.revision}` : "")))],
      ["mixture", P.name(board.mixture)], ["strategies", list(board.strategies)], ["seeds", list(board.seeds)], ["ranked", board.reason], ["languages joined by", board.aggregate],
      ...board.conditions.map(([key, value]) => [P.name(key), P.name(value)]),
      ...board.languages.map((code, i) => [`signature, ${code}`, make("code", {}, `${board.signatures[i] || ""}${board.pools[i] ? `; z over ${board.pools[i]}` : ""}`)]),
    ];
    $("conditions").hidden = false;
    $("conditions").querySelector("dl").replaceChildren(...facts.flatMap(([key, value]) => [make("dt", {}, key), make("dd", {}, value)]));
    const left = board.left_out_total;
    $("left_out").hidden = !left;
    $("left_out").querySelector("summary").textContent = `${left} row${left === 1 ? "" : "s"} left out of this board`;
    $("left_out").querySelector("ul").replaceChildren(...board.left_out.map((line) => make("li", { dir: "auto" }, line)),
      ...(left > board.left_out.length ? [make("li", {}, `and ${left - board.left_out.length} more`)] : []));
  }

  // Changes

  let charting = 0;

  function draw() {
    drawControls();
    const rows = P.table.draw(board, state);
    drawWords(rows);
    $("table").dataset.drawn = "";
    cancelAnimationFrame(charting); // charts wait until the table is there
    charting = requestAnimationFrame(() => setTimeout(() => P.charts?.draw(board, { rows, language: state.language || null, selected: state.teacher || null })));
  }

  async function show() {
    const wanted = chooseBoard().key;
    if (board?.key !== wanted) {
      try {
        const loaded = await P.load(wanted);
        if (state.board !== wanted) return; // another was chosen meanwhile
        board = loaded;
      } catch (error) {
        $("found").textContent = error.message;
        return;
      }
      drawBoard();
    }
    if (!board.languages.includes(state.language)) delete state.language;
    draw();
    writeAddress();
  }

  function go(changes) {
    const paged = "page" in changes;
    state = { ...state, ...changes };
    if (!paged) delete state.page;
    const shown = show();
    if (changes.teacher) shown.then(() => document.querySelector("#teachers [aria-current]")?.scrollIntoView({ block: "center", inline: "nearest" }));
    return shown;
  }

  const clear = () => { go(Object.fromEntries([...FILTERS, "teacher"].map((key) => [key, ""]))); $("q").focus(); };

  function onClick(event) {
    const { target } = event, of = (name) => target.closest?.(`[data-${name}]`)?.dataset[name];
    const sort = of("sort"), page = of("page"), language = of("language");
    if (sort != null) {
      go({ sort, turn: (state.sort || "rank") === sort && state.turn !== "1" ? "1" : "" });
      document.querySelector(`[data-sort="${sort}"]`)?.focus();
    } else if (page != null) {
      go({ page });
      $("table").scrollIntoView();
      $("region").focus({ preventScroll: true });
    } else if (language != null) go({ language });
    else if (of("clear") != null) clear();
  }

  // A tooltip for flags: by pointer, by focus, by touch; Escape closes it (WCAG 1.4.13).

  const tip = make("div", { id: "tip", "aria-hidden": "true", hidden: true });

  let explained = null;

  function explain(event) {
    if (event.target === tip) return;
    explained = event.target.closest?.("[data-flag]");
    tip.hidden = !explained;
    if (explained) tip.textContent = P.flagText(explained.dataset.flag);
    placeTip();
  }

  function placeTip() {
    if (tip.hidden) return;
    const box = explained.getBoundingClientRect(), { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(8, Math.min(box.left, innerWidth - width - 8))}px`;
    tip.style.top = `${box.bottom + height > innerHeight ? box.top - height : box.bottom}px`;
  }

  function start() {
    const button = $("theme"), label = () => { button.textContent = P.theme() === "dark" ? "Light" : "Dark"; };
    button.hidden = false;
    button.addEventListener("click", () => P.toggleTheme());
    document.addEventListener("polyglot:theme", label);
    label();
    if (!P.index?.boards.length) {
      $("table").dataset.drawn = "";
      $("found").textContent = P.index ? "There are no boards yet: nothing has been measured." : "data/index.js cannot be loaded.";
      return;
    }
    for (const id of ["q", "size_min", "size_max", "cost_max"]) $(id).addEventListener("input", () => go({ [id]: $(id).value }));
    for (const id of ["family", "licence", "student", "strategy", "board"]) $(id).addEventListener("change", () => go({ [id]: $(id).value }));
    $("filter").addEventListener("submit", (event) => event.preventDefault());
    $("clear").addEventListener("click", clear);
    const more = $("filters"), unfold = (open) => { more.setAttribute("aria-expanded", String(open)); more.textContent = open ? "Fewer filters" : "More filters"; };
    more.addEventListener("click", () => unfold(more.getAttribute("aria-expanded") === "false"));
    $("table").addEventListener("click", onClick);
    for (const link of document.querySelectorAll('.bar a, .skip')) link.addEventListener("click", (event) => { // the address holds the state
      event.preventDefault();
      const section = $(link.hash.slice(1));
      section.scrollIntoView();
      section.focus({ preventScroll: true });
    });
    document.body.append(tip);
    for (const kind of ["pointerover", "focusin"]) document.addEventListener(kind, explain);
    document.addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });
    addEventListener("scroll", placeTip, { passive: true, capture: true });
    addEventListener("hashchange", () => { if (location.hash.includes("=")) { state = readAddress(); show(); } });
    const section = location.hash.includes("=") ? null : $(location.hash.slice(1));
    state = readAddress();
    unfold(FILTERS.some((key) => key !== "q" && state[key]));
    go({ ...state }).then(() => section?.scrollIntoView());
  }

  P.go = go;
  start();
})();
