// Everything a training screen needs, from the DOM: elements with their names, words with the edges of their letters.
// Boxes are CSS pixels of the viewport. An element counts only if a click at its centre would reach it.
() => {
  const W = innerWidth, H = innerHeight;
  const round = (r) => [r.left, r.top, r.right, r.bottom].map((v) => Math.round(v * 10) / 10);
  const tidy = (s) => (s || "").replace(/\s+/g, " ").trim();
  const inView = (r) => r.width >= 4 && r.height >= 4 && r.left >= -1 && r.top >= -1 && r.right <= W + 1 && r.bottom <= H + 1;
  const shown = (e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true });
  const under = (r) => document.elementFromPoint((r.left + r.right) / 2, (r.top + r.bottom) / 2);
  const reached = (e, r) => {
    const t = under(r);
    return t && (e === t || e.contains(t) || (t.tagName === "LABEL" && t.contains(e)) || t.closest("label")?.control === e);
  };
  // Where something small is drawn over a box to tick, that is what people see of it.
  const drawn = (e, r) => {
    const t = /^(checkbox|radio)$/.test(e.type) ? under(r) : e;
    if (!t || t === e || t.tagName === "LABEL") return r;
    const own = t.getBoundingClientRect();
    return own.width <= 64 && own.height <= 40 && own.width >= r.width && own.height >= 8 ? own : r;
  };
  const isIcon = (e) => /icon|awesome|symbols|glyph/i.test(getComputedStyle(e).fontFamily);
  // What is written on an element, and the names of glyphs that an icon font makes of words ("arrow_right").
  const written = (e) => {
    const drawings = [];
    let text = tidy(e.innerText);
    for (const inner of [e, ...e.querySelectorAll("*")]) {
      const own = tidy([...inner.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data).join(" "));
      if (!/^[a-z][a-z0-9_]+$/.test(own) || !isIcon(inner)) continue;
      drawings.push(own.replace(/_/g, " "));
      text = tidy(text.replace(own, ""));
    }
    return { text, drawings };
  };
  const rendered = (text, style) => style.textTransform === "uppercase" ? text.toUpperCase()
    : style.textTransform === "lowercase" ? text.toLowerCase()
    : style.textTransform === "capitalize" ? text.replace(/(^|[\s-])(\p{L})/gu, (m, a, b) => a + b.toUpperCase()) : text;
  const ROLE = { A: "link", BUTTON: "button", SELECT: "select", TEXTAREA: "field", SUMMARY: "button" };
  const roleOf = (e) => {
    const role = e.getAttribute("role"), type = (e.getAttribute("type") || "").toLowerCase();
    if (e.tagName === "INPUT") {
      if (["checkbox", "radio"].includes(type)) return role === "switch" ? "switch" : type;
      if (["submit", "button", "reset", "image"].includes(type)) return "button";
      return type === "range" ? "slider" : type === "file" ? "file" : "field";
    }
    if (role === "textbox" || role === "combobox" && e.tagName !== "SELECT" || e.isContentEditable) return "field";
    if (role === "option") return "menuitem";
    if (role === "tab" || e.closest("[role=tablist], .nav-tabs, .tabs") && e.tagName === "A") return "tab";
    return ["button", "link", "checkbox", "radio", "switch", "menuitem"].includes(role) ? role : ROLE[e.tagName] || "button";
  };
  const namesOf = (e) => {
    const names = [], add = (how, text) => { text = tidy(text); if (text && text.length < 80) names.push([how, text]); };
    if (e.labels) for (const l of e.labels) add("label", l.innerText);
    const by = e.getAttribute("aria-labelledby");
    if (by) add("label", by.split(/\s+/).map((id) => document.getElementById(id)?.innerText || "").join(" "));
    if (!e.value) add("placeholder", e.getAttribute("placeholder"));
    if (e.tagName === "INPUT" && /^(submit|button|reset)$/i.test(e.type)) add("text", e.value);
    const { text, drawings } = written(e);
    if (!["INPUT", "SELECT", "TEXTAREA"].includes(e.tagName)) add("text", text);
    if (!text) for (const name of drawings) add("icon", name);
    if (e.dataset.icons && !text) for (const n of e.dataset.icons.split("|")) add("icon", n);
    if (!text && !drawings.length && !e.dataset.icons) for (const i of e.querySelectorAll("i[class],span[class]")) {
      const m = /(?:^|\s)(?:fa|mdi|ti|cil|cui|icon|bx|glyphicon|pe-7s|la|ri)-([a-z][a-z0-9-]+)/.exec(i.className);
      if (m && !/^(fw|lg|[0-9]x|spin|solid|regular|brands)$/.test(m[1])) add("icon", m[1].replace(/-(o|alt|line|fill|outline)$/, "").replace(/-/g, " "));
    }
    add("aria", e.getAttribute("aria-label")); add("title", e.getAttribute("title"));
    const img = e.querySelector("img[alt]"); if (img && !text) add("alt", img.alt);
    if (e.tagName === "SELECT" && e.selectedOptions.length) add("value", e.selectedOptions[0].label);
    if (e.tagName === "INPUT" && e.type !== "password" && !/^(submit|button|reset|checkbox|radio|range|file|hidden|color)$/i.test(e.type)) add("value", e.value);
    return names;
  };
  const CONTROLS = "a[href],button,input:not([type=hidden]),select,textarea,summary,[onclick],[role=button],[role=link],[role=tab],[role=checkbox],[role=radio],[role=switch],[role=menuitem],[role=option],[role=combobox],[role=textbox],[contenteditable=true],[tabindex='0']";
  const els = [], taken = new Set();
  for (const e of document.querySelectorAll(CONTROLS)) {
    const r = e.getBoundingClientRect();
    if (!inView(r) || r.width * r.height > W * H * 0.3 || !shown(e) || !reached(e, r)) continue;
    const names = namesOf(e), role = roleOf(e);
    const entry = { role, names, box: round(drawn(e, r)), disabled: e.matches(":disabled,.disabled,[aria-disabled=true]") };
    if (["checkbox", "radio", "switch"].includes(role)) entry.checked = !!e.checked;
    const row = e.closest("tr,[role=row]"), item = e.closest("li,article,.card,section,fieldset,dialog");
    if (row) {
      const cells = [...row.children], cell = cells.findIndex((c) => c.contains(e));
      entry.row = cells.filter((c) => !c.contains(e)).map((c) => tidy(c.innerText)).filter((t) => t && t.length < 40).slice(0, 3);
      const head = row.closest("table")?.querySelector("thead tr, tr");
      if (head && head !== row && head.children[cell]) entry.column = tidy(head.children[cell].innerText).slice(0, 40);
    }
    const title = item?.querySelector("h1,h2,h3,h4,h5,h6,legend,strong,.card-title");
    if (title && !title.contains(e)) entry.section = tidy(title.innerText).slice(0, 60);
    els.push(entry); taken.add(e);
  }
  const words = [], skip = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), g = document.createRange();
  while (walk.nextNode()) {
    const n = walk.currentNode, p = n.parentElement;
    if (!p || /^(STYLE|SCRIPT|OPTION|NOSCRIPT|TEXTAREA|TITLE)$/.test(p.tagName) || !/\S/.test(n.data) || !shown(p)) continue;
    const b = p.getBoundingClientRect();
    if (b.bottom < 0 || b.top > H || b.right < 0 || b.left > W) continue;
    const style = getComputedStyle(p), icon = isIcon(p);
    const re = /\S+/g; let m;
    while ((m = re.exec(n.data))) {
      g.setStart(n, m.index); g.setEnd(n, m.index + m[0].length);
      const r = g.getBoundingClientRect();
      if (r.height < 5 || r.width < 2 || r.left < 0 || r.top < 0 || r.right > W || r.bottom > H) continue;
      const t = document.elementFromPoint((r.left + r.right) / 2, (r.top + r.bottom) / 2);
      if (!t || !(p === t || p.contains(t) || t.contains(p))) continue;
      if (icon || /[\uE000-\uF8FF]/.test(m[0]) || g.getClientRects().length > 1) { skip.push(round(r)); continue; }
      const edges = [Math.round(r.left)];
      for (let i = 0; i < m[0].length; i++) { g.setStart(n, m.index + i); g.setEnd(n, m.index + i + 1); edges.push(Math.round(g.getBoundingClientRect().right)); }
      words.push([rendered(m[0], style), Math.round(r.left), Math.round(r.top), Math.round(r.right), Math.round(r.bottom), edges]);
    }
  }
  for (const e of document.querySelectorAll("input,select,textarea,img,canvas,iframe,video,svg,object")) {
    const r = e.getBoundingClientRect();
    if (r.width > 3 && r.bottom > 0 && r.top < H && r.right > 0 && r.left < W) skip.push(round(r));
  }
  return { width: W, height: H, els, words, skip };
}
