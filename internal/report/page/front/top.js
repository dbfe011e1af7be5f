// The top of the page: the incidents as cards, the findings, and what was read.

import { byID, copied, el, fields, fill, grid } from "./dom.js";
import { toConn, toIncident } from "./hash.js";

const link = (row, text, can) => (row.conn && can(row.conn) ? el("a", { href: toConn(row.conn, row.index) }, text) : text);

function card(x, can, choose) {
  const story = x.rows.length > 0 && grid(x.place, ["time", "frame", "what", "the server meant", "its caller got"],
    x.rows.map((r) => [r.time, r.frame || "", link(r, r.what, can), r.meant, el("span", { class: r.got ? "stolen-text" : "" }, r.got)]));
  const first = x.rows.find((r) => r.got && r.index) || x.rows.find((r) => r.index);
  return el("article", { class: "card " + x.level, id: "incident-" + x.id, tabindex: -1, "aria-label": `Incident ${x.id}` },
    el("h3", {}, el("a", { href: toIncident(x.id), class: "nr" }, `${x.id}`), " ", el("span", { class: "word " + x.level }, x.verdict), " ", x.title),
    el("p", { class: "acts" },
      x.conn > 0 && can(x.conn) && el("a", { class: "button main", href: toConn(x.conn, first && first.index) }, `Look at connection ${x.conn}`),
      choose && el("button", { type: "button", click: () => choose(x.id) }, "Its connections")),
    el("div", { class: "halves" }, fields(x.fields), x.remedy.length > 0 && el("div", { class: "remedy" }, el("strong", {}, "Do now"), el("ol", {}, x.remedy.map((r) => el("li", {}, r))))),
    (story || x.others.length > 0) && el("details", {},
      el("summary", {}, story ? x.place : "Connections"), story,
      x.others.length > 0 && el("ul", { class: "others" }, x.others.map((r) => el("li", {}, link(r, `connection ${r.conn}`, can), ` ${r.time}, frame ${r.frame}: ${r.what}`))),
      x.command && copied("tshark", x.command)));
}

export function showTop(run, can, choose) {
  document.title = run.title;
  fill(byID("tool"), document.createTextNode(run.tool.replace(/^respsniff\s*/, "")));
  byID("word").textContent = run.word;
  byID("word").className = "word " + run.level;
  byID("sentence").textContent = run.sentence;
  byID("filtered").textContent = run.filtered;
  byID("filtered").hidden = !run.filtered;
  fill(byID("doubts"), el("ul", { class: "note" }, run.doubts.map((t) => el("li", {}, t))));
  byID("doubts").hidden = run.doubts.length === 0;
  fill(byID("cards"), run.incidents.map((x) => card(x, can, choose)), run.more_incidents > 0 && el("p", {}, `and ${run.more_incidents} more: -o json has all`));
  byID("incidents").hidden = run.incidents.length === 0;
}

export function showBottom(run, can) {
  const findings = run.findings.map((f) => el("details", { class: "finding", id: `finding-${f.n}` },
    el("summary", {}, el("span", { class: "word " + f.severity }, f.severity), ` ${f.rule} ${f.name} (${f.confidence}): ${f.title}`),
    fields(f.fields),
    f.weakened && el("p", { class: "note" }, "A gap in the capture lies where this happened."),
    f.examples.map((e) => el("div", { class: "example" }, el("h4", {}, link({ conn: e.conn, index: 0 }, e.head, can)),
      el("ul", {}, e.facts.map((t) => el("li", {}, t))),
      e.steps.length > 0 && grid("Packets of " + e.head, ["frame", "time", "from", "seq", "ACK", "bytes", "what", ""], e.steps),
      e.victims.length > 0 && grid("Calls of " + e.head, ["call", "the server meant", "its caller got", "sure"], e.victims),
      el("p", { class: "dim" }, "Frames " + e.frames), e.command && copied("tshark", e.command))),
    f.more && el("p", {}, f.more),
    f.remedy && el("p", {}, el("strong", {}, "Do "), f.remedy),
    el("p", { class: "dim" }, "Fingerprint ", el("code", {}, f.fingerprint)),
    f.page && el("details", {}, el("summary", {}, `What ${f.rule} means`), el("pre", {}, f.page))));
  fill(byID("finding-list"), findings, run.more > 0 && el("p", {}, `and ${run.more} more: -o json has all`));
  byID("findings").hidden = run.findings.length === 0;
  fill(byID("facts"), fields([...run.facts, { label: "Unseen", text: run.blind }]),
    run.suppressed.length > 0 && el("div", {}, el("h3", {}, "Accepted by the baseline"), el("ul", {}, run.suppressed.map((s) => el("li", {}, s)))),
    run.left_out.length > 0 && el("div", { id: "left-out" }, el("h3", {}, "What this file leaves out"),
      el("ul", {}, run.left_out.map((s) => el("li", {}, s))), el("p", {}, "The whole run: ", el("code", {}, `respsniff view ${run.files.join(" ")}`))));
}
