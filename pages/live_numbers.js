// Numbers behind the Live page: what `lrr_core.studies.live_scene` sent, and what lies between the computed runs.
// The same arithmetic as `lrr_core.studies.live_pad.Pad.at`, which a test compares it with. No drawing here, no page.

const VIEW = ["places", "to_strong", "to_weak", "push", "deviation", "step_change", "log_p", "node_p"];

/** Signed step size -> place on the axis, -1 ... 1: about linear up to the knee, logarithmic beyond. */
const toAxis = (step, knee, top) => Math.asinh(step / knee) / Math.asinh(top / knee);
const fromAxis = (place, knee, top) => knee * Math.sinh(place * Math.asinh(top / knee));
const held = (value, low, high) => Math.min(Math.max(value, low), high);

function unpackArray({ shape, data }) {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  return { shape, values: new Float32Array(bytes.buffer) };
}

/** One run, or all of the pad: name -> { shape, values }. */
const unpackView = (view) => Object.fromEntries(VIEW.map((name) => [name, unpackArray(view[name])]));

/** A run alone: name -> Float32Array. */
function unpackRun(view) {
  return Object.fromEntries(Object.entries(unpackView(view)).map(([name, array]) => [name, array.values]));
}

/** The scene with its arrays as typed arrays; `axis` holds the places of the step sizes on the pad. */
function unpackScene(scene) {
  const top = scene.steps.at(-1);
  return {
    ...scene,
    top,
    axis: scene.steps.map((step) => toAxis(step, scene.knee, top)),
    cells: unpackView(scene.cells),
    fixed: Object.fromEntries(Object.entries(scene.fixed).map(([name, view]) => [name, unpackRun(view)])),
    maps: scene.maps.map((map) => ({ ...map, dots: unpackArray(map.dots).values })),
  };
}

/** Index of the node below a value and how far it is towards the next, 0 ... 1; held to the ends. */
function between(nodes, value) {
  const inside = held(value, nodes[0], nodes.at(-1));
  let below = 0;
  while (below < nodes.length - 2 && nodes[below + 1] <= inside) below += 1;
  return [below, (inside - nodes[below]) / (nodes[below + 1] - nodes[below])];
}

/** The four runs around a setting and their weights; those that weigh nothing are left out, so that a gap there cannot leak. */
function corners(scene, step, mix) {
  const [i, across] = between(scene.axis, toAxis(step, scene.knee, scene.top));
  const [j, up] = between(scene.mixes, mix);
  const columns = scene.mixes.length;
  return [
    [i * columns + j, (1 - across) * (1 - up)],
    [(i + 1) * columns + j, across * (1 - up)],
    [i * columns + j + 1, (1 - across) * up],
    [(i + 1) * columns + j + 1, across * up],
  ].filter(([, weight]) => weight > 0);
}

/** One array of the run at a setting, bilinear. */
function arrayAt({ shape, values }, used) {
  const size = shape.slice(2).reduce((a, b) => a * b, 1);
  const out = new Float32Array(size);
  for (const [cell, weight] of used)
    for (let k = 0, at = cell * size; k < size; k += 1, at += 1) out[k] += weight * values[at];
  return out;
}

function runAt(scene, step, mix) {
  const used = corners(scene, step, mix);
  return Object.fromEntries(VIEW.map((name) => [name, arrayAt(scene.cells[name], used)]));
}

/** Between two runs: share 0 is the first, 1 the second. */
function blend(a, b, share) {
  return Object.fromEntries(VIEW.map((name) => [name, a[name].map((v, k) => v + share * (b[name][k] - v))]));
}

/** log p(right) - log p(best other) after every thought, in nats; of the first candidate where the right one is unknown. */
function margins(log_p, candidates, right) {
  const out = [];
  for (let at = 0; at < log_p.length; at += candidates) {
    const row = Array.from(log_p.subarray(at, at + candidates));
    const [mine] = row.splice(right ?? 0, 1);
    out.push(mine - Math.max(...row));
  }
  return out;
}

/** Probabilities among the candidates after the last thought. */
function shares(log_p, candidates) {
  const row = Array.from(log_p.slice(-candidates));
  const most = Math.max(...row);
  const parts = row.map((v) => Math.exp(v - most));
  const total = parts.reduce((a, b) => a + b, 0);
  return parts.map((v) => v / total);
}

/** The final answer margin over the whole pad: (rows, columns) values, first row at the top (most mixing). */
function marginField(scene, columns, rows) {
  const out = new Float32Array(columns * rows);
  const count = scene.candidates.length;
  for (let r = 0; r < rows; r += 1)
    for (let c = 0; c < columns; c += 1) {
      const step = fromAxis((2 * c) / (columns - 1) - 1, scene.knee, scene.top);
      const mix = scene.mixes.at(-1) * (1 - r / (rows - 1));
      const log_p = arrayAt(scene.cells.log_p, corners(scene, step, mix));
      out[r * columns + c] = margins(log_p.subarray(-count), count, scene.right)[0];
    }
  return out;
}

/** Line pieces [x0, y0, x1, y1] in lattice units where a field crosses zero (marching squares). */
function zeroLine(field, columns, rows) {
  const pieces = [];
  const root = (a, b) => a / (a - b);
  for (let r = 0; r < rows - 1; r += 1)
    for (let c = 0; c < columns - 1; c += 1) {
      const at = r * columns + c;
      const [a, b, d, e] = [field[at], field[at + 1], field[at + columns], field[at + columns + 1]];
      const ends = [];
      if (a * b < 0) ends.push([c + root(a, b), r]);
      if (b * e < 0) ends.push([c + 1, r + root(b, e)]);
      if (d * e < 0) ends.push([c + root(d, e), r + 1]);
      if (a * d < 0) ends.push([c, r + root(a, d)]);
      for (let k = 0; k + 1 < ends.length; k += 2) pieces.push([...ends[k], ...ends[k + 1]]);
    }
  return pieces;
}
