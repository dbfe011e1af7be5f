// Where the data come from: from within the page, or in windows from the server that it was loaded from.

const CONFIDENCE = ["", "possible", "likely", "strong", "proven"];

// call makes an object of a row, whose order row.go gives.
export function call(r) {
  const [index, start, end, frame, file, marks, outstanding, from, to, ack, command, key, acked, ackedFrame, reply, belief, wait, exec] = r;
  const c = { index, start, end, frame, file, marks, outstanding, from, to, ack, command, key, acked, ackedFrame };
  c.reply = reply ? { first: reply[0], last: reply[1], frame: reply[2], file: reply[3], from: reply[4], to: reply[5], ack: reply[6], kind: reply[7], text: reply[8] } : null;
  c.believes = belief[0];
  c.sure = belief[1];
  c.confidence = CONFIDENCE[belief[1]];
  c.outcome = ["plain", "unknown", "before", "extra"][belief[2]];
  c.wait = wait ? { time: wait[0], frame: wait[1], how: ["sent another command", "sent QUIT", "closed the connection"][wait[2]] } : null;
  c.exec = exec ? `EXEC[${exec[0]}] ${exec[1]}` : ""; // what EXEC answered it with; its reply is QUEUED
  c.name = key === null ? command : `${command} ${key}`;
  c.unknown = c.outcome === "unknown";
  c.misread = c.outcome === "before" || c.outcome === "extra" || (c.believes !== 0 && c.believes !== index);
  c.own = c.believes === index;
  c.due = !(marks & 1);
  c.control = Boolean(marks & 16);
  c.nothing = !c.unknown && !c.misread && !c.own; // its caller got no reply
  return c;
}

export const FACTS = ["no reply is due to it", "it blocks", "queued: EXEC answers it", "handshake", "nobody waits for its reply", "its pairing is not certain", "its confirmations are pushed"];

async function get(path) {
  const answer = await fetch(path).catch(() => null);
  if (!answer) throw new Error("respsniff view does not answer: it has ended");
  if (!answer.ok) throw new Error(`respsniff view refuses ${path}: ${answer.status}`);
  return answer.json();
}

class Inside {
  constructor(run) { this.run = run; }
  async conns() { return this.run.conns; }
  async ladder(conn, from, to) {
    const l = this.run.ladders[conn];
    return l ? { ...l, rows: l.rows.filter((r) => r[0] >= from && r[0] < to) } : null;
  }
  async near(conn, at) {
    const l = this.run.ladders[conn];
    let index = 0;
    for (const r of l ? l.rows : []) if (index === 0 || r[1] <= at) index = r[0];
    return index || 1;
  }
  async closer() { return null; }
  async find(text, misread) {
    const found = [];
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    for (const [conn, l] of Object.entries(this.run.ladders)) {
      for (const r of l.rows) {
        const c = call(r);
        const [command, key] = [c.command.toLowerCase(), (c.key || "").toLowerCase()];
        if (((c.misread && !c.control) || !misread) && words.every((w) => command.includes(w) || key.includes(w))) found.push({ conn: Number(conn), index: c.index, time: c.start, what: c.name, misread: c.misread });
        if (found.length >= 200) return found;
      }
    }
    return found;
  }
}

class Served {
  constructor(run) { this.run = run; }
  conns() { return get("conns.json"); }
  ladder(conn, from, to) { return get(`ladder.json?conn=${conn}&from=${from}&to=${to}`); }
  near(conn, at) { return get(`near.json?conn=${conn}&at=${Math.round(at)}`); }
  closer(from, to) { return get(`strip.json?from=${Math.round(from)}&to=${Math.round(to)}`); }
  find(text, misread) { return get(`find.json?q=${encodeURIComponent(text)}${misread ? "&misread=1" : ""}`); }
}

export async function open() {
  const inside = JSON.parse(document.getElementById("data").textContent);
  return inside ? new Inside(inside) : new Served(await get("run.json"));
}

// Table is the connections, of which rows are chosen and put in order.
export class Table {
  constructor(c) {
    this.c = c;
    this.size = c.conn.length;
    this.at = new Map(c.conn.map((id, i) => [id, i]));
    this.incidents = new Map();
    for (const [i, n] of c.incident || []) this.incidents.set(i, [...(this.incidents.get(i) || []), n]);
    this.low = c.names.map((n) => n.toLowerCase());
  }
  text(column, i) { return this.c.names[this.c[column][i]]; }
  host(i) { return hostOf(this.text("client", i)); }
  // choose gives the rows that fit: text, incident, client, server, library, span.
  choose(want) {
    const c = this.c;
    const words = (want.text || "").toLowerCase().split(/\s+/).filter(Boolean);
    const rows = [];
    for (let i = 0; i < this.size; i++) {
      if (want.span && (c.last[i] < want.span[0] || c.first[i] > want.span[1])) continue;
      if (want.incident && !(this.incidents.get(i) || []).includes(want.incident)) continue;
      if (want.client && this.host(i) !== want.client) continue;
      if (want.server && this.text("server", i) !== want.server) continue;
      if (want.library && this.text("library", i) !== want.library) continue;
      if (!words.every((w) => this.fits(i, w))) continue;
      rows.push(i);
    }
    const by = c[want.sort] || c.conn;
    const texts = ["client", "server", "library", "end"].includes(want.sort);
    const sign = want.down ? -1 : 1;
    const value = want.sort === "waits" ? (i) => c.longest[i] : texts ? (i) => c.names[by[i]] : (i) => by[i];
    rows.sort((a, b) => {
      const x = value(a), y = value(b);
      return (x < y ? -sign : x > y ? sign : 0) || c.conn[a] - c.conn[b];
    });
    return rows;
  }
  fits(i, word) {
    const c = this.c;
    if (word.startsWith("#")) return String(c.conn[i]) === word.slice(1);
    return ["client", "server", "library", "rules", "policy", "protocol", "end"].some((k) => this.low[c[k][i]].includes(word));
  }
  values(column) { return [...new Set(this.c[column].map((n) => this.c.names[n]))].filter(Boolean).sort(); }
  hosts() { return [...new Set(this.values("client").map(hostOf))].sort(); }
}

export const hostOf = (end) => (end.startsWith("[") ? end.slice(1, end.indexOf("]")) : end.slice(0, end.lastIndexOf(":")));
