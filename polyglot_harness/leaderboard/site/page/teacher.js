"use strict";
// The page can be read without this: the theme's button and the copying of signatures.
(() => {
  const { theme, toggleTheme } = window.POLYGLOT;
  const button = document.getElementById("theme");
  const label = () => { button.textContent = theme() === "dark" ? "Light" : "Dark"; };
  button.hidden = false;
  button.addEventListener("click", toggleTheme);
  document.addEventListener("polyglot:theme", label);
  label();

  async function copy(text, code) {
    try {
      await navigator.clipboard.writeText(text);
      return "Copied";
    } catch { // file:// and old browsers: select it, the keyboard does the rest
      getSelection().selectAllChildren(code);
      return "Selected";
    }
  }

  for (const one of document.querySelectorAll("[data-copy]")) {
    one.hidden = false;
    one.addEventListener("click", async () => {
      one.textContent = await copy(one.dataset.copy, one.previousElementSibling);
      setTimeout(() => { one.textContent = "Copy"; }, 2000);
    });
  }
})();
