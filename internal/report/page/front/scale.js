// The time scale of a ladder: true between its breaks. Where nothing happens for long, the time between is cut out and the
// cut is drawn. Breaks are also where labels that stand close together get the room that they need.

export const MAX_GAP = 76; // the longest stretch without anything that is drawn in full, in pixels
const BREAK = 26; // the least height of a break; ten times as long is this much higher:
const TENFOLD = 9;
const TOP = 14;

// best chooses how many pixels a nanosecond has: so that most of the stretches between two things can be seen, and are not
// cut. Each is [length, whether something happened at its ends]: where something did, the scale is for that.
export function best(gaps) {
  const troubled = gaps.some(([, heavy]) => heavy);
  let most = -1;
  let scale = 1e-6;
  const tried = gaps.length > 120 ? gaps.filter((_, i) => i % Math.ceil(gaps.length / 120) === 0) : gaps;
  for (const [d] of tried) {
    const s = 30 / d;
    let n = 0;
    for (const [g, heavy] of gaps) {
      const h = g * s;
      if (h >= 3 && h <= MAX_GAP) n += (heavy || !troubled ? 1 : 0.02) * (h >= 9 ? 2 : 1);
    }
    if (n > most || (n === most && s > scale)) [most, scale] = [n, s];
  }
  return scale;
}

// layout places moments and the labels beside them. moments are in order, each with the labels of its left and right side
// ({lines}); line is the height of a line. It returns the place of any time, the breaks, and the height.
export function layout(moments, scale, line) {
  const breaks = [];
  let y = TOP;
  const next = { left: 0, right: 0 };
  moments.forEach((m, i) => {
    if (i > 0) {
      const d = m.t - moments[i - 1].t;
      const h = d * scale;
      if (h > MAX_GAP) {
        const to = Math.max(y + BREAK + TENFOLD * Math.log10(h / MAX_GAP), next.left + 2, next.right + 2);
        breaks.push({ from: moments[i - 1].t, to: m.t, y0: y, y1: to });
        y = to;
      } else {
        y += h;
      }
    }
    m.y = y;
    for (const side of ["left", "right"]) {
      for (const label of m[side]) {
        label.y = Math.max(y, next[side]);
        next[side] = label.y + label.lines * line + 3;
      }
    }
  });
  const height = Math.max(y + 20, next.left + 6, next.right + 6);
  const place = (t) => {
    if (moments.length === 0 || t <= moments[0].t) return moments.length ? moments[0].y : TOP;
    let lo = 0, hi = moments.length - 1;
    if (t >= moments[hi].t) return moments[hi].y;
    while (hi - lo > 1) {
      const mid = (lo + hi) >> 1;
      if (moments[mid].t <= t) lo = mid;
      else hi = mid;
    }
    const a = moments[lo], b = moments[hi];
    return b.t === a.t ? a.y : a.y + ((t - a.t) / (b.t - a.t)) * (b.y - a.y);
  };
  return { place, breaks, height };
}
