// Canvas tools of the Live page: a crisp canvas with a part that stands still, words, lines, markers, see-through colours.

/** A canvas that is crisp on any screen. What stands still is painted once and kept until `key` or the size changes. */
class Stage {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.kept = { key: null, canvas: document.createElement("canvas") };
  }

  /** Clears it for a new drawing; false while it has no size. */
  begin() {
    const { width, height } = this.canvas.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (!w || !h) return false;
    if (this.canvas.width !== w || this.canvas.height !== h) [this.canvas.width, this.canvas.height] = [w, h];
    this.pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.pen.clearRect(0, 0, width, height);
    [this.width, this.height, this.ratio] = [width, height, ratio];
    return true;
  }

  still(key, paint) {
    const full = `${key} ${this.canvas.width} ${this.canvas.height}`;
    if (this.kept.key !== full) {
      const { canvas } = this.kept;
      [canvas.width, canvas.height] = [this.canvas.width, this.canvas.height];
      const pen = canvas.getContext("2d");
      pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
      paint(pen);
      this.kept.key = full;
    }
    this.pen.drawImage(this.kept.canvas, 0, 0, this.width, this.height);
  }
}

// --- pen strokes -------------------------------------------------------------------------------------------------------

function write(pen, text, x, y, style, { size = 11, colour = style.ink.muted, align = "center", bold = false } = {}) {
  pen.font = `${bold ? 600 : 400} ${size}px ${style.font}`;
  [pen.fillStyle, pen.textAlign, pen.textBaseline] = [colour, align, "middle"];
  pen.fillText(text, x, y);
}

/** Words in several colours, one behind the other; `ending`: they end at x instead of beginning there. */
function writePieces(pen, pieces, x, y, style, ending = false) {
  const all = pieces.map((piece) => (Array.isArray(piece) ? piece : [piece, style.ink.muted]));
  pen.font = `400 10.5px ${style.font}`;
  let at = ending ? x - all.reduce((sum, [text]) => sum + pen.measureText(text).width, 0) : x;
  for (const [text, colour] of all) {
    write(pen, text, at, y, style, { size: 10.5, colour, align: "left" });
    at += pen.measureText(text).width;
  }
}

/** A line through points [x, y]; it is cut where one of them is not a number. */
function line(pen, points, colour, width, dash = []) {
  pen.beginPath();
  let down = false;
  for (const [x, y] of points) {
    if (!Number.isFinite(x + y)) down = false;
    else if (down) pen.lineTo(x, y);
    else [down] = [true, pen.moveTo(x, y)];
  }
  [pen.strokeStyle, pen.lineWidth, pen.lineJoin, pen.lineCap] = [colour, width, "round", "round"];
  pen.setLineDash(dash);
  pen.stroke();
  pen.setLineDash([]);
}

const OUTLINES = {
  diamond: [[0, -1.2], [1.2, 0], [0, 1.2], [-1.2, 0]],
  square: [[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]],
  "triangle-up": [[0, -1.15], [1.05, 0.75], [-1.05, 0.75]],
  "triangle-down": [[0, 1.15], [1.05, -0.75], [-1.05, -0.75]],
  star: Array.from({ length: 10 }, (_, k) => {
    const [r, turn] = [k % 2 ? 0.55 : 1.3, (Math.PI * k) / 5];
    return [r * Math.sin(turn), -r * Math.cos(turn)];
  }),
};

/** Path of a marker by its name in `colours`. */
function outline(pen, symbol, x, y, r) {
  pen.beginPath();
  const corners = OUTLINES[symbol];
  if (symbol === "x") {
    for (const tilt of [-1, 1]) {
      pen.moveTo(x - tilt * r, y - r);
      pen.lineTo(x + tilt * r, y + r);
    }
  } else if (corners) {
    for (const [a, b] of corners) pen.lineTo(x + a * r, y + b * r);
    pen.closePath();
  } else pen.arc(x, y, r, 0, 2 * Math.PI);
}

function marker(pen, role, x, y, r, width = 1.8) {
  if (!Number.isFinite(x + y)) return;
  outline(pen, role.symbol, x, y, r);
  [pen.fillStyle, pen.strokeStyle, pen.lineWidth] = [role.colour, role.colour, width];
  if (role.symbol === "x") pen.lineWidth = Math.max(width, r / 2);
  if (role.symbol.endsWith("-open") || role.symbol === "x") pen.stroke();
  else pen.fill();
}

const parts = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
const clear = (hex, opacity) => `rgba(${parts(hex).join(",")},${opacity})`;

/** A colour over the paper: share 0 is paper, 1 the full colour. */
function mixed(hex, share, paper) {
  const under = parts(paper);
  return `rgb(${parts(hex).map((v, k) => Math.round(share * v + (1 - share) * under[k])).join(",")})`;
}
