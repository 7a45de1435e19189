// Changes a page between two pictures: scroll, colours, fields half filled, menus opened.
({ changes, seed, values }) => {
  const rnd = () => ((seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648);
  const pick = (list) => list[Math.floor(rnd() * list.length)];
  const seen = (e) => { const r = e.getBoundingClientRect(); return r.width > 4 && r.top > 0 && r.bottom < innerHeight; };
  if (changes.includes("scroll")) {
    const spare = document.documentElement.scrollHeight - innerHeight;
    if (spare > 20) window.scrollTo({ top: Math.floor(rnd() * spare), behavior: "instant" });
    const inner = [...document.querySelectorAll("div,main,aside,section")].filter((e) => e.scrollHeight > e.clientHeight + 40 && e.clientHeight > 100 && /auto|scroll/.test(getComputedStyle(e).overflowY));
    if (inner.length) { const e = pick(inner); e.scrollTop = rnd() * (e.scrollHeight - e.clientHeight); }
  }
  if (changes.includes("colours")) {
    const html = document.documentElement;
    if (html.dataset.bsTheme || document.body.dataset.bsTheme) html.dataset.bsTheme = html.dataset.bsTheme === "dark" ? "light" : "dark";
    else if (html.dataset.theme) html.dataset.theme = html.dataset.theme === "dark" ? "light" : "dark";
    else html.style.filter = pick(["invert(.92) hue-rotate(180deg)", "invert(.88)", "sepia(.6)", "hue-rotate(120deg)", "brightness(.8)"]);
  }
  if (changes.includes("fill")) {
    for (const e of document.querySelectorAll("input,textarea,select")) {
      if (rnd() < 0.5 || !seen(e)) continue;
      if (["checkbox", "radio"].includes(e.type)) e.checked = !e.checked;
      else if (e.tagName === "SELECT") e.selectedIndex = Math.floor(rnd() * e.options.length);
      else if (["text", "search", "email", "tel", "url", ""].includes(e.getAttribute("type") || "") || e.tagName === "TEXTAREA") e.value = pick(values);
      else if (e.type === "password") e.value = "secret99";
    }
    const fields = [...document.querySelectorAll("input:not([type=hidden]),textarea")].filter(seen);
    if (fields.length) pick(fields).focus({ preventScroll: true });
  }
  if (changes.includes("open")) {
    const doors = [...document.querySelectorAll("[data-bs-toggle],[data-toggle],[data-coreui-toggle],summary,[aria-expanded=false]")].filter(seen);
    if (doors.length) { try { pick(doors).click(); } catch {} }
  }
}
