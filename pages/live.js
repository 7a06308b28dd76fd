// The Live page's instrument. While the point is dragged nothing is asked of the server: every redraw interpolates between
// computed runs (live_numbers.js), draws them (live_draw.js) and says them (live_words.js). On release the setting goes to
// the server as state `at`; the exact run comes back as `data.moment` and replaces the interpolation. Releases are numbered, so
// that a late answer to an earlier one is not taken for the newest. `data-*` on the root say what is shown, for tests.

const SETTLE = 450; // ms after the last key before the exact run is asked for
const GREETING = 1500; // ms in which the point glides from the plain run to its place, once per visit
const SETTLING = 220; // ms in which the exact run takes the interpolation's place
const SWEEP = 14; // seconds of one sweep to and fro
const calm = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;
const round = (value, unit = 0.01) => Math.round(value / unit) * unit;
const same = (a, b) => Boolean(a && b) && Math.abs(a.step - b.step) < 1e-6 && Math.abs(a.mix - b.mix) < 1e-6;
const pages = new WeakMap();
let greeted = false;

class Live {
  constructor(parent) {
    this.root = parent.querySelector(".live");
    this.find = (selector) => this.root.querySelector(selector);
    const canvases = { pad: ".pad" };
    for (const name of ["map", "graph", "distance", "movement", "margin"]) canvases[name] = `.${name} canvas`;
    this.stages = Object.fromEntries(Object.entries(canvases).map(([name, at]) => [name, new Stage(this.find(at))]));
    Object.assign(this, { step: 0, mix: 0, exact: null, asked: 0, thought: 0, index: 0, whole: false, redraws: 0 });
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(this.root);
    this.listen();
  }

  // --- what the server says --------------------------------------------------------------------------------------------

  receive(data, send) {
    this.send = send;
    const { scene, moment, at } = data;
    Object.assign(this, { look: data.look, history: data.history, trouble: data.trouble, loading: data.loading });
    const fresh = scene.id !== this.scene?.id;
    if (fresh) this.open(unpackScene(scene), data.map);
    this.asked = fresh ? data.heard : Math.max(this.asked, data.heard);
    this.exact = moment && { ...moment, run: unpackRun(moment.view) };
    this.waiting = data.heard < this.asked;
    if (this.dragging || this.moving || this.waiting) this.draw();
    else this.arrive(at, fresh);
  }

  open(scene, map) {
    this.stop();
    this.scene = scene;
    this.dragging = false;
    this.thought = Math.min(scene.graph?.hops ?? scene.thoughts, scene.thoughts) - 1;
    const names = scene.maps.map((m) => m.name);
    this.index = Math.max(names.indexOf(this.kind ?? map), 0);
    this.choices(".kinds", "map", names, this.index, (k) => ([this.index, this.kind] = [k, names[k]]));
    const thoughts = Array.from({ length: scene.thoughts }, (_, t) => String(t + 1));
    this.choices(".thoughts", "thought", thoughts, this.thought, (t) => (this.thought = t));
    this.find(".graph").hidden = !scene.graph;
    this.find(".bars").replaceChildren(...makeBars(scene));
    const [number, pad] = [this.find(".step .number"), this.find(".pad")];
    [number.min, number.max, pad.ariaValueMin, pad.ariaValueMax] = [-scene.top, scene.top, -scene.top, scene.top];
  }

  /** Go to the setting the server has answered for. */
  arrive({ step, mix }, fresh) {
    const { knee, top } = this.scene;
    if (!greeted && !calm() && (step || mix)) {
      greeted = true;
      this.to(0, 0);
      const eased = (u) => (u < 0.5 ? 4 * u ** 3 : 1 - (2 - 2 * u) ** 3 / 2);
      const glide = (u) => this.to(fromAxis(eased(u) * toAxis(step, knee, top), knee, top), eased(u) * mix);
      this.animate(GREETING, glide, () => this.to(step, mix));
      return;
    }
    greeted = true;
    const before = fresh || calm() ? null : runAt(this.scene, this.step, this.mix);
    this.to(step, mix);
    if (!before || !this.isExact()) return;
    const settle = (share) => ((this.settling = { before, share }), this.draw());
    this.animate(SETTLING, settle, () => (this.settling = null));
  }

  isExact() {
    return same(this, this.exact) && !this.dragging && !this.moving;
  }

  // --- moving the point ------------------------------------------------------------------------------------------------

  /** Put the point somewhere and draw what is known there. */
  to(step, mix) {
    this.step = held(step, -this.scene.top, this.scene.top);
    this.mix = held(mix, 0, this.scene.mixes.at(-1));
    this.settling = null;
    this.draw();
  }

  /** The point is in the hand: whatever moved it by itself stops. */
  take() {
    this.stop();
    clearTimeout(this.pause);
    this.dragging = true;
  }

  /** The point has come to rest: ask for the exact run there. */
  rest() {
    clearTimeout(this.pause);
    this.dragging = false;
    this.to(round(this.step), round(this.mix));
    if (same(this, this.exact) && !this.waiting) return;
    this.asked += 1;
    this.waiting = true;
    this.send("at", { step: Number(this.step.toFixed(2)), mix: Number(this.mix.toFixed(2)), n: this.asked });
  }

  restSoon() {
    clearTimeout(this.pause);
    this.pause = setTimeout(() => this.rest(), SETTLE);
  }

  /** Call frame(share) until `length` ms are over, or frame(seconds) for ever where there is no length. */
  animate(length, frame, done) {
    this.stop();
    const start = performance.now();
    const tick = (now) => {
      const share = Math.max(now - start, 0) / (length || 1000);
      this.moving = !length || share < 1 ? requestAnimationFrame(tick) : 0;
      frame(length ? Math.min(share, 1) : share);
      if (!this.moving) (done(), this.draw());
    };
    this.moving = requestAnimationFrame(tick);
  }

  stop() {
    cancelAnimationFrame(this.moving);
    Object.assign(this, { moving: 0, playing: false, settling: null });
  }

  /** Sweep the step size to and fro at the residual mix of now, until stopped. */
  play() {
    clearTimeout(this.pause);
    this.dragging = false;
    const { knee, top } = this.scene;
    const { mix } = this;
    const from = Math.asin(held(toAxis(this.step, knee, top), -1, 1));
    this.animate(0, (seconds) => this.to(fromAxis(Math.sin(from + (2 * Math.PI * seconds) / SWEEP), knee, top), mix));
    this.playing = true;
  }

  listen() {
    const pad = this.find(".pad");
    const drag = (event) => {
      const box = pad.getBoundingClientRect();
      const scale = padScale(this.scene, box.width, box.height);
      this.to(scale.step(event.clientX - box.left), scale.mix(event.clientY - box.top));
    };
    pad.onpointerdown = (event) => {
      if (event.button) return;
      this.take();
      pad.setPointerCapture(event.pointerId);
      drag(event);
    };
    pad.onpointermove = (event) => pad.hasPointerCapture(event.pointerId) && drag(event);
    pad.onlostpointercapture = () => this.rest();
    pad.onkeydown = (event) => this.key(event, "pad");

    const [range, number] = [this.find(".step .range"), this.find(".step .number")];
    const [mixRange, mixNumber] = [this.find(".mix .range"), this.find(".mix .number")];
    const set = (step, mix) => (this.take(), this.to(step, mix));
    range.oninput = () => set(fromAxis(Number(range.value), this.scene.knee, this.scene.top), this.mix);
    mixRange.oninput = () => set(this.step, Number(mixRange.value));
    number.oninput = () => number.value !== "" && (set(Number(number.value), this.mix), this.restSoon());
    mixNumber.oninput = () => mixNumber.value !== "" && (set(this.step, Number(mixNumber.value)), this.restSoon());
    for (const input of [range, number, mixRange, mixNumber]) input.onchange = () => this.rest();
    range.onkeydown = (event) => this.key(event, "step");
    mixRange.onkeydown = (event) => this.key(event, "mix");

    this.find(".play").onclick = () => (this.playing ? (this.stop(), this.rest()) : this.play());
    this.find(".home").onclick = () => (this.take(), this.to(0, 0), this.rest());
    this.find(".whole input").onchange = (event) => ((this.whole = event.target.checked), this.draw());
    for (const name of ["distance", "movement", "margin"])
      this.stages[name].canvas.onclick = (event) => this.choose(thoughtAt(this.scene, event));
    this.find(".map canvas").onkeydown = (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (by) (event.preventDefault(), this.choose(this.thought + by));
    };
  }

  /** Arrow keys on the pad move both ways, on a slider its own value; they rest a moment after the last one. */
  key(event, what) {
    const by = event.shiftKey ? 0.01 : 0.05;
    const { steps } = this.scene;
    const across = (d) => () => [round(this.step + d), this.mix];
    const up = (d) => () => [this.step, round(this.mix + d)];
    const [along, upward] = { pad: [across, up], step: [across, across], mix: [up, up] }[what];
    const moves = {
      ArrowRight: along(by),
      ArrowLeft: along(-by),
      ArrowUp: upward(by),
      ArrowDown: upward(-by),
      PageUp: () => [steps.find((s) => s > this.step + 1e-6) ?? steps.at(-1), this.mix],
      PageDown: () => [steps.findLast((s) => s < this.step - 1e-6) ?? steps[0], this.mix],
      Home: () => [0, 0],
    };
    if (event.key === "Enter") this.rest();
    if (!moves[event.key] || (what === "mix" && event.key.startsWith("Page"))) return;
    event.preventDefault();
    this.take();
    this.to(...moves[event.key]());
    this.restSoon();
  }

  choose(thought) {
    this.thought = held(thought, 0, this.scene.thoughts - 1);
    this.find(`.thoughts input[value="${this.thought}"]`).checked = true;
    this.draw();
  }

  choices(selector, name, labels, chosen, on) {
    const set = this.find(selector);
    const made = labels.map((label, k) => {
      const box = document.createElement("label");
      const input = document.createElement("input");
      Object.assign(input, { type: "radio", name, value: String(k), checked: k === chosen });
      input.onchange = () => (on(k), this.draw());
      box.append(input, Object.assign(document.createElement("span"), { textContent: label }));
      return box;
    });
    set.replaceChildren(set.querySelector("legend"), ...made);
  }

  // --- drawing ---------------------------------------------------------------------------------------------------------

  draw() {
    if (this.frame || !this.scene) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  paint() {
    const { scene, settling, thought } = this;
    const exact = this.isExact() || Boolean(settling);
    const guess = runAt(scene, this.step, this.mix);
    const run = !exact ? guess : settling ? blend(settling.before, this.exact.run, settling.share) : this.exact.run;
    const style = this.style();
    const { pad, map, graph } = this.stages;
    if (pad.begin()) drawPad(pad, scene, style, { step: this.step, mix: this.mix, exact, history: this.history });
    const shownMap = { index: this.index, whole: this.whole, ghost: exact ? guess : null };
    if (map.begin()) drawMap(map, scene, style, { run, thought, ...shownMap });
    if (scene.graph && graph.begin()) drawGraph(graph, scene, style, { run, thought });
    for (const [name, curve] of Object.entries(curvesOf(scene, run, style)))
      if (this.stages[name].begin()) drawCurve(this.stages[name], scene, style, { ...curve, key: name, thought });

    const margin = margins(run.log_p, scene.candidates.length, scene.right).at(-1);
    const answer = sayAnswer(this.find, scene, run, style);
    sayShown(this.find, exact ? this.exact : null, { ...this, margin, waiting: this.waiting || this.loading });
    const spoken = sayInputs(this.find, this.root, scene, this, answer);
    sayPanels(this.find, scene, run, style, { index: this.index, thought, spoken });
    this.redraws += 1;
    const { redraws, step, mix } = this;
    const shown = exact ? "exact" : "interpolated";
    Object.assign(this.root.dataset, { redraws, step, mix, margin, shown, thought: thought + 1 });
  }

  /** Colours of the page's theme as it is now, and its font. */
  style() {
    const own = getComputedStyle(this.root);
    const paper = own.getPropertyValue("--st-background-color").trim();
    const theme = !paper.startsWith("#") || parts(paper).reduce((a, b) => a + b) > 382 ? "light" : "dark";
    return { theme, font: own.fontFamily, ...this.look[theme] };
  }

  close() {
    this.stop();
    clearTimeout(this.pause);
    cancelAnimationFrame(this.frame);
    this.sizes.disconnect();
  }
}

export default function ({ parentElement, data, setStateValue }) {
  let live = pages.get(parentElement);
  if (!live) pages.set(parentElement, (live = new Live(parentElement)));
  live.receive(data, setStateValue);
  return () => {
    live.close();
    pages.delete(parentElement);
  };
}
