// What makes elements. Text from a capture only ever becomes a text node or the value of an attribute that holds no code.

const SVG = "http://www.w3.org/2000/svg";

export const byID = (id) => document.getElementById(id);

function make(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") node.addEventListener(name, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false || child === "") continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

// el makes an HTML element. A function among the attributes listens to the event of that name.
export const el = (tag, attributes, ...children) => make(document.createElement(tag), attributes, children);

// draw makes an SVG element.
export const draw = (tag, attributes, ...children) => make(document.createElementNS(SVG, tag), attributes, children);

export function fill(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

// say tells a screen reader.
export const say = (text) => { byID("status").textContent = text; };

// copied is a line for a shell, with a button that copies it.
export function copied(label, text) {
  const code = el("code", { tabindex: 0 }, text);
  const button = el("button", {
    type: "button", class: "copy", "aria-label": "Copy: " + label,
    click: async () => {
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "copied";
      } catch {
        getSelection().selectAllChildren(code);
        button.textContent = "selected";
      }
      say(label + " " + button.textContent);
      setTimeout(() => { button.textContent = "copy"; }, 1500);
    },
  }, "copy");
  return el("div", { class: "line" }, el("span", { class: "what" }, label), code, button);
}

export const fields = (list) => el("dl", {}, list.map((f) => [el("dt", {}, f.label), el("dd", {}, f.text)]));

// grid is a table of texts. A cell may be a node.
export const grid = (caption, head, rows) => el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
  el("table", {}, el("caption", { class: "sr" }, caption), el("thead", {}, el("tr", {}, head.map((h) => el("th", { scope: "col" }, h)))),
    el("tbody", {}, rows.map((row) => el("tr", {}, row.map((c) => el("td", {}, c)))))));

// keeping draws a part of the page anew and leaves the focus where it was.
export function keeping(root, act) {
  const name = (e) => e.dataset.key || e.tagName + e.textContent;
  const at = document.activeElement;
  const key = at && root.contains(at) && at !== root ? name(at) : null;
  act();
  if (key === null || root.contains(document.activeElement)) return;
  const again = [...root.querySelectorAll("button, a, input, select, canvas, summary, [data-key]")].find((e) => name(e) === key);
  if (again) again.focus({ preventScroll: true });
}
