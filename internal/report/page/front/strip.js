// The time strip: what is in view of the capture, a lane a server and a lane a client. Dragging over it goes closer, and
// everything below follows.

import { byID, el, fill, grid, keeping, say } from "./dom.js";
import { count, gap, group, moment, round, tick, zoneName } from "./time.js";

export const MARKS = [
  { one: "caller gave up", many: "callers gave up", style: "gone" },
  { one: "use of a connection after a caller gave up", many: "uses of connections after callers gave up", style: "reuse" },
  { one: "call got another call's reply", many: "calls got another call's reply", style: "stolen" },
  { one: "leak", many: "leaks", style: "leak" },
  { one: "example of another finding", many: "examples of other findings", style: "other" },
];
const FEW = 8; // lanes of a kind that are shown at once
const LANE = 26; // height of a lane in pixels; few are higher

export class StripView {
  constructor(run, data, changed) {
    Object.assign(this, { run, data, changed, view: [...run.span], all: false, strip: run.strip, conn: null });
    this.width = 0;
    const m = run.marks;
    this.marks = m ? m.time.map((t, i) => ({ t, what: m.what[i], conn: m.conn[i], index: m.index[i], client: m.names[m.client[i]], server: m.names[m.server[i]] })) : [];
    this.of = new Map(); // marks by client
    const lanes = new Set(run.strip.clients.map((l) => l.name));
    for (const x of this.marks) {
      const name = lanes.has(x.client) ? x.client : "further clients";
      if (!this.of.has(name)) this.of.set(name, []);
      this.of.get(name).push(x);
    }
    new ResizeObserver(() => { if (this.canvas && this.canvas.clientWidth !== this.width) this.paint(); }).observe(byID("strip"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
  }

  whole() { return this.view[0] === this.run.span[0] && this.view[1] === this.run.span[1]; }

  async set(from, to, quiet) {
    const [a, b] = this.run.span;
    const least = 1000;
    let d = Math.min(Math.max(to - from, least), b - a || least);
    from = Math.max(a, Math.min(from, b - d));
    this.view = [from, from + d];
    this.render();
    if (!quiet) say(`${moment(from)} to ${moment(from + d)}, ${gap(d)}`);
    this.changed(this.whole() ? null : this.view);
    if (d / this.run.strip.width < 300 && !this.whole()) {
      const asked = this.view;
      const closer = await this.data.closer(from, from + d).catch(() => null);
      if (asked !== this.view || !closer) return;
      this.strip = closer;
      this.paint();
    } else {
      this.strip = this.run.strip;
      this.paint();
    }
  }

  zoom(by, middle) {
    const [a, b] = this.view;
    const m = middle ?? (a + b) / 2;
    return this.set(m - (m - a) / by, m + (b - m) / by);
  }

  pan(part) {
    const d = (this.view[1] - this.view[0]) * part;
    return this.set(this.view[0] + d, this.view[1] + d);
  }

  lanes() {
    const pick = (list) => (this.all ? list : list.slice(0, FEW));
    return [
      ...(this.run.incidents.some((x) => x.first >= 0) ? [{ kind: "incidents", name: "incidents" }] : []),
      ...pick(this.strip.servers).map((l) => ({ ...l, kind: "server" })),
      ...pick(this.strip.clients).map((l) => ({ ...l, kind: "client" })),
    ];
  }

  render() {
    const more = Math.max(0, this.strip.servers.length - FEW) + Math.max(0, this.strip.clients.length - FEW);
    const button = (text, act, off) => el("button", { type: "button", click: act, disabled: off }, text);
    if (!this.canvas) {
      this.canvas = el("canvas", { tabindex: 0, role: "application", "aria-label": "Time strip. Plus and minus zoom, left and right move, Home shows the whole capture; the numbers are in the table below." });
      this.pointer();
      this.canvas.addEventListener("keydown", (e) => {
        const act = { "+": () => this.zoom(2), "=": () => this.zoom(2), "-": () => this.zoom(0.5), ArrowLeft: () => this.pan(-0.25), ArrowRight: () => this.pan(0.25), Home: () => this.set(...this.run.span), Escape: () => this.set(...this.run.span) }[e.key];
        if (!act) return;
        e.preventDefault();
        act();
      });
      this.caption = el("span", { class: "span-text" });
      this.box = el("div", { class: "strip-box" }, this.canvas, el("div", { class: "brush", hidden: true }), el("div", { class: "tip", hidden: true }));
    }
    this.caption.textContent = `${moment(this.view[0], true)} to ${moment(this.view[1])} ${zoneName()}, ${gap(this.view[1] - this.view[0])}`;
    keeping(byID("strip"), () => fill(byID("strip"),
      el("div", { class: "bar" }, this.caption, el("span", { class: "grow" }), button("Whole capture", () => this.set(...this.run.span), this.whole()), button("Closer", () => this.zoom(2)), button("Wider", () => this.zoom(0.5), this.whole()),
        button("Earlier", () => this.pan(-0.5), this.view[0] <= this.run.span[0]), button("Later", () => this.pan(0.5), this.view[1] >= this.run.span[1])),
      this.box,
      el("p", { class: "legend" }, ["stolen", "reuse", "gone", "leak", "other"].map((k) => {
        const i = MARKS.findIndex((m) => m.style === k);
        const n = this.marks.filter((m) => m.what === i && m.t >= this.view[0] && m.t <= this.view[1]).length;
        return n > 0 && el("span", { class: "key" }, el("span", { class: "glyph " + k, "aria-hidden": "true" }), `${group(n)} ${n === 1 ? MARKS[i].one : MARKS[i].many}`);
      }), this.run.stalls.length > 0 && el("span", { class: "key" }, el("span", { class: "glyph stall", "aria-hidden": "true" }), "server stall"), el("span", { class: "key" }, el("span", { class: "glyph bars", "aria-hidden": "true" }), "commands"),
      el("span", { class: "key" }, el("span", { class: "glyph wait", "aria-hidden": "true" }), "longest wait of a server's clients"),
      el("span", { class: "key" }, el("span", { class: "glyph open", "aria-hidden": "true" }), "open connections of a client"),
      el("span", { class: "dim" }, "Drag over a span to go closer.")),
      more > 0 && el("p", {}, button(this.all ? "Fewer lanes" : `${more} more lanes`, () => { this.all = !this.all; this.render(); this.paint(); })),
      this.numbers()));
    this.paint();
  }

  // numbers stays open when the rest is drawn anew.
  numbers() {
    const open = this.opened && this.opened.open;
    this.opened = el("details", { class: "numbers", open }, el("summary", {}, "The same as a table"), this.table());
    return this.opened;
  }

  table() {
    const within = (m) => m.t >= this.view[0] && m.t <= this.view[1];
    const rows = [];
    for (const kind of ["server", "client"]) {
      for (const l of this.strip[kind + "s"]) {
        const mine = (kind === "client" ? this.of.get(l.name) || [] : this.marks.filter((m) => m.server === l.name)).filter(within);
        const stalls = kind === "server" ? this.run.stalls.filter((s) => s.server === l.name && s.to >= this.view[0] && s.from <= this.view[1]) : [];
        const longest = this.most(l.waits), open = this.most(l.open);
        rows.push([kind, l.name, group(this.inView(l)), longest ? gap(longest * 1000) : "", open || "", stalls.length ? `${stalls.length}, up to ${gap(Math.max(...stalls.map((s) => s.to - s.from)))}` : "", ...[0, 1, 2, 3].map((k) => mine.filter((m) => m.what === k).length || "")]);
      }
    }
    return grid("Servers and clients in view", ["", "address", "commands", "longest wait", "most connections", "stalls", "gave up", "used again after that", "got another call's reply", "leaks"], rows);
  }

  inView(l) {
    const s = this.strip;
    let n = 0;
    (l.counts || []).forEach((c, i) => {
      const t = s.from + i * s.width;
      if (t + s.width > this.view[0] && t <= this.view[1]) n += c;
    });
    return n;
  }

  // most is the largest of the numbers in view.
  most(numbers) {
    const s = this.strip;
    return (numbers || []).reduce((n, x, i) => {
      const t = s.from + i * s.width;
      return t + s.width > this.view[0] && t <= this.view[1] ? Math.max(n, x) : n;
    }, 0);
  }

  // paint draws on the canvas, in pixels of the screen.
  paint() {
    const canvas = this.canvas;
    if (!canvas || !canvas.isConnected) return;
    const lanes = this.lanes();
    const width = canvas.parentNode.clientWidth || 900;
    const g = canvas.getContext("2d");
    const type = "11px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace";
    g.font = type;
    const names = width < 620 ? 0 : Math.ceil(Math.min(230, Math.max(...lanes.map((l) => g.measureText(l.name).width)) + 14));
    const tall = lanes.length <= 6 ? LANE + 8 : LANE;
    const lane = names ? tall : tall + 13;
    const height = 20 + lanes.length * lane + 4;
    this.width = canvas.clientWidth;
    const ratio = devicePixelRatio || 1;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    canvas.style.height = height + "px";
    canvas.style.width = width + "px";
    g.scale(ratio, ratio);
    const css = getComputedStyle(document.documentElement);
    const color = (name) => css.getPropertyValue("--" + name).trim();
    const [a, b] = this.view;
    const plot = width - names;
    const X = (t) => names + ((t - a) / (b - a || 1)) * plot;
    Object.assign(this, { X, T: (x) => a + ((x - names) / plot) * (b - a), names, laneList: lanes, laneHeight: lane });
    g.font = type;
    g.textBaseline = "middle";
    // the axis
    const step = nice((b - a) / Math.max(2, Math.floor(plot / 130)));
    g.fillStyle = color("dim");
    g.strokeStyle = color("line");
    const zero = round(a, step);
    for (let t = zero, n = 0; t <= b && n < 40; t += step, n++) {
      const x = Math.round(X(t)) + 0.5;
      g.beginPath();
      g.moveTo(x, 16);
      g.lineTo(x, height);
      g.stroke();
      const text = tick(t, step);
      if (x + g.measureText(text).width + 4 < width) g.fillText(text, x + 3, 8);
    }
    lanes.forEach((l, i) => {
      const y = 20 + i * lane, h = tall - 5;
      const top = names ? y : y + 13;
      g.strokeStyle = color("line");
      g.beginPath();
      g.moveTo(0, y + lane - 2.5);
      g.lineTo(width, y + lane - 2.5);
      g.stroke();
      g.fillStyle = color("ink");
      g.fillText(names ? clip(g, l.name, names - 12) : `${l.kind === "incidents" ? "" : l.kind + " "}${l.name}`, names ? 2 : 3, names ? y + h / 2 : y + 6);
      g.save();
      g.beginPath();
      g.rect(names, y, plot, lane);
      g.clip();
      if (l.kind === "incidents") this.incidentLane(g, X, top, h, color);
      else this.bars(g, l, X, top, h, color);
      if (l.kind === "server") {
        for (const s of this.run.stalls) {
          if (s.server !== l.name) continue;
          const x = X(s.from);
          g.globalAlpha = 0.55;
          g.fillStyle = color("stall");
          g.fillRect(x, top, Math.max(2, X(s.to) - x), h);
          g.globalAlpha = 1;
        }
      }
      if (l.kind === "server") this.line(g, l.waits, X, top, h, color("dim"), (us) => Math.log10(1 + us / 100) / 5);
      if (l.kind === "client") {
        const most = Math.max(1, ...(l.open || []));
        this.line(g, l.open, X, top, h, color("leak"), (n) => n / most);
        this.glyphs(g, l, X, top, h, color);
      }
      g.restore();
    });
    if (this.conn) {
      const x0 = X(this.conn.first), x1 = Math.max(x0 + 3, X(this.conn.last));
      g.fillStyle = color("ink");
      if (x1 > names && x0 < width) g.fillRect(Math.max(names, x0), height - 3, Math.min(width, x1) - Math.max(names, x0), 3);
    }
  }

  bars(g, l, X, top, h, color) {
    const s = this.strip, counts = l.counts || [];
    const columns = new Map();
    counts.forEach((c, i) => {
      if (!c) return;
      const x = Math.floor(X(s.from + i * s.width));
      columns.set(x, Math.max(columns.get(x) || 0, c));
    });
    const most = Math.max(1, ...columns.values());
    const w = Math.max(1.5, X(s.from + s.width) - X(s.from));
    g.fillStyle = color("bars");
    for (const [x, c] of columns) {
      const height = Math.max(2, (Math.log1p(c) / Math.log1p(most)) * (h - 2));
      g.fillRect(x, top + h - height, w, height);
    }
  }

  // line draws the largest of each pixel's numbers as steps.
  line(g, numbers, X, top, h, style, part) {
    if (!numbers) return;
    const s = this.strip;
    g.strokeStyle = style;
    g.lineWidth = 1;
    g.beginPath();
    let last = null, px = -1, most = 0;
    const put = () => {
      const y = top + h - 0.5 - Math.min(1, part(most)) * (h - 2);
      if (last === null) g.moveTo(px, y);
      else { g.lineTo(px, last); g.lineTo(px, y); }
      last = y;
    };
    numbers.forEach((n, i) => {
      const x = Math.floor(X(s.from + i * s.width));
      if (x !== px) {
        if (px >= 0) put();
        px = x;
        most = 0;
      }
      most = Math.max(most, n);
    });
    if (px >= 0) put();
    if (last !== null) g.lineTo(X(s.from + numbers.length * s.width), last);
    g.stroke();
  }

  incidentLane(g, X, top, h, color) {
    this.run.incidents.filter((x) => x.first >= 0).slice(0, 6).forEach((x, i, list) => {
      const each = h / list.length;
      const x0 = X(x.first), w = Math.max(3, X(x.last) - x0);
      g.fillStyle = color(x.level === "critical" || x.level === "high" ? "stolen" : "other");
      g.globalAlpha = 0.28;
      g.fillRect(x0, top + i * each, w, each - 1);
      g.globalAlpha = 1;
      g.fillRect(x0, top + i * each, 2, each - 1);
      if (each > 10) {
        g.fillStyle = color("ink");
        g.fillText(`${x.id} ${x.verdict}`, Math.max(x0, this.names) + 6, top + i * each + each / 2);
      }
    });
  }

  // glyphs draws each kind of mark with a shape of its own, at most one of a kind a pixel.
  glyphs(g, l, X, top, h, color) {
    const drawn = new Set();
    const place = { gone: 0.25, reuse: 0.5, stolen: 0.72, leak: 0.5, other: 0.25 };
    for (const k of [4, 0, 3, 1, 2]) {
      const style = MARKS[k].style;
      g.fillStyle = color(style);
      g.strokeStyle = color("bg");
      for (const m of this.of.get(l.name) || []) {
        if (m.what !== k || m.t < this.view[0] || m.t > this.view[1]) continue;
        const x = Math.round(X(m.t));
        const id = k * 1e6 + x;
        if (drawn.has(id)) continue;
        drawn.add(id);
        const y = top + h * place[style];
        shape(g, style, x, y);
      }
    }
  }

  pointer() {
    const canvas = this.canvas;
    let from = null;
    const x = (e) => e.clientX - canvas.getBoundingClientRect().left;
    const brush = () => this.box.children[1];
    canvas.addEventListener("pointerdown", (e) => {
      if (e.button !== 0) return;
      from = x(e);
      canvas.setPointerCapture(e.pointerId);
    });
    canvas.addEventListener("pointermove", (e) => {
      if (from === null) {
        this.tip(x(e), e.clientY - canvas.getBoundingClientRect().top);
        return;
      }
      const [l, r] = [Math.min(from, x(e)), Math.max(from, x(e))];
      const b = brush();
      b.hidden = r - l < 4;
      b.style.left = l + "px";
      b.style.width = r - l + "px";
      b.textContent = gap(this.T(r) - this.T(l));
    });
    canvas.addEventListener("pointerup", (e) => {
      if (from === null) return;
      const [l, r] = [Math.min(from, x(e)), Math.max(from, x(e))];
      from = null;
      brush().hidden = true;
      if (r - l >= 4) this.set(this.T(Math.max(l, this.names)), this.T(r));
      else this.pick(x(e), e.clientY - canvas.getBoundingClientRect().top);
    });
    canvas.addEventListener("pointercancel", () => { from = null; brush().hidden = true; });
    canvas.addEventListener("pointerleave", () => { this.box.children[2].hidden = true; });
    canvas.addEventListener("dblclick", () => this.set(...this.run.span));
    canvas.addEventListener("wheel", (e) => {
      if (!e.ctrlKey && !e.metaKey) return;
      e.preventDefault();
      this.zoom(e.deltaY < 0 ? 1.5 : 1 / 1.5, this.T(Math.max(this.names, x(e))));
    }, { passive: false });
  }

  near(x, y) {
    const lane = this.laneList && this.laneList[Math.floor((y - 20) / this.laneHeight)];
    if (!lane || lane.kind !== "client") return null;
    let bestMark = null, bestD = 6;
    for (const m of this.of.get(lane.name) || []) {
      if (!m.conn) continue;
      const d = Math.abs(this.X(m.t) - x) - (m.what === 2 ? 0.5 : 0);
      if (d < bestD) [bestD, bestMark] = [d, m];
    }
    return bestMark;
  }

  tip(x, y) {
    const tip = this.box.children[2];
    const m = this.near(x, y);
    this.canvas.style.cursor = m ? "pointer" : "crosshair";
    if (x < this.names || !this.T) {
      tip.hidden = true;
      return;
    }
    tip.textContent = m ? `${moment(m.t)} ${MARKS[m.what].one}, connection ${m.conn}` : this.step(x, y);
    tip.hidden = false;
    const w = this.canvas.clientWidth;
    tip.style.left = x > w / 2 ? "auto" : x + 12 + "px";
    tip.style.right = x > w / 2 ? w - x + 12 + "px" : "auto";
    tip.style.top = y + 14 + "px";
  }

  // step says what a lane has at a place.
  step(x, y) {
    const l = this.laneList[Math.floor((y - 20) / this.laneHeight)], s = this.strip;
    const i = Math.floor((this.T(x) - s.from) / s.width);
    const parts = [moment(this.T(x))];
    if (l && l.counts) {
      parts.push(count((l.counts || [])[i] || 0, "command"));
      if ((l.waits || [])[i]) parts.push(`longest wait ${gap(l.waits[i] * 1000)}`);
      if ((l.open || [])[i]) parts.push(`${count(l.open[i], "connection")} open`);
      parts.push(`in ${gap(s.width)}`);
    }
    return parts.join(", ");
  }

  pick(x, y) {
    const lane = this.laneList[Math.floor((y - 20) / this.laneHeight)];
    if (lane && lane.kind === "incidents") {
      const t = this.T(x);
      const hit = this.run.incidents.find((i) => i.first >= 0 && i.first <= t && t <= i.last);
      if (hit) location.hash = `#incident-${hit.id}`;
      return;
    }
    const m = this.near(x, y);
    if (m) location.hash = `#conn-${m.conn}${m.index ? "-" + m.index : ""}`;
  }
}

function shape(g, style, x, y) {
  g.beginPath();
  if (style === "stolen") g.arc(x, y, 4, 0, 7);
  else if (style === "reuse") { g.moveTo(x, y - 5); g.lineTo(x + 5, y); g.lineTo(x, y + 5); g.lineTo(x - 5, y); }
  else if (style === "leak") g.rect(x - 4, y - 4, 8, 8);
  else if (style === "gone") g.rect(x - 1, y - 5, 2, 10);
  else g.arc(x, y, 2.5, 0, 7);
  g.closePath();
  if (style !== "gone") g.stroke();
  g.fill();
}

function clip(g, text, width) {
  while (text.length > 4 && g.measureText(text).width > width) text = text.slice(0, -2) + "…";
  return text;
}

// nice is a round step of at least d nanoseconds.
function nice(d) {
  if (d > 1e9) return 1e9 * ([2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200].find((s) => s * 1e9 >= d) || Math.ceil(d / 86400e9) * 86400);
  const p = 10 ** Math.floor(Math.log10(Math.max(d, 1)));
  return [1, 2, 5, 10].find((k) => k * p >= d) * p;
}
