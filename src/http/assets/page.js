"use strict";
// Replaces what changes every two seconds. The page is complete without it.
(() => {
  const live = document.getElementById("live");
  const lost = document.getElementById("lost");
  let shown = "";

  function replace(text) {
    // Someone marking text to copy it would lose it.
    if (text === shown || !document.getSelection().isCollapsed) return;
    const scrolled = [...live.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
    const focused = live.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    live.innerHTML = text;
    live.querySelectorAll(".scroll").forEach((box, n) => { box.scrollLeft = scrolled[n] || 0; });
    if (focused) {
      const same = [...live.querySelectorAll("a")].find((a) => a.getAttribute("href") === focused);
      if (same) same.focus({ preventScroll: true });
    }
    shown = text;
  }

  async function refresh() {
    try {
      if (!document.hidden) {
        const answer = await fetch("/live" + location.search, { cache: "no-store", signal: AbortSignal.timeout(10000) });
        if (!answer.ok) throw new Error(answer.statusText);
        replace(await answer.text());
        lost.hidden = true;
      }
    } catch {
      lost.hidden = false;
    }
    setTimeout(refresh, 2000);
  }

  setTimeout(refresh, 2000);
})();
