// How moments and spans are written: as the text report writes them. All times are nanoseconds since the clock's base.

let clock = { base: "0", zone: "UTC", offset: 0, digits: 6, style: "abs" };
let base = 0n;

export function setClock(c) {
  clock = c;
  base = BigInt(c.base);
}

const two = (n) => String(n).padStart(2, "0");

// moment is a time of day, or what --time chose.
export function moment(t, withDate) {
  if (clock.style === "rel") return (t / 1e9).toFixed(clock.digits);
  const ns = base + BigInt(Math.round(t));
  if (clock.style === "epoch") return `${ns / 1000000000n}.${String(ns % 1000000000n).padStart(9, "0").slice(0, clock.digits)}`;
  const local = ns + BigInt(clock.offset) * 1000000000n;
  const fraction = String(local % 1000000000n).padStart(9, "0").slice(0, clock.digits);
  const d = new Date(Number(local / 1000000n));
  const day = `${d.getUTCFullYear()}-${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())} `;
  return `${withDate ? day : ""}${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}.${fraction}`;
}

// tick is a moment with as many digits as a step between two needs.
export function tick(t, step) {
  const text = moment(t, false);
  const digits = step >= 1e9 ? 0 : Math.min(clock.digits, Math.ceil(9 - Math.log10(step)));
  const dot = text.indexOf(".");
  return digits <= 0 ? text.slice(0, dot) : text.slice(0, dot + 1 + digits);
}

// round is the first moment from t on that is round: a whole number of steps since midnight.
export function round(t, step) {
  const whole = BigInt(Math.max(1, Math.round(step)));
  const at = base + BigInt(clock.offset) * 1000000000n + BigInt(Math.ceil(t));
  const over = Number(((at % whole) + whole) % whole);
  if (clock.style === "rel") return Math.ceil(t / step) * step;
  return over === 0 ? t : Math.ceil(t) + Number(whole) - over;
}

export const zoneName = () => (clock.style === "abs" ? clock.zone : "");

// gap is a span for people, as report.Gap prints it: "195 us", "5.196 ms", "2.002272 s", "3m12s".
export function gap(ns) {
  const sign = ns < 0 ? "-" : "";
  const d = Math.abs(Math.round(ns));
  if (d < 1e3) return `${sign}${d} ns`;
  if (d < 1e6) return `${sign}${Math.floor(d / 1e3)} us`;
  if (d < 1e9) return `${sign}${(d / 1e6).toFixed(3)} ms`;
  if (d < 120e9) return `${sign}${(d / 1e9).toFixed(6)} s`;
  const s = Math.round(d / 1e9);
  const h = Math.floor(s / 3600);
  return `${sign}${h ? h + "h" : ""}${Math.floor((s % 3600) / 60)}m${s % 60}s`;
}

// brief is gap with three digits, for pictures.
export function brief(ns) {
  const d = Math.abs(ns);
  if (d < 1e6 || d >= 120e9) return gap(ns);
  const [x, unit] = d < 1e9 ? [d / 1e6, "ms"] : [d / 1e9, "s"];
  return `${ns < 0 ? "-" : ""}${x.toFixed(x < 10 ? 2 : x < 100 ? 1 : 0)} ${unit}`;
}

export const group = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ",");
export const count = (n, noun) => `${group(n)} ${noun}${n === 1 ? "" : "s"}`;
