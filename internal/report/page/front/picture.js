// The drawing of a ladder: packets as arrows between two lines, and at either side whose reply is whose.

import { draw, el, fill } from "./dom.js";
import { got, meant } from "./detail.js";
import { best, layout } from "./scale.js";
import { brief, count, gap, group, moment } from "./time.js";

const LINE = 16; // height of a line of text
const WIDTH = [1, 1.6, 2.6, 3.8, 5.2]; // of a coloured line, by confidence

// short is meant for the picture, as pairs prints it.
const short = (c) => (c.reply.kind === "error" && c.reply.text ? `-${c.reply.text}` : c.exec || `${c.reply.kind} ${group(c.reply.to - c.reply.from)} B`);

// picture draws what a view has loaded, into its element, and returns the drawing.
export function picture(view) {
  const width = Math.max(300, view.picture.clientWidth || 900);
  const narrow = width < 620;
  const font = narrow ? 10.5 : 12;
  const char = font * 0.602;
  const ruler = narrow ? 4 : 116;
  const arc = narrow ? 28 : 76, arcS = narrow ? 26 : 56; // the room for lines at either side
  const side = Math.floor(Math.min(340, (width - ruler - arc - arcS - (narrow ? 66 : 150)) / 2)); // and for labels
  const C = ruler + side + arc, S = width - side - arcS;
  const fit = (text, pixels) => {
    const n = Math.max(3, Math.floor(pixels / char));
    return text.length > n ? text.slice(0, n - 1) + "…" : text;
  };

  // 1. The moments, with the labels beside them.
  const at = new Map();
  const moments = [];
  const when = (t) => {
    if (!at.has(t)) {
      const m = { t, left: [], right: [] };
      at.set(t, m);
      moments.push(m);
    }
    return at.get(t);
  };
  const scale = scaleOf(view);
  const groups = grouped(view, scale);
  for (const g of groups) {
    const c = g.calls[0], z = g.calls[g.calls.length - 1];
    const lines = [];
    if (g.joined) {
      lines.push([narrow ? `#${c.index} to #${z.index}` : `#${c.index} to #${z.index}: ${g.calls.length} calls${c.frame === z.frame ? ", one packet" : ""}`, ""]);
    } else {
      lines.push([`#${c.index} ${c.name}`, ""]);
      if (c.misread) lines.push([c.believes ? (narrow ? `got #${c.believes}'s reply` : `took the reply to #${c.believes}, ${c.confidence}`) : "took an older reply", c.control ? "harmless-text" : "stolen-text"]);
      else if (c.wait) lines.push([narrow ? `gave up ${brief(c.wait.time - c.end)}` : `gave up after ${brief(c.wait.time - c.end)}`, "gone-text"]);
      else if (c.gone && !c.control) lines.push([narrow ? `gone in ${brief(c.gone.start - c.end)}` : `gone when #${c.gone.index} was written, ${brief(c.gone.start - c.end)} later`, "gone-text"]);
      else if (c.own && !c.reply) lines.push([narrow ? "reply not captured" : "its reply is not in the capture", "dim"]);
      else if (c.unknown) lines.push([narrow ? "got: unknown" : "what its caller got is unknown", "dim"]);
      else if (c.nothing && c.due) lines.push(c.reply ? ["its caller got no reply", c.control ? "dim" : "gone-text"] : ["no reply was seen", "dim"]);
    }
    if (g.joined) for (const x of g.calls) when(x.start), when(x.reply.last);
    g.label = { lines: lines.length, text: lines, group: g };
    when(c.start).left.push(g.label);
    if (c.wait) when(c.wait.time);
    if (c.ackedFrame && (!c.reply || c.ackedFrame !== c.reply.frame)) when(c.acked);
    if (c.reply) {
      const right = [];
      const n = c.reply;
      const what = g.joined ? (narrow ? "own replies" : `own replies, within ${brief(Math.max(...g.calls.map((x) => x.reply.first - x.end)))}`) : narrow ? `to #${c.index} ${n.kind}` : `reply to #${c.index}: ${short(c)}${c.takenBy ? "" : ` +${brief(n.first - c.end)}`}`;
      right.push([what, ""]);
      if (!g.joined && c.takenBy) right.push([narrow ? `taken by #${c.takenBy.index}` : `taken by #${c.takenBy.index} ${c.takenBy.name}`, c.takenBy.control ? "harmless-text" : "stolen-text"]);
      g.reply = { lines: right.length, text: right, group: g };
      when(g.joined ? z.reply.last : n.last).right.push(g.reply);
    }
  }
  moments.sort((a, b) => a.t - b.t);
  const { place, breaks, height } = layout(moments, scale, LINE);

  // 2. The ground: breaks, stalls, the two lines.
  const head = 30;
  const root = draw("svg", { class: "ladder", width, height: height + head, viewBox: `0 0 ${width} ${height + head}`, role: "group", "aria-label": `Ladder of connection ${view.conn}; the same is in the table below`, "font-size": font });
  root.append(draw("defs", {}, ["own", "stolen", "serves", "packet", "kernel", "harmless"].map((k) =>
    draw("marker", { id: "to-" + k, viewBox: "0 0 8 8", refX: 7.2, refY: 4, markerWidth: k === "stolen" ? 13 : 8, markerHeight: k === "stolen" ? 13 : 8, orient: "auto-start-reverse", markerUnits: "userSpaceOnUse" }, draw("path", { d: "M0 0L8 4L0 8z", class: "head-" + k })))));
  const ground = draw("g", { transform: `translate(0 ${head})` });
  root.append(ground);
  const title = (x, anchor, text, cls) => root.append(draw("text", { x, y: 16, "text-anchor": anchor, class: "columns " + (cls || "") }, text));
  title(C - arc + 4, "end", narrow ? "callers" : "what each caller got (believes)");
  title(C, "middle", narrow ? "C" : "client");
  title(S, "middle", narrow ? "S" : "server");
  title(S + arcS - 4, "start", narrow ? "replies" : "what the server meant (serves)");
  const t0 = moments[0].t, t1 = moments[moments.length - 1].t;
  for (const st of view.stalls || []) {
    if (st.server !== view.row.server || st.to < t0 || st.from > t1) continue;
    const y0 = place(Math.max(st.from, t0)), y1 = place(Math.min(st.to, t1));
    ground.append(draw("g", { class: "stall" }, draw("rect", { x: C + 8, y: y0, width: S - C + 2, height: Math.max(3, y1 - y0) }),
      draw("line", { x1: S + 5, x2: S + 5, y1: y0, y2: Math.max(y0 + 3, y1) }),
      draw("title", {}, `server stall: it answered nobody for ${gap(st.to - st.from)}`)));
    const free = moments.map((m) => m.y).filter((y) => y >= y0 && y + 16 <= y1 && !breaks.some((b) => b.y0 < y + 16 && b.y1 > y)).shift();
    if (free !== undefined) ground.append(draw("text", { x: (C + S) / 2, y: free + 12, "text-anchor": "middle", class: "stall-text" }, fit(`stall ${brief(st.to - st.from)}`, S - C - 12)));
  }
  for (const x of [C, S]) ground.append(draw("line", { x1: x, x2: x, y1: 0, y2: height - 6, class: "life" }));
  for (const b of breaks) {
    const m = (b.y0 + b.y1) / 2;
    const zig = (y) => {
      let d = `M${C - 12} ${y}`;
      for (let x = C - 12, k = 0; x < S + 12; x += 6, k++) d += `l6 ${k % 2 ? 4 : -4}`;
      return d;
    };
    ground.append(draw("g", { class: "break" }, draw("rect", { x: C - 13, y: m - 8, width: S - C + 28, height: 16 }), draw("path", { d: zig(m - 6) }), draw("path", { d: zig(m + 8) }),
      draw("text", { x: (C + S) / 2, y: m + 5, "text-anchor": "middle" }, narrow ? brief(b.to - b.from) : `${brief(b.to - b.from)} cut`)));
  }
  if (!narrow) {
    let last = -100;
    const starts = new Set([t0, ...breaks.map((b) => b.to)]);
    for (const m of moments) {
      const fresh = starts.has(m.t);
      if (m.y - last < 15 && !fresh) continue;
      if (m.y - last < 12) continue;
      last = m.y;
      ground.append(draw("text", { x: ruler - 8, y: m.y + 4, "text-anchor": "end", class: fresh ? "time" : "time dim" }, fresh ? moment(m.t) : "+" + brief(m.t - [...starts].filter((s) => s <= m.t).pop())));
      ground.append(draw("line", { x1: ruler - 5, x2: ruler, y1: m.y, y2: m.y, class: "tick" }));
    }
  }

  // 3. Packets, callers, and whose reply is whose. What was taken wrongly lies on top.
  const packets = draw("g", {}), sides = draw("g", {}), stolen = draw("g", {}), labels = draw("g", {});
  ground.append(sides, packets, stolen, labels);
  for (const g of groups) {
    const c = g.calls[0], z = g.calls[g.calls.length - 1];
    const y = place(c.start);
    const on = view.chosen && g.calls.some((x) => x.index === view.chosen || (x.takenBy && x.takenBy.index === view.chosen));
    const open = { click: () => (g.joined ? view.expand(c.index) : view.choose(c.index)) };
    const depth = Math.min(c.outstanding, 6);
    if (g.joined) {
      for (const x of g.calls.slice(1)) {
        packets.append(draw("path", { d: `M${C} ${place(x.start)}H${S - 1}`, class: "packet few" }));
        if (x !== z) packets.append(draw("path", { d: `M${S} ${place(x.reply.last)}H${C + 1}`, class: "packet few" }));
      }
    }
    // the command
    packets.append(draw("path", { d: `M${C} ${y}H${S - 1}`, class: "packet" + (on ? " on" : ""), "data-frame": c.frame, "marker-end": "url(#to-packet)", ...open }, draw("title", {}, `frame ${c.frame}: ${c.name}; ACK ${c.ack}`)));
    if (c.ackedFrame && (!c.reply || c.ackedFrame !== c.reply.frame)) {
      const ya = place(c.acked);
      packets.append(draw("path", { d: `M${S} ${ya}H${C + 1}`, class: "kernel", "marker-end": "url(#to-kernel)" }, draw("title", {}, `frame ${c.ackedFrame}: the server's kernel acknowledges #${c.index} after ${gap(c.acked - c.end)}`)));
    }
    // its caller waits
    const until = place(g.joined ? Math.max(...g.calls.map((x) => ends(view, x))) : ends(view, c));
    const bx = C - 4 - depth * 5;
    sides.append(draw("rect", { x: bx - 2, y, width: 4, height: Math.max(2, until - y), class: "waits" + (c.wait || (c.gone && !c.control) ? " gone" : c.misread && !c.control ? " hurt" : "") }));
    if (c.wait || (c.gone && !c.control)) {
      sides.append(draw("path", { d: `M${bx - 5} ${until - 5}l10 10m0-10l-10 10`, class: "cross" }, draw("title", {}, c.wait ? `its caller gave up: it ${c.wait.how} (frame ${c.wait.frame})` : `its caller had gone when #${c.gone.index} was written (frame ${c.gone.frame})`)));
    }
    // the reply
    if (c.reply) {
      const yr = place(g.joined ? z.reply.last : c.reply.last);
      const yf = place(c.reply.first);
      packets.append(draw("path", { d: `M${S} ${yr}H${C + 1}`, class: "packet reply" + (on ? " on" : "") + (c.takenBy && !c.takenBy.control ? " taken" : ""), "data-frame": c.reply.frame, "data-of": c.index, "marker-end": "url(#to-packet)", ...open }, draw("title", {}, `frame ${c.reply.frame}: reply to #${c.index}, ${meant(c)}; ACK ${c.reply.ack}`)));
      if (yr - yf > 3) packets.append(draw("rect", { x: S - 5, y: yf, width: 5, height: yr - yf, class: "flow" }));
      const bulge = Math.min(arcS - 8, 10 + Math.abs(yr - y) * 0.16 + depth * 3);
      sides.append(draw("path", { d: `M${S + 2} ${yr}C${S + bulge} ${yr} ${S + bulge} ${y} ${S + 3} ${y}`, class: "serves" + (on ? " on" : ""), "marker-end": "url(#to-serves)" }));
      if (!g.joined && c.own) sides.append(taken(C, yr, y, c, narrow, "own", on, bx));
      if (g.joined) sides.append(taken(C, yr, y, c, narrow, "own", on, bx));
    }
    if (c.misread) {
      const from = view.byIndex.get(c.believes);
      const yr = from && from.reply ? place(from.reply.last) : 0;
      stolen.append(taken(C, yr, y, c, narrow, c.control ? "harmless" : "stolen", on, bx));
    }
    labels.append(label(view, g.label, C - arc, "end", y, side - 6, fit, open, on, c, C - arc + 4, bx - 6), ...(g.reply ? [label(view, g.reply, S + arcS, "start", place(g.joined ? z.reply.last : c.reply.last), side - 4, fit, open, on, null, S + arcS - 4, S + 4)] : []));
  }
  fill(view.picture, root, el("p", { class: "dim scale-note" }, `Between the breaks 100 pixels are ${brief(100 / scale)}.${view.extra ? ` ${count(view.extra, "command")} from elsewhere on the connection: their replies were taken here.` : ""}`));
  return root;
}

// taken is the line from a reply, where it reaches the client, to the call that took it.
function taken(C, yr, yc, c, narrow, kind, on, bx) {
  const zone = narrow ? 26 : 74;
  const bulge = kind === "own" ? Math.min(zone * 0.55, 9 + Math.abs(yr - yc) * 0.13) : Math.min(zone, 26 + Math.abs(yr - yc) * 0.22);
  const d = `M${C - 2} ${yr}C${bx - bulge} ${yr} ${bx - bulge} ${yc} ${bx - 3} ${yc + (kind === "own" ? 0 : 1)}`;
  const width = kind === "own" ? 1.3 + c.sure * 0.15 : WIDTH[c.sure];
  const g = draw("g", { class: "line-" + kind, "data-call": c.index, "data-reply": c.believes, "data-sure": c.confidence });
  if (kind !== "own") g.append(draw("path", { d, class: "casing", "stroke-width": width + 3 }));
  g.append(draw("path", { d, class: kind + (on ? " on" : ""), "stroke-width": width, "stroke-dasharray": c.sure === 1 ? "5 4" : null, "marker-end": `url(#to-${kind})` },
    draw("title", {}, c.own ? `#${c.index} took its own reply` : `#${c.index} took the reply to ${c.believes ? "#" + c.believes : "an older command"} (${c.confidence})`)));
  return g;
}

function label(view, l, x, anchor, y, pixels, fit, open, on, c, lx, to) {
  const g = draw("g", { class: "label" + (on ? " on" : ""), ...open });
  if (c) {
    Object.entries({ tabindex: c.index === (view.chosen || view.calls[0].index) ? 0 : -1, role: "button", "data-index": c.index, "data-key": "call-" + c.index, "aria-label": `#${c.index} ${c.name}: the server meant ${meant(c)}; its caller got ${got(c, view.byIndex)}` }).forEach(([k, v]) => g.setAttribute(k, v));
  }
  const away = l.y - y > 3;
  g.append(draw("path", { d: away ? `M${lx} ${l.y}L${to} ${y}` : `M${lx} ${y}H${to}`, class: "leader" }));
  g.append(draw("rect", { x: anchor === "end" ? x - pixels : x, y: l.y - 11, width: pixels, height: l.lines * LINE, class: "hit" }));
  l.text.forEach(([text, cls], i) => g.append(draw("text", { x, y: l.y + 4 + i * (LINE - 1), "text-anchor": anchor, class: cls }, fit(text, pixels), draw("title", {}, text))));
  return g;
}

// grouped joins calls that are all well and would stand closer than their labels: a pipeline, or a busy moment, is one label.
// What happened something to, and what stands beside it, is by itself.
function grouped(view, scale) {
  const out = [];
  const calls = view.calls;
  const odd = (c) => !c || !c.own || c.takenBy || c.wait || c.gone || c.index === view.chosen;
  const plain = (i) => !odd(calls[i]) && calls[i].reply && !(calls[i + 1] && odd(calls[i + 1])) && !(calls[i - 1] && odd(calls[i - 1]));
  for (let i = 0; i < calls.length;) {
    let j = i;
    while (j < calls.length && plain(j) && (j === i || (calls[j].start - calls[j - 1].start) * scale < LINE)) j++;
    if (j - i >= 4 && !view.opened.has(calls[i].index)) {
      out.push({ calls: calls.slice(i, j), joined: true });
      i = j;
    } else {
      out.push({ calls: [calls[i]], joined: false });
      i++;
    }
  }
  return out;
}

// scale is how many pixels a nanosecond has: by the time between everything that the picture shows.
function scaleOf(view) {
  const times = [];
  for (const c of view.calls) {
    const heavy = c.misread || c.wait || c.gone || c.takenBy;
    times.push([c.start, heavy]);
    if (c.reply) times.push([c.reply.last, heavy]);
  }
  times.sort((a, b) => a[0] - b[0]);
  const gaps = [];
  for (let i = 1; i < times.length; i++) {
    const d = times[i][0] - times[i - 1][0];
    if (d > 0) gaps.push([d, Boolean(times[i][1] || times[i - 1][1])]);
  }
  return best(gaps) * view.zoom;
}

// ends is when the caller of c stopped waiting, as far as the capture shows.
function ends(view, c) {
  if (c.wait) return c.wait.time;
  if (c.gone && !c.control) return c.gone.start;
  if (c.own && c.reply) return c.reply.last;
  const taken = c.misread && view.byIndex.get(c.believes);
  if (taken && taken.reply) return Math.max(c.end, taken.reply.last);
  return c.end;
}
