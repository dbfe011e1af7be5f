// What ties the parts together: the data, the address, and who follows whom.

import { byID, el, fill } from "./dom.js";
import { open, Table } from "./data.js";
import { place } from "./hash.js";
import { LadderView } from "./ladder.js";
import { StripView } from "./strip.js";
import { TableView } from "./table.js";
import { setClock } from "./time.js";
import { showBottom, showTop } from "./top.js";

async function start() {
  const data = await open();
  const run = data.run;
  setClock(run.clock);
  const has = Boolean(run.strip) && run.total > 0;
  const can = (conn) => has && (!run.ladders || Boolean(run.ladders[conn]));
  const table = new TableView(run, data);
  const ladder = new LadderView(data, run.files);
  ladder.stalls = run.stalls;
  let strip = null;
  const choose = (incident) => {
    table.set({ incident });
    byID("connections").scrollIntoView();
    if (table.search) table.search.focus({ preventScroll: true });
  };
  showTop(run, can, has ? choose : null);
  showBottom(run, can);
  if (has) {
    byID("time").hidden = false;
    strip = new StripView(run, data, async (span) => {
      table.set({ span });
      if (span && ladder.conn && ladder.row.last >= span[0] && ladder.row.first <= span[1]) await follow(span[0]);
    });
    strip.render();
    table.load(new Table(await data.conns()));
  }

  // follow turns the ladder to a moment.
  async function follow(t) {
    ladder.from = await data.near(ladder.conn, t);
    ladder.chosen = 0;
    await ladder.load();
    ladder.render();
  }

  // trouble is the first command of a connection that something happened to.
  function trouble(conn) {
    const mine = strip.marks.filter((x) => x.conn === conn && x.index > 0);
    const m = mine.find((x) => x.what === 2) || mine[0];
    return m ? m.index : 0;
  }

  async function go(scroll) {
    const at = place();
    if (at && at.kind === "incident") {
      const card = byID("incident-" + at.id);
      if (card) {
        card.scrollIntoView();
        card.focus({ preventScroll: true });
      }
      return;
    }
    const conn = at ? at.id : firstConn();
    const row = conn ? table.row(conn) : null;
    if (!row) {
      if (at) {
        byID("ladder").hidden = false;
        fill(byID("ladder-h"), `Connection ${at.id}`);
        fill(byID("ladder-body"), el("p", { class: "note" }, run.total > 0 ? "This page does not have it." : "A saved run has no connections: make the page with ", run.total === 0 && el("code", {}, "respsniff analyze -o html")));
      }
      return;
    }
    row.trouble = trouble(conn);
    const same = ladder.conn === conn;
    await ladder.show(row, at ? at.index : 0);
    table.mark(conn);
    strip.conn = row;
    strip.paint();
    if (!scroll) return;
    const chosen = at.index ? byID("ladder").querySelector(`[data-index="${at.index}"]`) : null;
    if (!same || !chosen) byID("ladder").scrollIntoView({ behavior: "instant" });
    if (chosen) {
      const r = chosen.getBoundingClientRect();
      const bottom = matchMedia("(max-width: 1000px)").matches ? innerHeight * 0.55 : innerHeight; // the detail lies over the rest
      if (r.top < 0 || r.bottom > bottom) scrollBy({ top: r.top - bottom * 0.45, behavior: "instant" });
    }
    if (!same) byID("ladder").focus({ preventScroll: true });
  }

  // firstConn is what is open when the address names nothing: the story of the worst incident, or the busiest connection.
  function firstConn() {
    if (!has) return 0;
    const story = run.incidents.find((x) => x.conn > 0 && can(x.conn));
    if (story) return story.conn;
    const first = table.shown.find((i) => can(table.table.c.conn[i]) && table.table.c.commands[i] > 1);
    return first === undefined ? 0 : table.table.c.conn[first];
  }

  addEventListener("hashchange", () => go(true).catch(failed));
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    if (ladder.calls) ladder.render();
  });
  addEventListener("beforeprint", () => document.querySelectorAll(".numbers, .lines, .card details").forEach((d) => { d.open = true; }));
  await go(Boolean(place()));
  document.documentElement.dataset.ready = "yes";
}

// failed says what went wrong where somebody looks, and on the console.
function failed(e) {
  let note = byID("failed");
  if (!note) {
    note = el("p", { class: "note", id: "failed", role: "alert" });
    byID("head").append(note);
  }
  note.textContent = e.message;
  note.scrollIntoView();
  console.error(e);
}

addEventListener("unhandledrejection", (e) => {
  e.preventDefault();
  failed(e.reason);
});
start();
