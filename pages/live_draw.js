// The panels of the Live page on canvas: pad, map, graph, curves. Each function draws one whole panel from numbers and keeps
// nothing; colours and markers come from `lrr_core.colours` through `style.ink` and `style.roles`, strokes from live_strokes.js.

// --- pad ---------------------------------------------------------------------------------------------------------------

const PAD = { left: 34, right: 10, top: 10, bottom: 42 };

/** Where the pad's field lies on its canvas, and the way between pixels and settings. */
function padScale(scene, width, height) {
  const [w, h] = [width - PAD.left - PAD.right, height - PAD.top - PAD.bottom];
  const most = scene.mixes.at(-1);
  return {
    w,
    h,
    x: (step) => PAD.left + (w * (toAxis(step, scene.knee, scene.top) + 1)) / 2,
    y: (mix) => PAD.top + h * (1 - mix / most),
    step: (x) => fromAxis(held((2 * (x - PAD.left)) / w - 1, -1, 1), scene.knee, scene.top),
    mix: (y) => most * held(1 - (y - PAD.top) / h, 0, 1),
  };
}

function drawPad(stage, scene, style, { step, mix, exact, history }) {
  const { pen, width, height } = stage;
  const { ink, roles } = style;
  const at = padScale(scene, width, height);
  stage.still(`${scene.id} ${style.theme}`, (still) => paintField(still, scene, style, at));

  const [x, y] = [at.x(step), at.y(mix)];
  line(pen, [[x, PAD.top], [x, PAD.top + at.h]], clear(ink.text, 0.5), 1);
  line(pen, [[PAD.left, y], [PAD.left + at.w, y]], clear(ink.text, 0.5), 1);
  marker(pen, roles.plain, at.x(0), at.y(0), 7, 2.2);
  for (const run of history) {
    const role = roles[run.right ? "right" : "wrong"];
    marker(pen, { ...role, colour: ink.paper }, at.x(run.step), at.y(run.mix), 4.6, 4.5);
    marker(pen, { ...role, colour: role.written }, at.x(run.step), at.y(run.mix), 3.6, 2);
  }
  pen.beginPath();
  pen.arc(x, y, 10, 0, 2 * Math.PI);
  [pen.fillStyle, pen.strokeStyle, pen.lineWidth] = [roles.refined.colour, ink.paper, 3];
  [pen.shadowColor, pen.shadowBlur] = ["rgba(0,0,0,0.35)", 7];
  pen.fill();
  [pen.shadowColor, pen.shadowBlur] = ["transparent", 0];
  pen.stroke();
  pen.beginPath();
  pen.arc(x, y, 15, 0, 2 * Math.PI);
  [pen.strokeStyle, pen.lineWidth] = [roles.refined.colour, 1.8];
  pen.setLineDash(exact ? [] : [3, 4]);
  pen.stroke();
  pen.setLineDash([]);
}

/** Shade by answer margin, marks of right and wrong, the line where the answer flips, a dot for every computed run, the axes. */
function paintField(pen, scene, style, at) {
  const { ink, roles } = style;
  const [columns, rows] = [121, 81];
  const field = marginField(scene, columns, rows);
  const sure = scene.limits.margin[1];
  const image = new ImageData(columns, rows);
  const colours = [parts(roles.wrong.written), parts(roles.right.written)];
  field.forEach((value, k) => {
    const known = scene.right !== null && Number.isFinite(value);
    const colour = known ? colours[Number(value > 0)] : parts(roles.refined.colour);
    const strength = known ? 0.07 + 0.55 * Math.min(Math.abs(value) / sure, 1) ** 0.8 : 0.08;
    image.data.set([...colour, Math.round(255 * strength)], 4 * k);
  });
  const tile = document.createElement("canvas");
  [tile.width, tile.height] = [columns, rows];
  tile.getContext("2d").putImageData(image, 0, 0);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(tile, PAD.left, PAD.top, at.w, at.h);

  const px = (c) => PAD.left + (at.w * c) / (columns - 1);
  const py = (r) => PAD.top + (at.h * r) / (rows - 1);
  if (scene.right !== null) {
    for (let c = 12; c < columns; c += 24)
      for (let r = 8; r < rows; r += 16) {
        const role = roles[field[r * columns + c] > 0 ? "right" : "wrong"];
        write(pen, role.glyph, px(c), py(r), style, { size: 12, colour: clear(role.written, 0.8) });
      }
    for (const [x0, y0, x1, y1] of zeroLine(field, columns, rows))
      line(pen, [[px(x0), py(y0)], [px(x1), py(y1)]], clear(ink.text, 0.75), 1.3);
  }
  for (const step of scene.steps)
    for (const mix of scene.mixes) {
      pen.beginPath();
      pen.arc(at.x(step), at.y(mix), 0.9, 0, 2 * Math.PI);
      pen.fillStyle = clear(ink.text, 0.32);
      pen.fill();
    }
  line(pen, [[at.x(0), PAD.top], [at.x(0), PAD.top + at.h]], clear(ink.text, 0.35), 1, [2, 3]);
  pen.strokeStyle = ink.grid;
  pen.strokeRect(PAD.left, PAD.top, at.w, at.h);

  const ticks = [-2, -0.5, -0.1, 0, 0.1, 0.5, 2].filter((v) => Math.abs(v) <= scene.top);
  for (const v of ticks) write(pen, String(Math.abs(v)), at.x(v), PAD.top + at.h + 15, style, { size: 10 });
  for (const v of [0, 0.25, 0.5, 0.75, 1]) write(pen, String(v), PAD.left - 6, at.y(v), style, { size: 10, align: "right" });
  const [below, left] = [PAD.top + at.h + 31, PAD.left];
  const strong = roles.strong.glyph;
  writePieces(pen, ["← away from ", [strong, roles.strong.written]], left, below, style);
  write(pen, "step size s", at.x(0), below, style, { size: 10.5, colour: ink.text, bold: true });
  writePieces(pen, ["towards ", [strong, roles.strong.written], " →"], left + at.w, below, style, true);
  pen.save();
  pen.translate(8, PAD.top + at.h / 2);
  pen.rotate(-Math.PI / 2);
  write(pen, "residual mix α", 0, 0, style, { size: 10.5, colour: ink.text, bold: true });
  pen.restore();
}

// --- map ---------------------------------------------------------------------------------------------------------------

/** Background, strong, weak and plain stand still; the refined run moves, with a thread from every plain thought. */
function drawMap(stage, scene, style, { run, ghost, index, whole, thought }) {
  const { pen, width, height } = stage;
  const map = scene.maps[index];
  const [[x0, x1], [y0, y1]] = whole ? map.whole : map.near;
  const scale = Math.min((width - 8) / (x1 - x0), (height - 8) / (y1 - y0)); // one scale for both axes
  const place = (x, y) => [width / 2 + scale * (x - (x0 + x1) / 2), height / 2 - scale * (y - (y0 + y1) / 2)];
  const path = (view) => {
    const count = scene.maps.length;
    return Array.from({ length: scene.thoughts }, (_, t) => {
      const at = 2 * (t * count + index);
      return place(view.places[at], view.places[at + 1]);
    });
  };
  const { ink, roles } = style;
  stage.still(`${scene.id} ${style.theme} ${index} ${whole}`, (still) => {
    for (let k = 0; k < map.dots.length; k += 2) {
      still.beginPath();
      still.arc(...place(map.dots[k], map.dots[k + 1]), whole ? 1.5 : 2, 0, 2 * Math.PI);
      still.fillStyle = clear(ink.muted, 0.26);
      still.fill();
    }
    for (const name of ["weak", "strong"]) {
      const points = path(scene.fixed[name]);
      line(still, points, clear(roles[name].colour, 0.75), 1.4);
      for (const [x, y] of points) marker(still, roles[name], x, y, 5.4);
    }
    const points = path(scene.fixed.plain);
    line(still, points, roles.plain.colour, 1.8, [2, 4]);
    points.forEach(([x, y], t) => {
      outline(still, "circle", x, y, 10);
      still.fillStyle = clear(ink.paper, 0.8);
      still.fill();
      marker(still, roles.plain, x, y, 10);
      write(still, String(t + 1), x, y + 0.5, style, { size: 9.5, colour: ink.text });
    });
  });

  const [plain, refined] = [path(scene.fixed.plain), path(run)];
  refined.forEach((point, t) => line(pen, [plain[t], point], clear(roles.refined.colour, 0.4), 1.2, [1, 3]));
  if (ghost) {
    const points = path(ghost);
    line(pen, points, clear(roles.refined.colour, 0.5), 1.2, [4, 4]);
    const faint = { symbol: "circle-open", colour: clear(roles.refined.colour, 0.5) };
    for (const [x, y] of points) marker(pen, faint, x, y, 5, 1.2);
  }
  line(pen, refined, roles.refined.colour, 2.6);
  refined.forEach(([x, y], t) => {
    if (t === thought) marker(pen, { symbol: "circle-open", colour: ink.text }, x, y, 11.5, 2);
    marker(pen, { symbol: "circle", colour: roles.refined.colour }, x, y, 8);
    if (Number.isFinite(x)) write(pen, String(t + 1), x, y + 0.5, style, { size: 9.5, colour: "#FFFFFF", bold: true });
  });
}

// --- graph -------------------------------------------------------------------------------------------------------------

const LONGEST = 12; // letters of a name that fit under a node
const SPOKEN = 0.045; // probabilities from here on are written into the node

/** The problem's graph: fill and number are the refined run, the gray dot the plain one, a thick rim the true frontier. */
function drawGraph(stage, scene, style, { run, thought }) {
  const { pen, width, height } = stage;
  const { graph } = scene;
  const { ink, roles } = style;
  const [row, column] = [(height - 34) / Math.max(graph.rows, 1), width / graph.columns];
  const x = graph.x.map((v) => column * (v + 0.5));
  const y = graph.y.map((v) => 12 + row * (v + 0.5) - 4);
  const r = held(row - 15, 13, 25) / 2;
  const p = run.node_p.subarray(thought * x.length, (thought + 1) * x.length);
  const before = scene.fixed.plain.node_p.subarray(thought * x.length, (thought + 1) * x.length);
  stage.still(`${scene.id} ${style.theme}`, (still) => {
    graph.edges.forEach(([s, t]) => edge(still, x, y, s, t, column, r, clear(ink.muted, graph.reached[s] ? 0.6 : 0.3)));
  });

  const frontier = new Set(graph.frontiers[thought]);
  x.forEach((_, n) => {
    const candidate = graph.candidates.includes(n);
    const symbol = n === graph.root ? roles.question.symbol : candidate ? "square" : "circle";
    if (n === graph.answer) {
      outline(pen, "square", x[n], y[n], r + 5);
      [pen.strokeStyle, pen.lineWidth] = [roles.right.colour, 2.4];
      pen.stroke();
    }
    const share = Math.sqrt(Math.max(p[n], 0));
    outline(pen, symbol, x[n], y[n], n === graph.root ? r * 1.05 : r);
    pen.fillStyle = mixed(roles.refined.colour, share, ink.paper);
    pen.fill();
    const rim = n === graph.root ? roles.question.colour : candidate ? ink.text : clear(roles.plain.colour, 0.6);
    const thin = candidate || n === graph.root ? 1.8 : 1;
    [pen.strokeStyle, pen.lineWidth] = frontier.has(n) ? [roles.frontier.colour, 3.6] : [rim, thin];
    pen.stroke();
    if (before[n] >= 0.01) {
      outline(pen, "circle", x[n] - r - 4.5, y[n] - r + 1, 6.5 * Math.sqrt(before[n]));
      pen.fillStyle = roles.plain.colour;
      pen.fill();
    }
    const light = share > 0.6 || style.theme === "dark";
    const number = { size: 9.5, colour: light ? "#FFFFFF" : ink.text };
    if (p[n] >= SPOKEN) write(pen, String(Math.round(100 * p[n])), x[n], y[n] + 0.5, style, number);
    const role = { [graph.root]: "question", [graph.distractor]: "wrong", [graph.answer]: "right" }[n];
    const name = graph.names[n].length <= LONGEST ? graph.names[n] : `${graph.names[n].slice(0, LONGEST - 1)}…`;
    const colour = role ? roles[role].written : graph.reached[n] ? ink.text : ink.muted;
    const drop = r + (n === graph.answer || n === graph.root ? 13 : 9);
    const words = n === graph.answer ? `${name} ${roles.right.glyph}` : name;
    write(pen, words, x[n], y[n] + drop, style, { size: 10.5, colour, bold: Boolean(role) });
  });
}

/** An arrow that bends where it would run through a column or back. */
function edge(pen, x, y, s, t, column, r, colour) {
  const [dx, dy] = [x[t] - x[s], y[t] - y[s]];
  const bend = Math.abs(dx) < 1 ? 0.34 : dx < 0 ? 0.22 : 0;
  const point = (u) => [x[s] + dx * u + bend * column * 4 * u * (1 - u), y[s] + dy * u];
  line(pen, Array.from({ length: 13 }, (_, k) => point(k / 12)), colour, 1.1);
  const [[ax, ay], [bx, by]] = [point(0.94), point(1)];
  const turn = Math.atan2(by - ay, bx - ax);
  const [tipX, tipY] = [bx - (r + 1.5) * Math.cos(turn), by - (r + 1.5) * Math.sin(turn)];
  pen.beginPath();
  pen.moveTo(tipX, tipY);
  const barb = held(0.75 * r, 4, 7);
  for (const side of [0.42, -0.42]) pen.lineTo(tipX - barb * Math.cos(turn + side), tipY - barb * Math.sin(turn + side));
  pen.fillStyle = colour;
  pen.fill();
}

// --- curves ------------------------------------------------------------------------------------------------------------

const CURVE = { left: 34, right: 10, top: 8, bottom: 20 };

/** Curves over the thoughts. lines: [values, role, { dash, width }]; ticks: [value, words]; a bar marks the thought looked at. */
function drawCurve(stage, scene, style, { limits, ticks, lines, thought, zero, key }) {
  const { pen, width, height } = stage;
  const { ink } = style;
  const box = CURVE;
  const [w, h] = [width - box.left - box.right, height - box.top - box.bottom];
  const x = (t) => box.left + (w * (t + 0.4)) / (scene.thoughts - 0.2);
  const y = (v) => box.top + h * (1 - (v - limits[0]) / (limits[1] - limits[0]));
  stage.still(`${scene.id} ${style.theme} ${key}`, (still) => {
    for (const [value, words] of ticks) {
      const strong = zero && value === 0;
      line(still, [[box.left, y(value)], [width - box.right, y(value)]], strong ? clear(ink.muted, 0.9) : ink.grid, 1);
      write(still, words, box.left - 6, y(value), style, { size: 10, align: "right" });
    }
    for (let t = 0; t < scene.thoughts; t += 1) write(still, String(t + 1), x(t), height - 9, style, { size: 10 });
  });
  line(pen, [[x(thought), box.top], [x(thought), box.top + h]], clear(ink.text, 0.5), 1);
  pen.save();
  pen.beginPath();
  pen.rect(0, box.top - 5, width, h + 10); // what lies beyond the axis is cut off, not drawn at its edge
  pen.clip();
  for (const [values, role, { dash = [], width: thick = 2, size = 3.4 } = {}] of lines) {
    const points = Array.from(values, (v, t) => [x(t), v === null || Number.isNaN(v) ? NaN : y(v)]);
    line(pen, points, role.colour, thick, dash);
    for (const [px, py] of points) marker(pen, role, px, py, size, 1.5);
  }
  pen.restore();
  const seen = lines.flatMap(([values]) => Array.from(values)).filter((v) => v !== null && Number.isFinite(v));
  const said = { size: 10, align: "right", colour: ink.text };
  if (seen.some((v) => v > limits[1])) write(pen, "↑ beyond this axis", width - box.right, box.top + 5, style, said);
  if (seen.some((v) => v < limits[0])) write(pen, "↓ beyond this axis", width - box.right, box.top + h - 6, style, said);
}

/** The thought a click on a curve means. */
function thoughtAt(scene, { target, clientX }) {
  const box = target.getBoundingClientRect();
  return Math.round(((clientX - box.left - CURVE.left) / (box.width - CURVE.left - CURVE.right)) * (scene.thoughts - 0.2) - 0.4);
}

/** What the three curves show of a run: values, limits and ticks by the name of their panel. */
function curvesOf(scene, run, { roles, ink }) {
  const { limits, candidates, right } = scene;
  const { plain } = scene.fixed;
  const dotted = { dash: [2, 4], width: 1.4, size: 2.8 };
  const logs = (values) => Array.from(values, (v) => (v > 0 ? Math.log10(v) : NaN));
  const dot = (colour) => ({ symbol: "circle", colour });
  return {
    distance: {
      limits: limits.distance,
      ticks: roundTicks(limits.distance, 4),
      lines: [
        [plain.to_weak, roles.weak, dotted],
        [plain.to_strong, roles.strong, dotted],
        [run.to_weak, roles.weak],
        [run.to_strong, roles.strong],
      ],
    },
    movement: {
      limits: limits.movement,
      ticks: [-1, 0, 1, 2, 3].map((v) => [v, String(10 ** v)]),
      lines: [
        [logs(run.step_change), dot(roles.plain.colour), dotted],
        [logs(run.push), dot(ink.text)],
        [logs(run.deviation), roles.refined],
      ],
    },
    margin: {
      limits: limits.margin,
      ticks: roundTicks(limits.margin, 4),
      zero: true,
      lines: [
        [margins(plain.log_p, candidates.length, right), roles.plain, { ...dotted, size: 3.6 }],
        [margins(run.log_p, candidates.length, right), roles.refined, { size: 4 }],
      ],
    },
  };
}

/** Round tick values inside limits, about `count` of them. */
function roundTicks([low, high], count) {
  const rough = (high - low) / count;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * [1, 2, 5].findLast((m) => m * unit <= rough);
  const out = [];
  for (let v = Math.ceil(low / step) * step; v <= high + 1e-9; v += step)
    out.push([v, String(Number(v.toFixed(2))).replace("-", "−")]);
  return out;
}
