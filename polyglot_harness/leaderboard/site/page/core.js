"use strict";
// What all pages share: theme, elements, numbers, data files. Names reach a page through text nodes alone.
(() => {
  const KEPT = "polyglot-theme";
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;

  function kept(theme) {
    try { // storage may be forbidden
      if (theme) localStorage.setItem(KEPT, theme);
      return localStorage.getItem(KEPT);
    } catch { return null; }
  }

  function setTheme(theme) {
    if (root.dataset.theme === theme) return;
    root.dataset.theme = theme;
    document.dispatchEvent(new CustomEvent("polyglot:theme", { detail: theme }));
  }

  const wanted = () => kept() || (dark.matches ? "dark" : "light");
  setTheme(wanted() === "dark" ? "dark" : "light");
  dark.addEventListener("change", () => setTheme(wanted() === "dark" ? "dark" : "light"));

  // Elements

  const SVG = new Set(["svg", "path", "g", "text", "circle", "rect", "line", "title"]);

  function make(tag, attributes = {}, ...children) {
    const node = SVG.has(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value == null || value === false) continue;
      if (/^on|^style$|^srcdoc$/i.test(name)) throw new Error(`attribute ${name}`);
      node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.flat().filter((child) => child != null && child !== false));
    return node;
  }

  // A name, right whichever way it is written: numbers and brackets beside it stay where they are.
  const name = (text, attributes = {}) => make("bdi", { dir: "auto", ...attributes }, text);

  const link = (href, ...children) => /^https?:\/\//i.test(href)
    ? make("a", { href, rel: "noopener noreferrer external" }, ...children) : make("span", {}, ...children);

  // Numbers

  const NONE = "–";
  const fixed = (value, digits, sign) => {
    const text = Math.abs(value).toLocaleString("en-GB", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    const zero = !/[1-9]/.test(text);
    return (value < 0 && !zero ? "\u2212" : sign && !zero ? "+" : "") + text;
  };
  const KINDS = {
    points: (v) => fixed(100 * v, 1),
    signed: (v) => fixed(100 * v, 1, true),
    share: (v) => `${fixed(100 * v, 0)}%`,
    ratio: (v) => fixed(v, 2),
    z: (v) => fixed(v, 2, true),
    count: (v) => fixed(v, 0),
    dollars: (v) => `$${v >= 100 ? fixed(v, 0) : v >= 1 || v === 0 ? fixed(v, 2) : v.toLocaleString("en-GB", { maximumSignificantDigits: 2 })}`,
    number: (v) => v.toLocaleString("en-GB", { maximumSignificantDigits: 4 }),
  };
  const show = (value, kind = "number") => (value == null ? NONE : KINDS[kind](value));

  const quantity = {
    score: { label: "Polyglot", kind: "z", long: "Polyglot Score: alpha × z + (1 − alpha) × PGR" },
    stable: { label: "Stable", kind: "z", long: "Stable score: mean of z and of the z-score of the gain" },
    gain: { label: "Gain", kind: "signed", long: "Gain: accuracy of the student minus that of its base, in points" },
    pgr: { label: "PGR", kind: "ratio", long: "Performance gap recovered: (student − base) / (reference − base)" },
    raw: { label: "Raw", kind: "points", long: "Accuracy of the student, in points of 100" },
    z: { label: "z", kind: "z", long: "Mean z-score of the intrinsic metrics of the data" },
  };

  // Flags of foreign results are not among those that the index explains.
  function flagText(flag) {
    const known = window.POLYGLOT.index?.flags || {};
    return Object.hasOwn(known, flag) ? known[flag] : `${flag.replace(/[_-]+/g, " ")} (a flag of the source of this result)`;
  }

  // Data files call add; a script tag is the one way to load a file that works from file:// too.

  const boards = new Map();
  const waiting = new Map();

  function script(src) {
    return new Promise((resolve, reject) => {
      const tag = make("script", { src });
      tag.addEventListener("load", resolve);
      tag.addEventListener("error", () => reject(new Error(`${src} cannot be loaded`)));
      document.head.append(tag);
    });
  }

  function load(key) {
    if (!waiting.has(key)) {
      const path = `data/board-${encodeURIComponent(key)}.js`;
      const loaded = script(path).then(() => {
        if (!boards.has(key)) throw new Error(`${path} holds no board ${key}`);
        return boards.get(key);
      });
      loaded.catch(() => waiting.delete(key)); // so that it may be tried again
      waiting.set(key, loaded);
    }
    return waiting.get(key);
  }

  let plotting = null;
  const plotly = () => (plotting ||= script("plotly.min.js").then(() => window.Plotly));

  window.POLYGLOT = {
    make, name, link, show, quantity, flagText, load, plotly, index: null, charts: null,
    theme: () => root.dataset.theme,
    toggleTheme() { const next = root.dataset.theme === "dark" ? "light" : "dark"; kept(next); setTheme(next); },
    add(data) {
      if (data.kind === "index") this.index = data;
      else boards.set(data.key, data);
    },
  };
})();
