// The ladder of one connection: the client's line and the server's line, and time downwards. Commands and replies are
// arrows between the lines. At the right a grey line joins a reply to the command that it serves, as the server meant it;
// at the left a coloured line joins it to the call that took it. On a healthy connection the two sides are alike.

import { byID, copied, draw, el, fill, grid, keeping, say } from "./dom.js";
import { call, FACTS } from "./data.js";
import { detail, meant, got } from "./detail.js";
import { toConn, toIncident } from "./hash.js";
import { best, layout } from "./scale.js";
import { brief, count, gap, group, moment, tick, zoneName } from "./time.js";

// short is meant for the picture, as pairs prints it.
const short = (c) => (c.reply.kind === "error" && c.reply.text ? `-${c.reply.text}` : `${c.reply.kind} ${group(c.reply.to - c.reply.from)} B`);

const WINDOW = 60; // commands in the picture
const LINE = 16; // height of a line of text
const WIDTH = [1, 1.6, 2.6, 3.8, 5.2]; // of a coloured line, by confidence

export class LadderView {
  constructor(data, files) {
    Object.assign(this, { data, files, conn: 0, from: 1, zoom: 1, chosen: 0, opened: new Set() });
  }

  // show opens a connection at a command; index 0 is where something happened first.
  async show(row, index) {
    const fresh = row.conn !== this.conn;
    if (fresh) Object.assign(this, { conn: row.conn, zoom: 1, opened: new Set() });
    this.row = row;
    const at = index || row.trouble || 1;
    this.chosen = index;
    if (fresh || !this.calls || !this.calls.some((c) => c.index === at)) {
      this.from = Math.max(1, at - (row.commands <= WINDOW ? row.commands : 12));
      await this.load();
    }
    this.render();
  }

  async load() {
    const wanted = this.conn;
    const l = await this.data.ladder(wanted, this.from, this.from + WINDOW);
    if (wanted !== this.conn) return;
    this.ladder = l;
    const calls = l ? l.rows.map(call) : [];
    // What a caller took, and who took a reply, belongs in the picture wherever it is.
    const have = new Set(calls.map((c) => c.index));
    const lack = [...new Set(calls.filter((c) => c.misread && c.believes && !have.has(c.believes)).map((c) => c.believes))].slice(0, 12);
    this.extra = lack.length;
    for (const index of lack) {
      const one = await this.data.ladder(wanted, index, index + 1);
      if (one) calls.push(...one.rows.map(call));
    }
    calls.sort((a, b) => a.index - b.index);
    this.calls = calls;
    this.byIndex = new Map(calls.map((c) => [c.index, c]));
    for (const c of calls) {
      const taken = this.byIndex.get(c.believes);
      if (c.misread && taken) taken.takenBy = c;
      const next = this.byIndex.get(c.index + 1);
      // Where the connection was used again with its reply owed, its caller had gone by then.
      if (c.nothing && c.due && !c.wait && next && (!c.reply || next.start < c.reply.last)) c.gone = next;
    }
  }

  async move(by) {
    this.from = Math.max(1, Math.min(this.from + by, Math.max(1, this.row.commands - 5)));
    this.chosen = 0;
    await this.load();
    this.render();
    say(this.calls.length ? `commands ${this.calls[0].index} to ${this.calls[this.calls.length - 1].index}` : "no command is kept there");
  }

  choose(index) {
    this.chosen = index;
    history.replaceState(null, "", toConn(this.conn, index));
    this.render();
    const c = this.byIndex.get(index);
    if (c) say(`#${c.index} ${c.name}: the server meant ${meant(c)}; its caller got ${got(c, this.byIndex)}`);
  }

  render() {
    keeping(byID("ladder"), () => this.redraw());
  }

  redraw() {
    const r = this.row;
    byID("ladder").hidden = false;
    fill(byID("ladder-h"), `Connection ${this.conn} `, el("span", { class: "dim" }, `${r.client} → ${r.server}${r.library ? ` (${r.library})` : ""}`));
    const body = byID("ladder-body");
    if (!this.calls || this.calls.length === 0) {
      fill(body, el("p", { class: "dim stats" }, r.protocol), el("p", { class: "note" }, r.commands === 0 ? "No command was seen on it." : this.ladder ? "None of these commands is kept." : "The commands of this connection are not in this file: ",
        r.commands > 0 && !this.ladder && el("code", {}, `respsniff view ${this.files.join(" ")}`)));
      return;
    }
    const misreads = this.calls.filter((c) => c.misread && !c.control);
    const stats = [
      r.protocol !== "resp" && r.protocol, count(r.commands, "command"), r.policy && `policy ${r.policy}`, r.timeout > 0 && `read timeout ${gap(r.timeout)}`,
      r.start === "syn" ? "seen from its beginning" : "began before the capture", `end: ${r.end}`, r.lost > 0 && `${group(r.lost)} bytes were not captured`,
    ].filter(Boolean).join(" · ");
    const first = this.calls[0].index, last = this.calls[this.calls.length - 1].index;
    const picture = el("div", { class: "picture" });
    const chosen = this.byIndex.get(this.chosen);
    fill(body,
      el("p", { class: "dim stats" }, stats, r.incidents.map((id) => [" · ", el("a", { href: toIncident(id) }, `incident ${id}`)])),
      el("p", { class: "lead" }, this.sentence(misreads)),
      el("div", { class: "bar" },
        el("button", { type: "button", disabled: this.from <= 1, click: () => this.move(-WINDOW + 10) }, "Earlier"),
        el("button", { type: "button", disabled: last >= r.commands, click: () => this.move(WINDOW - 10) }, "Later"),
        el("span", { class: "dim" }, `commands ${first} to ${last} of ${group(r.commands)}`),
        el("span", { class: "grow" }),
        el("button", { type: "button", "aria-label": "stretch time", click: () => this.stretch(2) }, "Time +"),
        el("button", { type: "button", "aria-label": "compress time", click: () => this.stretch(0.5) }, "Time −"),
        this.zoom !== 1 && el("button", { type: "button", click: () => this.stretch(0) }, "Reset")),
      this.legend(misreads.length > 0),
      el("div", { class: "split" }, picture, el("div", { class: "detail" + (chosen ? " chosen" : ""), id: "detail" },
        chosen && el("button", { type: "button", class: "close", "aria-label": "Close the detail", click: () => this.choose(0) }, "×"),
        chosen ? detail(chosen, this, r) : el("p", { class: "dim" }, "Choose a call or a reply: its frames, what they show, and the lines to look at it elsewhere. ↑ and ↓ go from call to call."))),
      this.details("numbers", "The same as a table", this.table()),
      this.details("lines", "The whole connection elsewhere",
        this.ladder.filter && copied("tshark", `tshark -r ${this.files[0] || "FILE"} -Y '${this.ladder.filter}'`),
        copied("its packets", `respsniff cut ${this.files.join(" ") || "FILE"} --conn ${this.conn} -o conn-${this.conn}.pcapng`),
        copied("its commands", `respsniff pairs ${this.files.join(" ") || "FILE"} --conn ${this.conn}`)));
    this.picture = picture;
    this.paint();
  }

  // details stays open when the rest is drawn anew.
  details(name, summary, ...children) {
    const old = this[name];
    this[name] = el("details", { class: name, open: old && old.open }, el("summary", {}, summary), children);
    return this[name];
  }

  stretch(by) {
    this.zoom = by === 0 ? 1 : Math.min(4096, Math.max(1 / 4096, this.zoom * by));
    this.render();
  }

  // sentence says what the picture shows.
  sentence(misreads) {
    if (misreads.length === 0) {
      const gone = this.calls.filter((c) => c.wait);
      const unsure = this.calls.filter((c) => c.unknown).length;
      return [gone.length ? `${count(gone.length, "caller")} gave up here; no other call got the reply.` : "Each call here got its own reply.",
        unsure ? ` Of ${count(unsure, "call")} nobody can tell what it got.` : ""].join("");
    }
    const c = misreads[0];
    const from = this.byIndex.get(c.believes);
    const gone = from && from.nothing ? ` The caller of #${from.index} had given up${from.wait ? ` after ${gap(from.wait.time - from.end)}` : from.gone ? ` within ${gap(from.gone.start - from.end)}` : ""}.` : "";
    const to = (i) => el("a", { href: toConn(this.conn, i) }, `#${i}`);
    if (!c.believes) return [`The call of `, to(c.index), ` ${c.name} got a reply from before the capture.`];
    return [`The call of `, to(c.index), ` ${c.name} took the reply to `, to(c.believes), `${from ? " " + from.name : ""} (${c.confidence}).${gone}`,
      misreads.length > 1 ? ` So did ${count(misreads.length - 1, "further call")} in this picture, each with another call's reply.` : ""];
  }

  legend(stolen) {
    const sample = (cls, text, extra) => el("span", { class: "key" }, draw("svg", { width: 30, height: 10, "aria-hidden": "true" }, draw("path", { d: "M1 5H29", class: cls, ...extra })), text);
    return el("p", { class: "legend" },
      sample("own", "took its own reply", { "stroke-width": 2 }),
      stolen && sample("stolen", "took another call's reply; the thicker, the surer", { "stroke-width": 4 }),
      sample("serves", "serves: the command that a reply is meant for", { "stroke-width": 1.5 }),
      sample("kernel", "ACK of the server's kernel", { "stroke-width": 1 }),
      this.stalled() && el("span", { class: "key" }, el("span", { class: "glyph stall", "aria-hidden": "true" }), "server stall: nobody is answered"));
  }

  // stalled reports whether a stall of the server lies in the picture.
  stalled() {
    const first = this.calls[0].start, last = Math.max(...this.calls.map((c) => (c.reply ? c.reply.last : c.end)));
    return this.stalls.some((st) => st.server === this.row.server && st.to >= first && st.from <= last);
  }

  table() {
    return grid(`Commands of connection ${this.conn}`, ["#", "time " + zoneName(), "command", "frame", "outstanding", "serves", "believes", "sure", ""], this.calls.map((c) => [
      el("a", { href: toConn(this.conn, c.index) }, `#${c.index}`), moment(c.start), c.name, c.frame, c.outstanding,
      c.reply ? `${meant(c)}, frame ${c.reply.frame}, after ${gap(c.reply.first - c.end)}` : c.due ? "none seen" : "none due",
      el("span", { class: c.misread ? "stolen-text" : "" }, got(c, this.byIndex)), c.confidence || "",
      FACTS.filter((_, i) => c.marks & (1 << i)).join("; ")]));
  }

  // groups joins calls that are all well and would stand closer than their labels: a pipeline, or a busy moment, is one label.
  // What happened something to, and what stands beside it, is by itself.
  groups(scale) {
    const out = [];
    const calls = this.calls;
    const odd = (c) => !c || !c.own || c.takenBy || c.wait || c.gone || c.index === this.chosen;
    const plain = (i) => !odd(calls[i]) && calls[i].reply && !(calls[i + 1] && odd(calls[i + 1])) && !(calls[i - 1] && odd(calls[i - 1]));
    for (let i = 0; i < calls.length;) {
      let j = i;
      while (j < calls.length && plain(j) && (j === i || (calls[j].start - calls[j - 1].start) * scale < LINE)) j++;
      if (j - i >= 4 && !this.opened.has(calls[i].index)) {
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
  scale() {
    const times = [];
    for (const c of this.calls) {
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
    return best(gaps) * this.zoom;
  }

  // ends is when the caller of c stopped waiting, as far as the capture shows.
  ends(c) {
    if (c.wait) return c.wait.time;
    if (c.gone && !c.control) return c.gone.start;
    if (c.own && c.reply) return c.reply.last;
    const taken = c.misread && this.byIndex.get(c.believes);
    if (taken && taken.reply) return Math.max(c.end, taken.reply.last);
    return c.end;
  }

  paint() {
    const width = Math.max(300, this.picture.clientWidth || 900);
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
    const scale = this.scale();
    const groups = this.groups(scale);
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
        else if (c.unknown) lines.push([narrow ? "got: unknown" : "what its caller got is unknown", "dim"]);
        else if (c.nothing && c.due) lines.push(["its caller got no reply", c.control ? "dim" : "gone-text"]);
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
    const root = draw("svg", { class: "ladder", width, height: height + head, viewBox: `0 0 ${width} ${height + head}`, role: "group", "aria-label": `Ladder of connection ${this.conn}; the same is in the table below`, "font-size": font });
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
    for (const st of this.stalls || []) {
      if (st.server !== this.row.server || st.to < t0 || st.from > t1) continue;
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
      const on = this.chosen && g.calls.some((x) => x.index === this.chosen || (x.takenBy && x.takenBy.index === this.chosen));
      const open = { click: () => (g.joined ? this.expand(c.index) : this.choose(c.index)) };
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
      const until = place(g.joined ? Math.max(...g.calls.map((x) => this.ends(x))) : this.ends(c));
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
        if (!g.joined && c.own) sides.append(this.taken(C, yr, y, c, narrow, "own", on, bx));
        if (g.joined) sides.append(this.taken(C, yr, y, c, narrow, "own", on, bx));
      }
      if (c.misread) {
        const from = this.byIndex.get(c.believes);
        const yr = from && from.reply ? place(from.reply.last) : 0;
        stolen.append(this.taken(C, yr, y, c, narrow, c.control ? "harmless" : "stolen", on, bx));
      }
      labels.append(this.label(g.label, C - arc, "end", y, side - 6, fit, open, on, c, C - arc + 4, bx - 6), ...(g.reply ? [this.label(g.reply, S + arcS, "start", place(g.joined ? z.reply.last : c.reply.last), side - 4, fit, open, on, null, S + arcS - 4, S + 4)] : []));
    }
    this.root = root;
    fill(this.picture, root, el("p", { class: "dim scale-note" }, `Between the breaks 100 pixels are ${brief(100 / scale)}.${this.extra ? ` ${count(this.extra, "command")} from elsewhere on the connection: their replies were taken here.` : ""}`));
    root.addEventListener("keydown", (e) => this.key(e));
  }

  // taken is the line from a reply, where it reaches the client, to the call that took it.
  taken(C, yr, yc, c, narrow, kind, on, bx) {
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

  label(l, x, anchor, y, pixels, fit, open, on, c, lx, to) {
    const g = draw("g", { class: "label" + (on ? " on" : ""), ...open });
    if (c) {
      Object.entries({ tabindex: c.index === (this.chosen || this.calls[0].index) ? 0 : -1, role: "button", "data-index": c.index, "data-key": "call-" + c.index, "aria-label": `#${c.index} ${c.name}: the server meant ${meant(c)}; its caller got ${got(c, this.byIndex)}` }).forEach(([k, v]) => g.setAttribute(k, v));
    }
    const away = l.y - y > 3;
    g.append(draw("path", { d: away ? `M${lx} ${l.y}L${to} ${y}` : `M${lx} ${y}H${to}`, class: "leader" }));
    g.append(draw("rect", { x: anchor === "end" ? x - pixels : x, y: l.y - 11, width: pixels, height: l.lines * LINE, class: "hit" }));
    l.text.forEach(([text, cls], i) => g.append(draw("text", { x, y: l.y + 4 + i * (LINE - 1), "text-anchor": anchor, class: cls }, fit(text, pixels), draw("title", {}, text))));
    return g;
  }

  expand(index) {
    this.opened.add(index);
    this.chosen = index;
    this.render();
  }

  key(e) {
    if ((e.key === "Enter" || e.key === " ") && e.target.closest("[data-index]")) {
      this.choose(Number(e.target.closest("[data-index]").dataset.index));
    } else if (e.key === "ArrowDown" || e.key === "ArrowUp") {
      const i = this.calls.findIndex((c) => c.index === Number((e.target.closest("[data-index]") || { dataset: {} }).dataset.index));
      const next = this.calls[i + (e.key === "ArrowDown" ? 1 : -1)];
      if (!next) return;
      this.choose(next.index);
    } else if (e.key === "+" || e.key === "=") {
      this.stretch(2);
    } else if (e.key === "-") {
      this.stretch(0.5);
    } else {
      return;
    }
    e.preventDefault();
    const at = this.root.querySelector(`[data-index="${this.chosen}"]`);
    if (at) at.focus({ preventScroll: false });
  }
}
