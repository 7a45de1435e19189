// What deixis asks of a page, installed once in every document and called from script.py.
// It keeps the natives it needs before a page can patch them, reads, and never changes the page's DOM: the one thing it
// adds is an adopted style sheet that hides the blinking caret. All points and boxes are CSS pixels of this frame's viewport.
(() => {
  if (window.__deixis) return window.__deixis.reset();
  const raf = window.requestAnimationFrame.bind(window);
  const timer = window.setTimeout.bind(window);
  const clock = performance.now.bind(performance);
  const LOOP = 60; // batches of mutations of one node in one action, after which it counts as an endless animation
  // The browser's own answers, taken before any script of a page can replace them.
  const apply = Reflect.apply;
  const getter = (owner, name) => Object.getOwnPropertyDescriptor(owner.prototype, name).get;
  const activeOf = getter(Document, "activeElement"), shadowOf = getter(Element, "shadowRoot"), activeIn = getter(ShadowRoot, "activeElement");
  const counts = { mutations: 0, scrolls: 0 };
  const ids = new WeakMap();
  let seen = new WeakMap();
  let lastId = 0;
  let active = clock(); // when this document last did something
  let leaving = false;
  let loadedAt = null; // when this document's load event came
  let home = null; // a window that opens with about:blank keeps its globals for its first real document
  let documentId = "";
  let sheet = null;

  const settleIn = () => {
    home = document;
    documentId = String(Math.random());
    sheet = new CSSStyleSheet();
    sheet.replaceSync("*, :root { caret-color: transparent !important }");
  };

  const onMutations = (records) => {
    counts.mutations += records.length;
    for (const node of new Set(records.map((record) => record.target))) {
      const times = (seen.get(node) || 0) + 1;
      seen.set(node, times);
      if (times <= LOOP) active = clock();
    }
  };
  const onScroll = () => { counts.scrolls += 1; active = clock(); };
  const onLoad = (event) => { if (event.target === document) loadedAt = active = clock(); };
  const onNavigate = (event) => {
    if (!event.hashChange && !event.destination.sameDocument && event.downloadRequest === null) leaving = true;
  };
  const observer = new MutationObserver(onMutations);

  // document.open() drops listeners, and pages replace adoptedStyleSheets: cheap to make sure of again.
  const ensure = () => {
    if (home !== document) settleIn();
    observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    addEventListener("scroll", onScroll, { capture: true, passive: true });
    addEventListener("load", onLoad, { capture: true });
    for (const kind of PRESS) addEventListener(kind, onPress, { capture: true });
    if (window.navigation) window.navigation.addEventListener("navigate", onNavigate);
    if (!document.adoptedStyleSheets.includes(sheet)) {
      document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    }
  };

  // This frame and the frames below it that may be read from here.
  const kin = () => {
    const found = [api];
    for (let i = 0; i < window.frames.length; i++) {
      try {
        const child = window.frames[i].__deixis;
        if (child) found.push(...child.kin());
      } catch { /* another origin: its pixels are all we see of it */ }
    }
    return found;
  };

  const frame = () => new Promise((done) => { raf(() => done()); timer(done, 100); });

  const moving = () => document.getAnimations().some((animation) => {
    const timing = animation.effect && animation.effect.getComputedTiming();
    if (!timing || animation.playState !== "running" || !(animation.timeline instanceof DocumentTimeline)) return false;
    return timing.endTime <= 1500 && animation.currentTime < timing.endTime;
  });

  // Resolves once nothing has happened for `calm` ms and `frames` frames have passed, or after `limit` ms. `from` is the moment
  // calm is counted from: null for this one, "load" for the load event, 0 for what has been calm long enough to be at once. `last` is when something
  // last happened, or now where it never stopped.
  const quiet = async ({ calm, limit, from, frames }) => {
    ensure();
    const start = clock(), since = from === "load" ? loadedAt ?? start : from ?? start;
    let moved = 0, last = since;
    const said = (still) => ({ still, leaving, asked: start, since, last, document: documentId });
    for (let drawn = 1; clock() - start < limit; drawn++) {
      await frame();
      last = Math.max(since, moved, ...kin().map((one) => one.lastActive()));
      if (drawn >= frames && clock() - last >= calm) {
        if (!moving()) return said(true);
        moved = last = clock();
      }
      if (leaving) return said(false);
    }
    last = clock();
    return said(false);
  };

  // Resolves at the first scroll event after the call has armed it, or after `limit` ms.
  const scrolled = ({ limit }) => new Promise((done) => {
    const started = kin().map((one) => one.scrolls()).join();
    const end = clock() + limit;
    const check = () => (kin().map((one) => one.scrolls()).join() !== started || clock() > end ? done(true) : frame().then(check));
    check();
  });

  const begin = () => {
    for (const one of kin()) one.reset();
    return snapshot();
  };

  const identity = (element) => {
    if (!element) return 0;
    if (!ids.has(element)) ids.set(element, ++lastId);
    return ids.get(element);
  };

  // The focused element, through open shadow roots.
  const focused = () => {
    let element = document.activeElement;
    while (element && element.shadowRoot && element.shadowRoot.activeElement) element = element.shadowRoot.activeElement;
    return element;
  };

  // What keys go to, asked in a way that no page can answer for the browser.
  const keyboard = () => {
    let element = apply(activeOf, document, []);
    for (;;) {
      const root = element && apply(shadowOf, element, []);
      const inner = root && apply(activeIn, root, []);
      if (!inner) return element;
      element = inner;
    }
  };

  const digest = (text) => {
    let hash = 5381;
    for (let i = 0; i < text.length; i++) hash = (hash * 33 + text.charCodeAt(i)) | 0;
    return hash;
  };

  const fieldsOf = (root) => {
    const all = [...root.querySelectorAll("*")];
    const deeper = all.filter((element) => element.shadowRoot).flatMap((element) => fieldsOf(element.shadowRoot));
    return [...all.filter((element) => element.matches("input, select, textarea")), ...deeper];
  };

  const own = () => {
    const fields = fieldsOf(document);
    const values = fields.map((field) => `${field.value}\u0001${field.checked}\u0001${field.selectedIndex}`).join("\u0002");
    return { mutations: counts.mutations, scrolls: counts.scrolls, focus: identity(focused()), values: digest(values) };
  };

  // The state that verification compares: numbers only, no text of the page.
  const snapshot = () => {
    const all = kin().map((one) => one.own());
    return {
      document: documentId,
      mutations: all.reduce((sum, one) => sum + one.mutations, 0),
      scrolls: all.reduce((sum, one) => sum + one.scrolls, 0),
      focus: all.map((one) => one.focus).join(),
      values: all.map((one) => one.values).join(),
    };
  };

  // ---- what no picture may show ---------------------------------------------------------------------------------

  // Boxes of every occurrence of a value of which only [length, hash] is known, in the texts of this document.
  const marked = (root, marks) => {
    const nodes = [], starts = [];
    let all = "";
    const walk = (top) => {
      const walker = document.createTreeWalker(top, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
      for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        if (node.nodeType === Node.TEXT_NODE) { nodes.push(node); starts.push(all.length); all += node.data; }
        else if (node.shadowRoot) walk(node.shadowRoot);
      }
    };
    walk(root);
    const place = (at) => { let k = starts.length - 1; while (k > 0 && starts[k] > at) k--; return [nodes[k], at - starts[k]]; };
    const boxes = [];
    for (const at of occurrences(all, marks)) {
      const range = document.createRange();
      range.setStart(...place(at.start));
      const [last, offset] = place(at.start + at.length - 1);
      range.setEnd(last, offset + 1);
      boxes.push(...[...range.getClientRects()].map((box) => [box.left - 2, box.top - 2, box.right + 2, box.bottom + 2]));
    }
    return boxes;
  };

  const occurrences = (text, marks) => {
    const found = [], low = text.toLowerCase();
    if (low.length !== text.length) return found;
    for (const [length, hash] of marks) {
      let power = 1, sum = 0;
      for (let i = 1; i < length; i++) power = Math.imul(power, 31);
      for (let i = 0; i < low.length; i++) {
        if (i >= length) sum = (sum - Math.imul(low.charCodeAt(i - length), power)) | 0;
        sum = (Math.imul(sum, 31) + low.charCodeAt(i)) | 0;
        if (i >= length - 1 && (sum >>> 0) === hash) found.push({ start: i - length + 1, length });
      }
    }
    return found;
  };

  const hidden = new WeakSet(); // fields that are, or once were, for passwords
  const masked = (marks = []) => {
    const fields = fieldsOf(document).filter((field) => {
      if (field.type === "password") hidden.add(field);
      return field.value && (hidden.has(field) || (marks.length && occurrences(field.value, marks).length));
    });
    const boxes = fields.map((field) => {
      const box = field.getBoundingClientRect(), x = field.clientLeft, y = field.clientTop;
      return [box.left + x, box.top + y, box.right - x, box.bottom - y];
    });
    return [...boxes, ...(marks.length ? marked(document, marks) : [])].filter((box) => box[2] > box[0] && box[3] > box[1]);
  };

  const pinch = () => ({ scale: visualViewport.scale, left: visualViewport.offsetLeft, top: visualViewport.offsetTop });

  // What goes with a picture: `page` of the page itself, the state, the moment, and what of this frame must not be seen.
  const view = (marks) => {
    ensure();
    const page = { width: innerWidth, height: innerHeight, scroll_x: scrollX, scroll_y: scrollY, title: document.title, url: location.href };
    return { page, state: snapshot(), at: clock(), pinch: pinch(), density: devicePixelRatio, masked: masked(marks || []) };
  };

  // ---- hit-test -------------------------------------------------------------------------------------------------

  const CONTROL = "a[href], area[href], button, input, select, textarea, option, summary, label, [role], [onclick], [contenteditable], [tabindex]";
  const PASSIVE = new Set(["presentation", "none", "group", "region", "main", "navigation", "banner", "contentinfo", "form", "list",
    "listitem", "row", "rowgroup", "table", "grid", "dialog", "alert", "status", "article", "document", "img", "heading", "tabpanel",
    "toolbar", "menu", "menubar", "listbox", "tablist", "radiogroup", "search", "complementary", "tree", "application", "figure"]);
  const INPUT_ROLES = { button: "button", submit: "button", reset: "button", image: "button", checkbox: "checkbox", radio: "radio",
    range: "slider", number: "spinbutton", search: "searchbox", file: "file", color: "color", hidden: "" };
  const TAG_ROLES = { button: "button", textarea: "textbox", option: "option", summary: "button", img: "img", nav: "navigation",
    h1: "heading", h2: "heading", h3: "heading", h4: "heading", h5: "heading", h6: "heading", li: "listitem", table: "table",
    tr: "row", td: "cell", th: "columnheader", iframe: "iframe", frame: "iframe", dialog: "dialog", form: "form", progress: "progressbar" };
  const UNTYPED = new Set(["button", "submit", "reset", "image", "checkbox", "radio", "file", "hidden"]);
  const DRAWN = new Set(["canvas", "embed", "object", "video", "audio"]); // what reacts to clicks as it likes

  const deepest = (x, y) => {
    let element = document.elementFromPoint(x, y);
    while (element && element.shadowRoot) {
      const inner = element.shadowRoot.elementFromPoint(x, y);
      if (!inner || inner === element) break;
      element = inner;
    }
    return element;
  };

  const parent = (element) => element.assignedSlot || element.parentElement || (element.getRootNode().host ?? null);

  const isControl = (element) => {
    if (!element.matches(CONTROL)) return false;
    const role = element.getAttribute("role");
    const native = element.matches("a[href], area[href], button, input, select, textarea, option, summary, label, [onclick]");
    return native || element.isContentEditable || (role ? !PASSIVE.has(role) : element.tabIndex >= 0);
  };

  // The control that a click on this element reaches: itself or its nearest ancestor that is one.
  const control = (element) => {
    for (let up = element; up; up = parent(up)) if (isControl(up)) return up;
    return null;
  };

  const roleOf = (element) => {
    const given = (element.getAttribute("role") || "").trim().split(/\s+/)[0];
    const tag = element.localName;
    if (given) return given;
    if (tag === "input") return INPUT_ROLES[element.type] ?? (element.list ? "combobox" : "textbox");
    if (tag === "select") return element.multiple || element.size > 1 ? "listbox" : "combobox";
    if ((tag === "a" || tag === "area") && element.hasAttribute("href")) return "link";
    if (element.isContentEditable) return "textbox";
    return TAG_ROLES[tag] || "";
  };

  const squeeze = (text) => (text || "").replace(/\s+/g, " ").trim().slice(0, 200);

  const byIds = (element, attribute) => (element.getAttribute(attribute) || "").split(/\s+/).filter(Boolean)
    .map((id) => element.getRootNode().getElementById?.(id)?.innerText || "").join(" ");

  const textOf = (element) => {
    if (element === document.body || element === document.documentElement) return "";
    if (element.localName === "input" && ["button", "submit", "reset"].includes(element.type)) {
      return element.value || (element.type === "submit" ? "Submit" : element.type === "reset" ? "Reset" : "");
    }
    if (["input", "select", "textarea"].includes(element.localName)) return "";
    return element.innerText || element.textContent || "";
  };

  const nameOf = (element) => {
    const labels = () => [...(element.labels || [])].map((label) => label.innerText).join(" ");
    const picture = () => element.querySelector("img[alt], svg title, [aria-label]");
    const sources = [
      () => byIds(element, "aria-labelledby"), () => element.getAttribute("aria-label"), labels, () => element.getAttribute("alt"),
      () => textOf(element), () => element.getAttribute("placeholder"), () => element.getAttribute("title"),
      () => picture()?.getAttribute("alt") || picture()?.getAttribute("aria-label") || picture()?.textContent,
    ];
    for (const source of sources) {
      const name = squeeze(source());
      if (name) return name;
    }
    return "";
  };

  const enabledOf = (element) => !element.matches(":disabled") && !element.closest("[aria-disabled='true'], [inert]");

  const editableOf = (element) => {
    if (element.isContentEditable) return true;
    if (element.localName !== "input" && element.localName !== "textarea") return false;
    return !element.readOnly && !element.disabled && !(element.localName === "input" && UNTYPED.has(element.type));
  };

  const checkedOf = (element, role) => {
    if (element.localName === "input" && (element.type === "checkbox" || element.type === "radio")) return element.checked;
    if (!["checkbox", "radio", "switch", "menuitemcheckbox", "menuitemradio", "option"].includes(role)) return null;
    const state = element.getAttribute("aria-checked") ?? element.getAttribute("aria-selected");
    return state === null ? null : state === "true";
  };

  const boxOf = (element) => {
    const { left, top, right, bottom } = element.getBoundingClientRect();
    return { x0: left, y0: top, x1: right, y1: bottom };
  };

  const labelOf = (option) => squeeze(option.label || option.text);

  // Every name that a control goes by, the visible ones and the others: what it may do is judged by all of them.
  const saysOf = (element) => squeeze([...new Set([
    textOf(element), element.getAttribute("aria-label"), byIds(element, "aria-labelledby"), element.getAttribute("alt"), element.getAttribute("title"),
    ["button", "submit", "reset"].includes(element.type) ? element.value : "", nameOf(element),
  ])].filter(Boolean).join(" | "));

  // The words on the button that Enter in this field presses.
  const submitsOf = (element) => {
    const form = element.form || element.closest("form");
    const button = form && [...form.elements].find((one) => ["submit", "image"].includes(one.type));
    return button && button !== element ? saysOf(button) : "";
  };

  // `about` is what is described, `over` is what lies under the point: a label lends its box to its control.
  const describe = (about, over, interactive) => {
    const role = roleOf(about);
    return {
      tag: about.localName, role, name: nameOf(about) || nameOf(over), box: boxOf(over), interactive,
      input_type: about.localName === "input" ? about.type : "",
      enabled: enabledOf(about), editable: editableOf(about), checked: checkedOf(about, role),
      options: about.localName === "select" ? [...about.options].map(labelOf) : [],
      says: interactive ? saysOf(about) : "", submits: submitsOf(about), frame_url: location.href,
    };
  };

  // Where a frame's content starts and how much it is magnified, in this frame's CSS pixels.
  const inside = (element) => {
    const box = element.getBoundingClientRect();
    const style = getComputedStyle(element);
    const scale = element.offsetWidth ? box.width / element.offsetWidth : 1;
    return {
      left: box.left + (element.clientLeft + parseFloat(style.paddingLeft)) * scale,
      top: box.top + (element.clientTop + parseFloat(style.paddingTop)) * scale,
      scale,
    };
  };

  // The element that stands for what is at the point: the control, a label's control, or what lies there.
  const standing = (element) => {
    const near = control(element);
    return near && near.localName === "label" && near.control ? near.control : near || element;
  };

  const find = ({ x, y }) => {
    const element = deepest(x, y);
    return element && standing(element);
  };

  const aboutOf = (element) => {
    const near = control(element);
    const pointer = getComputedStyle(element).cursor === "pointer" || DRAWN.has(element.localName);
    return describe(standing(element), near || element, Boolean(near) || pointer);
  };

  // What lies at a point. `outer`: of the picture, which may be pinched larger; `pinch` says how it became one of the frame.
  const hit = (point) => {
    const how = pinch();
    const { x, y } = point.outer ? { x: point.x / how.scale + how.left, y: point.y / how.scale + how.top } : point;
    const element = deepest(x, y);
    if (!element) return { hit: null, pinch: how };
    const isFrame = element.localName === "iframe" || element.localName === "frame";
    // A custom element without a root that we may see may have a closed one.
    const closed = element.localName.includes("-") && !element.shadowRoot;
    return { hit: aboutOf(element), frame: isFrame ? inside(element) : null, closed, pinch: how };
  };

  // ---- what a press meets ---------------------------------------------------------------------------------------

  const PRESS = ["pointerdown", "mousedown", "pointerup", "mouseup", "click", "auxclick", "contextmenu"];
  const pathOf = Event.prototype.composedPath, stop = Event.prototype.stopImmediatePropagation, prevent = Event.prototype.preventDefault;
  let armed = null; // what is to be pressed, until it has been

  // What a control says of itself; numbers that count do not matter unless it has to be exact.
  const likeness = (about, exact) => [about.tag, about.role, about.name, about.says, about.input_type, about.enabled]
    .map((one) => (exact ? String(one) : String(one).replace(/\d+/g, "#"))).join("\u0001");

  // The same control, or one that says the same where the old one is gone: pages draw their controls anew.
  const wanted = (there) => armed.element
    && (there === armed.element || !armed.element.isConnected) && likeness(aboutOf(there), armed.exact) === armed.likeness;

  const onPress = (event) => {
    if (!armed || armed.over || !event.isTrusted) return;
    const target = apply(pathOf, event, [])[0];
    const there = target && target.nodeType === Node.ELEMENT_NODE ? standing(target) : null;
    const first = !armed.met;
    if (clock() > armed.until) { armed = null; return; }
    if (first) {
      armed.met = there !== null && wanted(there) ? "same" : "other";
      armed.other = armed.met === "other" && there ? aboutOf(there) : null;
    }
    if (armed.met === "other") { apply(stop, event, []); apply(prevent, event, []); }
    if (event.type === "click" || event.type === "auxclick") armed.over = true;
  };

  // The hit-test once more, and from now on a press that meets anything else is kept from it; `x` is null where none is expected.
  const arm = (point) => {
    ensure();
    const seen = point.x === null ? null : hit(point);
    const spot = seen && seen.hit && (point.outer ? { x: point.x / seen.pinch.scale + seen.pinch.left, y: point.y / seen.pinch.scale + seen.pinch.top } : point);
    const element = spot ? find(spot) : null;
    armed = { element, exact: point.exact, likeness: element && likeness(aboutOf(element), point.exact), met: null, other: null, over: false, until: clock() + point.limit };
    return seen;
  };

  // What the press has met: "same", "other" (and what that is), or null when none came here; disarmed from then on.
  const pressed = () => {
    const was = armed;
    armed = null;
    return was && { met: was.met, other: was.other };
  };

  // The same of an element that the DevTools protocol has found; kept for `held`.
  let held = null;
  const about = (node) => {
    const element = node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement || node.getRootNode().host;
    held = standing(element);
    return aboutOf(element);
  };

  // The element at a point and those around it, up to what covers most of the viewport.
  const line = ({ x, y }) => {
    const found = [];
    for (let up = deepest(x, y); up && up !== document.body && up !== document.documentElement; up = parent(up)) {
      const box = up.getBoundingClientRect();
      if (box.width * box.height > 0.5 * innerWidth * innerHeight) break;
      found.push(up);
    }
    return found;
  };

  const INLINE = new Set(["inline", "contents", "ruby"]);

  // The text a person would read at the point: a field's value, else the innermost block's visible text.
  const text = ({ x, y }) => {
    let element = deepest(x, y);
    if (!element) return null;
    const field = find({ x, y });
    if (field.localName === "select") return { text: [...field.selectedOptions].map(labelOf).join(", "), box: boxOf(field) };
    if (element.localName === "input" || element.localName === "textarea") {
      return { text: element.type === "password" ? "" : element.value, box: boxOf(element) };
    }
    if (element.localName === "img") return { text: squeeze(element.alt), box: boxOf(element) };
    while (parent(element) && INLINE.has(getComputedStyle(element).display)) element = parent(element);
    const bare = element === document.body || element === document.documentElement;
    return { text: bare ? "" : (element.innerText || "").trim().slice(0, 5000), box: boxOf(element) };
  };

  // The table, grid or list of definitions at the point: rows of texts, the header first; null where there is none.
  const TABLE = "table, [role=table], [role=grid], [role=treegrid]";
  const BELOW = 300; // CSS pixels from a heading to its table

  const tableBelow = (x, y) => [...document.querySelectorAll(TABLE)]
    .map((one) => ({ one, box: one.getBoundingClientRect() }))
    .filter(({ box }) => box.width > 0 && box.top > y && box.top - y < BELOW && box.right > x - BELOW && box.left < x + BELOW)
    .sort((a, b) => a.box.top - b.box.top)[0]?.one;

  const table = ({ x, y }) => {
    let element = deepest(x, y);
    while (element && !element.matches(TABLE)) element = parent(element);
    element = element || tableBelow(x, y); // what was pointed at is its heading
    if (!element) return null;
    const rows = element.localName === "table" ? [...element.rows] : [...element.querySelectorAll("[role=row]")];
    const cells = (row) => [...(row.cells || row.querySelectorAll("[role=cell], [role=gridcell], [role=columnheader], [role=rowheader]"))];
    return { rows: rows.slice(0, 5000).map((row) => cells(row).map((cell) => squeeze(cell.innerText))), box: boxOf(element) };
  };

  // Whether typing now would go into something, and what has the focus.
  const focus = () => {
    const element = focused();
    if (!element || element === document.body) return null;
    const isFrame = element.localName === "iframe" || element.localName === "frame";
    return { hit: describe(element, element, true), frame: isFrame ? inside(element) : null };
  };

  const api = {
    quiet, scrolled, begin, snapshot, view, masked, hit, find, about, line, text, table, focus, focused, keyboard, kin, own, frame,
    held: () => held,
    pinch, arm, pressed,
    lastActive: () => active,
    scrolls: () => counts.scrolls,
    reset: () => { seen = new WeakMap(); leaving = false; ensure(); },
  };
  ensure();
  Object.defineProperty(window, "__deixis", { value: Object.freeze(api), enumerable: false });
})();
