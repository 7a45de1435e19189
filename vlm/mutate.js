// Puts other words, labels, drawings and colours into a real page, so that its looks serve for many texts.
({ words, labels, icons, share, relabel, font, face, zoom, filter, seed }) => {
  const rnd = () => ((seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648);
  let next = 0;
  const byLength = {};
  for (const w of words) (byLength[Math.min(w.length, 14)] ||= []).push(w);
  const like = (w) => {
    for (let d = 0; d < 14; d++) for (const n of [w.length + d, w.length - d]) if (byLength[n]) return byLength[n][next++ % byLength[n].length];
    return w;
  };
  const cased = (from, to) => from === from.toUpperCase() && from.length > 1 ? to.toUpperCase()
    : from[0] === from[0].toUpperCase() ? to[0].toUpperCase() + to.slice(1) : to;
  const other = (text) => text.replace(/\p{L}{3,}/gu, (w) => (rnd() < share ? cased(w, like(w)) : w));
  const isIcon = (e) => /icon|symbol|awesome|glyph|linear|simple-line|themify/i.test(getComputedStyle(e).fontFamily) || /icon|symbol|awesome|glyph/i.test(getComputedStyle(e, "::before").fontFamily);
  // drawings of known names where the page has a glyph of an icon font and no text
  if (icons.length) {
    for (const e of document.querySelectorAll("a > i:only-child, button > i:only-child")) {
      const box = e.getBoundingClientRect(), parent = e.parentElement;
      if (/\S/.test(parent.innerText) || box.width < 6 || rnd() < 0.3) continue;
      const [names, svg] = icons[Math.floor(rnd() * icons.length)];
      const size = Math.max(12, Math.min(40, Math.round(Math.max(box.width, box.height))));
      e.outerHTML = svg.replace(/width:\d+px;height:\d+px/, `width:${size}px;height:${size}px`);
      parent.dataset.icons = names.join("|");
      parent.removeAttribute("title"); parent.removeAttribute("aria-label");
    }
  }
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), nodes = [];
  while (walk.nextNode()) nodes.push(walk.currentNode);
  for (const n of nodes) {
    const p = n.parentElement;
    if (!p || /^(SCRIPT|STYLE)$/.test(p.tagName) || !/\p{L}{2}/u.test(n.data) || isIcon(p)) continue;
    const control = p.closest("a,button,label,th,[role=tab],[role=menuitem]");
    if (control && labels.length && n.data.trim().length < 40 && rnd() < relabel) n.data = n.data.replace(n.data.trim(), labels[Math.floor(rnd() * labels.length)]);
    else n.data = other(n.data);
  }
  for (const e of document.querySelectorAll("input[placeholder],textarea[placeholder]")) e.placeholder = other(e.placeholder);
  for (const e of document.querySelectorAll("input[type=submit],input[type=button]")) e.value = other(e.value);
  const style = document.createElement("style");
  style.textContent = face || "";
  if (font) style.textContent += `body,body *:not(i):not([class*=icon]):not([class*=fa]){font-family:'${font}'}`;
  if (zoom !== 1) style.textContent += `body{zoom:${zoom}}`;
  if (filter) style.textContent += `html{filter:${filter}}`;
  document.head.append(style);
}
