// What is known of one command, in words, and the lines to look at it elsewhere.

import { copied, el } from "./dom.js";
import { FACTS } from "./data.js";
import { toConn } from "./hash.js";
import { count, gap, group, moment, zoneName } from "./time.js";

// meant is the reply that the server meant for a command, as in "bulk, 57 bytes".
export function meant(c) {
  if (!c.reply) return c.due ? "no reply was seen" : "no reply is due";
  const n = `${c.reply.kind}, ${count(c.reply.to - c.reply.from, "byte")}`;
  return c.reply.text ? (c.reply.kind === "error" ? `-${c.reply.text.replace(/[.\s]+$/, "")}` : `${n}: ${c.reply.text}`) : n;
}

// got is whose reply its caller got.
export function got(c, byIndex) {
  if (c.unknown) return "unknown";
  if (c.outcome === "before") return "a reply from before the capture";
  if (c.outcome === "extra") return "a reply that no command asked for";
  if (c.own) return "its own reply";
  if (c.misread) {
    const from = byIndex.get(c.believes);
    return `the reply to #${c.believes}${from ? ` (${from.name}: ${meant(from)})` : ""}`;
  }
  return c.due ? "no reply" : "none is due";
}

export function detail(c, view, row) {
  const { byIndex, conn } = view;
  const facts = [];
  const files = new Map(); // of each file the frames: they count from 1 in each
  const see = (frame, file) => files.set(file, (files.get(file) || new Set()).add(frame));
  see(c.frame, c.file);
  const to = (i) => el("a", { href: toConn(conn, i) }, `#${i}`);
  facts.push([`Frame ${c.frame}: it was written at ${moment(c.start, true)} ${zoneName()}${c.end > c.start ? `, the last byte ${gap(c.end - c.start)} later` : ""}.`]);
  if (c.outstanding > 0) facts.push([`${count(c.outstanding, "command")} before it ${c.outstanding === 1 ? "was" : "were"} still unanswered.`]);
  const owed = view.calls.filter((x) => x.index < c.index && x.reply && x.reply.to > c.ack);
  if (owed.length > 0 && c.ack >= 0) {
    const x = owed[0];
    facts.push([`ACK ${group(c.ack)} < ${group(x.reply.to)}: ${c.ack > x.reply.from ? "only a part" : "no byte"} of the reply to `, to(x.index), ` had arrived${owed.length > 1 ? `, nor of the ${owed.length === 2 ? "one" : owed.length - 1} behind it` : ""}.`]);
    see(x.frame, x.file);
  } else if (c.ack >= 0) {
    facts.push([`ACK ${group(c.ack)}: the client had received ${count(c.ack, "byte")} of the server's stream.`]);
  }
  if (c.ackedFrame) {
    facts.push([`Frame ${c.ackedFrame}: the server's kernel acknowledged it ${gap(c.acked - c.end)} later${c.reply && c.reply.frame === c.ackedFrame ? ", with the reply" : ""}.`]);
    see(c.ackedFrame, c.file);
  }
  if (c.wait) {
    facts.push([el("span", { class: "gone-text" }, `Its caller gave up after ${gap(c.wait.time - c.end)}: it ${c.wait.how} (frame ${c.wait.frame})${row.timeout ? `; the client's read timeout is ${gap(row.timeout)}` : ""}.`)]);
    see(c.wait.frame, (byIndex.get(c.index + 1) || c).file);
  }
  if (c.gone) facts.push([el("span", { class: c.control ? "dim" : "gone-text" }, `Its caller had gone when `, to(c.gone.index), ` was written, ${gap(c.gone.start - c.end)} later: its reply was still owed.`)]);
  if (c.gone) see(c.gone.frame, c.gone.file);
  if (c.reply) {
    facts.push([`Serves: the server answered it in frame ${c.reply.frame}, ${gap(c.reply.first - c.end)} after it: ${meant(c)}.`]);
    see(c.reply.frame, c.reply.file);
  } else {
    facts.push([`Serves: ${meant(c)}.`]);
  }
  if (c.misread) {
    const from = byIndex.get(c.believes);
    facts.push([el("strong", { class: c.control ? "harmless-text" : "stolen-text" }, `Believes: its caller took ${got(c, byIndex)}${from && from.reply ? `, frame ${from.reply.frame}` : ""} (${c.confidence}).`), " ",
      c.control && "It asked to close: nobody looks at what it got."]);
    if (from) see(from.frame, from.file);
    if (from && from.reply) see(from.reply.frame, from.reply.file);
  } else {
    facts.push([`Believes: its caller got ${got(c, byIndex)}${c.confidence ? ` (${c.confidence})` : ""}.`]);
  }
  if (c.takenBy) {
    facts.push([el("strong", { class: c.takenBy.control ? "harmless-text" : "stolen-text" }, `Its reply was taken by #${c.takenBy.index} ${c.takenBy.name} (frame ${c.takenBy.frame}).`)]);
    see(c.takenBy.frame, c.takenBy.file);
  }
  if (c.exec) facts.push([`Queued: ${c.exec} is its answer.`]);
  for (const [i, text] of FACTS.entries()) if (c.marks & (1 << i)) facts.push([text[0].toUpperCase() + text.slice(1) + "."]);
  const all = view.files.join(" ") || "FILE";
  const lines = [...files].map(([file, frames]) => {
    const list = [...frames].filter((f) => f > 0).sort((a, b) => a - b);
    return { name: view.files[file] || view.files[0] || "FILE", list, filter: list.length === 1 ? `frame.number==${list[0]}` : `frame.number in {${list.join(", ")}}` };
  });
  return [
    el("h3", {}, `#${c.index} ${c.name}`),
    el("p", { class: "acts" },
      c.misread && c.believes > 0 && el("a", { class: "button", href: toConn(conn, c.believes) }, `The reply that it took: #${c.believes}`),
      c.takenBy && el("a", { class: "button", href: toConn(conn, c.takenBy.index) }, `Who took its reply: #${c.takenBy.index}`)),
    el("ul", { class: "facts" }, facts.map((f) => el("li", {}, f))),
    lines.map((l) => [
      el("p", { class: "frames" }, "Frames ", l.list.join(", "), lines.length > 1 && ` of ${l.name}`),
      copied("tshark", `tshark -r ${l.name} -Y '${l.filter}'`),
      copied("filter", l.filter),
    ]),
    copied("cut", `respsniff cut ${all} --conn ${conn} -o conn-${conn}.pcapng`),
    copied("pairs", `respsniff pairs ${all} --conn ${conn}`),
    el("p", { class: "dim" }, "Address: ", el("a", { href: toConn(conn, c.index) }, toConn(conn, c.index))),
  ];
}
