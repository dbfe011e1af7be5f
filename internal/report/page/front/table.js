// The connections: search, order, filters.

import { byID, el, fill, keeping, say } from "./dom.js";
import { hostOf } from "./data.js";
import { toConn } from "./hash.js";
import { count, gap, group, moment } from "./time.js";

const PAGE = 15;
const MOST = 200; // commands that a search finds
const COLUMNS = [
  ["conn", "#", "number"], ["client", "client", ""], ["server", "server", ""], ["library", "library", ""], ["first", "first", ""],
  ["commands", "commands", "number"], ["misreads", "got another call's reply", "number"], ["gave_up", "gave up", "number"], ["behind", "behind", "number"],
  ["longest", "longest wait", "number"], ["end", "end", ""], ["rules", "found", ""],
];

export class TableView {
  constructor(run, data) {
    Object.assign(this, { run, data, table: null, page: 0, found: [], want: { text: "", sort: "misreads", down: true, incident: 0, client: "", server: "", library: "", span: null } });
  }

  load(table) {
    this.table = table;
    byID("connections").hidden = false;
    this.want.sort = ["misreads", "gave_up", "behind"].find((k) => table.c[k].some((n) => n > 0)) || "commands";
    const choice = (label, key, values, text) => values.length > 1 && el("label", {}, label, " ", el("select", { change: (e) => this.set({ [key]: key === "incident" ? Number(e.target.value) : e.target.value }), "data-key": key },
      el("option", { value: "" }, "all"), values.map((v) => el("option", { value: v }, text ? text(v) : v))));
    this.search = el("input", { type: "search", placeholder: "address, library, rule, #12, key or command", "aria-label": "Search connections and commands", input: () => this.typed() });
    this.only = el("input", { type: "checkbox", change: () => this.look() });
    this.rows = el("tbody", {});
    this.head = el("tr", {});
    this.note = el("p", { class: "dim", id: "table-note" });
    this.hits = el("div", { id: "hits" });
    fill(byID("table"),
      el("div", { class: "bar filters" }, this.search, choice("incident", "incident", this.run.incidents.map((x) => x.id), (id) => `incident ${id}`),
        choice("client", "client", table.hosts()), choice("server", "server", table.values("server")), choice("library", "library", table.values("library")),
        table.c.misreads.some((n) => n > 0) && el("label", {}, this.only, " list the calls that got another call's reply")),
      this.note, this.hits,
      el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Connections" }, el("table", { class: "conns" }, el("thead", {}, this.head), this.rows)),
      el("div", { class: "bar" }, this.back = el("button", { type: "button", click: () => this.turn(-1) }, "Previous"), this.next = el("button", { type: "button", click: () => this.turn(1) }, "Next"), this.where = el("span", { class: "dim" })));
    this.render();
  }

  set(want) {
    Object.assign(this.want, want);
    this.page = 0;
    for (const s of byID("table").querySelectorAll("select")) s.value = this.want[s.dataset.key] || "";
    if (this.table) this.render();
  }

  // typed waits until the typing pauses: keys are looked for in all commands.
  typed() {
    this.set({ text: this.search.value });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), 250);
  }

  // look looks for commands, of three letters or more, or for all that got another call's reply.
  async look() {
    const text = this.search.value.trim(), only = this.only.checked;
    const found = only || (text.length >= 3 && !text.startsWith("#")) ? await this.data.find(text, only) : [];
    if (text !== this.search.value.trim() || only !== this.only.checked) return;
    this.found = found || [];
    this.render();
  }

  turn(by) {
    this.page += by;
    this.render();
  }

  sort(key) {
    this.want.down = this.want.sort === key ? !this.want.down : !["conn", "client", "server", "library", "first", "end"].includes(key);
    this.want.sort = key;
    this.page = 0;
    this.render();
    say(`in order of ${key}, ${this.want.down ? "most" : "least"} first`);
  }

  render() {
    keeping(byID("table"), () => this.draw());
  }

  draw() {
    const t = this.table, c = t.c;
    const rows = t.choose(this.want);
    this.shown = rows;
    this.page = Math.max(0, Math.min(this.page, Math.ceil(rows.length / PAGE) - 1));
    const part = rows.slice(this.page * PAGE, (this.page + 1) * PAGE);
    fill(this.head, COLUMNS.map(([key, text, cls]) => el("th", { scope: "col", class: cls, "aria-sort": this.want.sort === key ? (this.want.down ? "descending" : "ascending") : null },
      el("button", { type: "button", "data-key": "sort-" + key, click: () => this.sort(key) }, text, this.want.sort === key ? (this.want.down ? " ▾" : " ▴") : ""))));
    fill(this.rows, part.map((i) => {
      const cell = (text, cls) => el("td", { class: cls }, text);
      return el("tr", { class: c.conn[i] === this.open ? "open" : "", "data-conn": c.conn[i], click: (e) => { if (!e.target.closest("a") && !String(getSelection())) location.hash = toConn(c.conn[i]); } },
        cell(el("a", { href: toConn(c.conn[i]) }, c.conn[i]), "number"), cell(t.text("client", i)), cell(t.text("server", i)), cell(t.text("library", i)), cell(moment(c.first[i])),
        cell(group(c.commands[i]), "number"), cell(c.misreads[i] ? el("strong", { class: "stolen-text" }, group(c.misreads[i])) : "", "number"), cell(c.gave_up[i] ? el("span", { class: "gone-text" }, group(c.gave_up[i])) : "", "number"),
        cell(c.behind[i] || "", "number"), cell(c.longest[i] ? gap(c.longest[i]) : "", "number"), cell(t.text("end", i)), cell(t.text("rules", i)));
    }));
    const filters = [this.want.span && "in the span above", this.want.incident && `of incident ${this.want.incident}`, this.want.client && `of ${this.want.client}`, this.want.server && `to ${this.want.server}`, this.want.library && `with ${this.want.library}`, this.want.text && `with “${this.want.text}”`].filter(Boolean);
    fill(this.note, `${count(rows.length, "connection")}${filters.length ? " " + filters.join(", ") : ""}${this.run.total > t.size ? `; this file has ${group(t.size)} of ${group(this.run.total)}` : ""} `,
      filters.length > 0 && el("button", { type: "button", click: () => { this.search.value = ""; this.only.checked = false; this.found = []; this.set({ text: "", incident: 0, client: "", server: "", library: "" }); } }, "All"));
    fill(this.hits, this.found.length > 0 && el("details", { open: true }, el("summary", {}, `${this.found.length >= MOST ? `The first ${MOST} commands` : count(this.found.length, "command")}${this.want.text ? ` with “${this.want.text}”` : ""}${this.only.checked ? " that got another call's reply" : ""}`),
      el("ul", { class: "found" }, this.found.map((f) => el("li", {}, el("a", { href: toConn(f.conn, f.index) }, `connection ${f.conn} #${f.index}`), ` ${moment(f.time)} ${f.what}`, f.misread && !this.only.checked && el("strong", { class: "stolen-text" }, " got another call's reply"))))));
    this.back.disabled = this.page === 0;
    this.next.disabled = (this.page + 1) * PAGE >= rows.length;
    this.where.textContent = rows.length > PAGE ? `${group(this.page * PAGE + 1)} to ${group(Math.min(rows.length, (this.page + 1) * PAGE))} of ${group(rows.length)}` : "";
  }

  // row is what the ladder needs to know of a connection.
  row(conn) {
    const i = this.table && this.table.at.get(conn);
    if (i === undefined || i === null) return null;
    const t = this.table, c = t.c;
    return {
      conn, client: t.text("client", i), host: hostOf(t.text("client", i)), server: t.text("server", i), library: t.text("library", i), policy: t.text("policy", i), start: t.text("start", i), end: t.text("end", i),
      first: c.first[i], last: c.last[i], commands: c.commands[i], timeout: c.timeout[i], lost: c.lost[i], misreads: c.misreads[i], rules: t.text("rules", i), protocol: t.text("protocol", i), incidents: t.incidents.get(i) || [],
    };
  }

  mark(conn) {
    this.open = conn;
    for (const tr of this.rows.children) tr.classList.toggle("open", Number(tr.dataset.conn) === conn);
  }
}
