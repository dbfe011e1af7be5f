// The ladder of one connection: the client's line and the server's line, and time downwards. Commands and replies are
// arrows between the lines. At the right a grey line joins a reply to the command that it serves, as the server meant it;
// at the left a coloured line joins it to the call that took it. On a healthy connection the two sides are alike.

import { byID, copied, draw, el, fill, grid, keeping, say } from "./dom.js";
import { call, FACTS } from "./data.js";
import { detail, meant, got } from "./detail.js";
import { toConn, toIncident } from "./hash.js";
import { picture } from "./picture.js";
import { count, gap, group, moment, zoneName } from "./time.js";

const WINDOW = 60; // commands in the picture

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
      if (c.nothing && c.due && !c.wait && next && c.reply && next.start < c.reply.last) c.gone = next;
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
    const first = this.calls && this.calls.length ? this.calls[0].index : this.from, last = this.calls && this.calls.length ? this.calls[this.calls.length - 1].index : this.from + WINDOW;
    const bar = (...more) => el("div", { class: "bar" },
      el("button", { type: "button", disabled: this.from <= 1, click: () => this.move(-WINDOW + 10) }, "Earlier"),
      el("button", { type: "button", disabled: last >= r.commands, click: () => this.move(WINDOW - 10) }, "Later"),
      el("span", { class: "dim" }, `commands ${first} to ${Math.min(last, r.commands)} of ${group(r.commands)}`), more);
    if (!this.calls || this.calls.length === 0) {
      fill(body, el("p", { class: "dim stats" }, r.protocol), this.ladder && r.commands > 0 && bar(), el("p", { class: "note" }, r.commands === 0 ? "No command was seen on it." : this.ladder ? "None of these commands is kept." : "The commands of this connection are not in this file: ",
        r.commands > 0 && !this.ladder && el("code", {}, `respsniff view ${this.files.join(" ")}`)));
      return;
    }
    const misreads = this.calls.filter((c) => c.misread && !c.control);
    const stats = [
      r.protocol !== "resp" && r.protocol, count(r.commands, "command"), r.policy && `policy ${r.policy}`, r.timeout > 0 && `read timeout ${gap(r.timeout)}`,
      r.start === "syn" ? "seen from its beginning" : "began before the capture", `end: ${r.end}`, r.lost > 0 && `${group(r.lost)} bytes were not captured`,
    ].filter(Boolean).join(" · ");
    const frame = el("div", { class: "picture" });
    const chosen = this.byIndex.get(this.chosen);
    fill(body,
      el("p", { class: "dim stats" }, stats, r.incidents.map((id) => [" · ", el("a", { href: toIncident(id) }, `incident ${id}`)])),
      el("p", { class: "lead" }, this.sentence(misreads)),
      bar(
        el("span", { class: "grow" }),
        el("button", { type: "button", "aria-label": "stretch time", click: () => this.stretch(2) }, "Time +"),
        el("button", { type: "button", "aria-label": "compress time", click: () => this.stretch(0.5) }, "Time −"),
        this.zoom !== 1 && el("button", { type: "button", click: () => this.stretch(0) }, "Reset")),
      this.legend(misreads.length > 0),
      el("div", { class: "split" }, frame, el("div", { class: "detail" + (chosen ? " chosen" : ""), id: "detail" },
        chosen && el("button", { type: "button", class: "close", "aria-label": "Close the detail", click: () => this.choose(0) }, "×"),
        chosen ? detail(chosen, this, r) : el("p", { class: "dim" }, "Choose a call or a reply: its frames, what they show, and the lines to look at it elsewhere. ↑ and ↓ go from call to call."))),
      this.details("numbers", "The same as a table", this.table()),
      this.details("lines", "The whole connection elsewhere",
        this.ladder.filter && copied("tshark", `tshark -r ${this.files[0] || "FILE"} -Y '${this.ladder.filter}'`),
        copied("its packets", `respsniff cut ${this.files.join(" ") || "FILE"} --conn ${this.conn} -o conn-${this.conn}.pcapng`),
        copied("its commands", `respsniff pairs ${this.files.join(" ") || "FILE"} --conn ${this.conn}`)));
    this.picture = frame;
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
      const well = this.calls.some((c) => c.own);
      return [gone.length ? `${count(gone.length, "caller")} gave up here; no other call got the reply.` : well ? `Each call here${unsure ? " of which it can be told" : ""} got its own reply.` : "",
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

  paint() {
    this.root = picture(this);
    this.root.addEventListener("keydown", (e) => this.key(e));
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
