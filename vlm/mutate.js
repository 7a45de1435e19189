// Puts other words into a real template, keeping case and punctuation, so that its looks serve for many texts.
({ words, share, font, zoom, filter }) => {
  let next = 0;
  const byLength = {};
  for (const w of words) (byLength[Math.min(w.length, 14)] ||= []).push(w);
  const like = (w) => {
    for (let d = 0; d < 14; d++) for (const n of [w.length + d, w.length - d]) if (byLength[n]) return byLength[n][next++ % byLength[n].length];
    return w;
  };
  const cased = (from, to) => from === from.toUpperCase() && from.length > 1 ? to.toUpperCase()
    : from[0] === from[0].toUpperCase() ? to[0].toUpperCase() + to.slice(1) : to;
  const other = (text) => text.replace(/\p{L}{3,}/gu, (w) => ((next * 7919) % 100) / 100 < share ? cased(w, like(w)) : (next++, w));
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const n = walk.currentNode;
    if (!/^(SCRIPT|STYLE)$/.test(n.parentElement?.tagName) && /\p{L}{3}/u.test(n.data) && !/icon|symbol|awesome/i.test(getComputedStyle(n.parentElement).fontFamily)) n.data = other(n.data);
  }
  for (const e of document.querySelectorAll("[placeholder]")) e.placeholder = other(e.placeholder);
  for (const e of document.querySelectorAll("input[type=submit],input[type=button]")) e.value = other(e.value);
  const style = document.createElement("style");
  if (font) style.textContent += `body,body *:not(i):not([class*=icon]):not([class*=fa]){font-family:'${font}'}`;
  if (zoom !== 1) style.textContent += `body{zoom:${zoom}}`;
  if (filter) style.textContent += `html{filter:${filter}}`;
  document.head.append(style);
}
