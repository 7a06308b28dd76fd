// What the Live page says in words: the answer and its bars, which of the two is shown, the inputs, the notes below the panels.
// Text is written with textContent only, and only where it changed, so that nothing is laid out or read aloud for nothing.

const percent = (p) => `${Math.round(100 * p)} %`;
const signed = (v, digits = 2) => `${v < 0 ? "−" : "+"}${Math.abs(v).toFixed(digits)}`;

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function piece(text, colour, className = "") {
  const out = Object.assign(document.createElement("span"), { textContent: text, className });
  out.style.color = colour;
  return out;
}

/** What a run answers: probabilities, index of the most probable, that in words, and how right or wrong is marked. */
function answerOf(scene, view, { roles, ink }) {
  const p = shares(view.log_p, scene.candidates.length);
  const index = p.indexOf(Math.max(...p));
  const role = scene.right === null ? null : roles[index === scene.right ? "right" : "wrong"];
  const words = `${scene.candidates[index]} ${percent(p[index])}`;
  return { p, index, words, mark: role?.glyph ?? "", colour: role?.written ?? ink.text };
}

/** One empty row per candidate; `sayAnswer` fills them. */
function makeBars(scene) {
  return scene.candidates.map((name, c) => {
    const row = Object.assign(document.createElement("div"), { className: "bar" });
    row.append(...["name", "track", "value"].map((part) => piece("", "", part)));
    row.children[0].textContent = c === scene.right ? `${name} ✓` : name;
    row.children[1].append(...["fill", "tick"].map((part) => piece("", "", part)));
    return row;
  });
}

function sayAnswer(find, scene, run, style) {
  const { roles, ink } = style;
  const [plain, refined] = [scene.fixed.plain, run].map((view) => answerOf(scene, view, style));
  find(".sentence").replaceChildren(
    piece(`${roles.plain.glyph} plain `, ink.muted),
    piece(plain.words, ink.text, "name"),
    piece(` ${plain.mark}`, plain.colour, "mark"),
    piece(" → ", ink.muted),
    piece(`${roles.refined.glyph} refined `, roles.refined.written),
    piece(refined.words, ink.text, "name"),
    piece(` ${refined.mark}`, refined.colour, "mark"),
  );
  [...find(".bars").children].forEach((row, c) => {
    const [label, track, value] = row.children;
    const [fill, tick] = track.children;
    label.style.color = scene.right === null ? ink.text : roles[c === scene.right ? "right" : "wrong"].written;
    label.style.fontWeight = c === refined.index ? 650 : 400;
    fill.style.transform = `scaleX(${refined.p[c]})`;
    fill.style.background = roles.refined.colour;
    tick.style.left = `${100 * plain.p[c]}%`;
    tick.style.background = roles.plain.colour;
    put(value, percent(refined.p[c]));
  });
  return refined;
}

/** Which of the two is shown, and how far off the interpolation was. moment: the exact run, null while interpolated. */
function sayShown(find, moment, { margin, trouble, waiting, step, mix }) {
  const chip = moment ? "exact run" : "interpolated between computed runs";
  const next = waiting ? "computing the exact run …" : "let go for the exact run";
  const words = trouble || (moment ? gapWords(moment) : `answer margin ${signed(margin)} nats · ${next}`);
  put(find(".chip"), chip);
  put(find(".gap"), words);
  find(".gap").classList.toggle("odd", Boolean(trouble || (moment && !moment.answer.same)));
  const controls = moment?.controls.join(" · ");
  put(find(".controls"), controls ? `controls: ${controls}` : "controls follow with the exact run");
  put(find(".eta"), moment ? moment.eta : `s = ${signed(step)} · α = ${mix.toFixed(2)}`);
  if (moment || trouble) put(find(".spoken"), `${chip}: ${find(".sentence").textContent}, ${words}`); // only once it rests
}

function gapWords({ margin, answer }) {
  if (margin.known) return `margin ${signed(margin.exact)} nats; a computed run, nothing was interpolated`;
  const numbers = `margin ${signed(margin.between)} interpolated, ${signed(margin.exact)} exact: off by ${margin.off.toFixed(2)} nats`;
  return answer.same ? numbers : `${numbers}. Interpolation said ${answer.between}, the run says ${answer.exact}.`;
}

/** Pad and inputs say the same setting; what is being typed into is left alone. */
function sayInputs(find, root, scene, { step, mix, playing }, answer) {
  const way = step > 0 ? "towards strong" : step < 0 ? "away from strong, the printed sign" : "no push";
  const pad = find(".pad");
  pad.ariaValueNow = step.toFixed(2);
  const at = `step size ${step.toFixed(2)}, ${way}; residual mix ${mix.toFixed(2)}`;
  pad.ariaValueText = `${at}; answer ${answer.words} ${answer.mark}`;
  const place = toAxis(step, scene.knee, scene.top);
  const fields = [
    [".step .range", place],
    [".step .number", step.toFixed(2)],
    [".mix .range", mix],
    [".mix .number", mix.toFixed(2)],
  ];
  for (const [selector, value] of fields) {
    const input = find(selector);
    if (input.type === "range" || input !== root.getRootNode().activeElement) input.value = value;
  }
  find(".step .range").ariaValueText = `${step.toFixed(2)}, ${way}`;
  find(".mix .range").ariaValueText = mix.toFixed(2);
  put(find(".play"), playing ? "❚❚ stop" : "▶ sweep s");
  find(".play").ariaPressed = String(playing);
  return pad.ariaValueText;
}

/** Notes below the panels, titles of the curves, alternative texts. */
function sayPanels(find, scene, run, { roles }, { index, thought, spoken }) {
  const map = scene.maps[index];
  const reading = map.linear ? "Two directions of many; lengths along them are real" : "Lengths and straightness mean nothing here";
  put(find(".map .note"), `${map.quality ? `${map.quality}. ` : ""}${reading}.`);
  put(find(".graph .note"), scene.graph ? frontierWords(scene, run, thought) : "");
  const [strong, weak] = ["strong", "weak"].map((name) => [`${roles[name].glyph} ${name}`, roles[name].written]);
  const sides = scene.right === null ? [`+ ${scene.candidates[0]}`, "− any other"] : ["+ right", "− wrong"];
  title(find(".distance figcaption"), ["Distance to ", strong, " and ", weak]);
  title(find(".movement figcaption"), ["% of ‖h‖: push, ", ["deviation", roles.refined.written], ", step"]);
  const coloured = sides.map((side, k) => [side, roles[k ? "wrong" : "right"].written]);
  title(find(".margin figcaption"), ["Answer margin, nats: ", coloured[0], " ", coloured[1]]);
  const panels = {
    map: `Map of thoughts, ${map.name}`,
    graph: `Graph of the problem, thought ${thought + 1}`,
    distance: "Distance to strong and weak, per thought",
    movement: "Push, deviation and step change in per cent of the length of a thought, per thought",
    margin: "Answer margin in nats, per thought",
  };
  for (const [name, what] of Object.entries(panels)) find(`.${name} canvas`).ariaLabel = `${what}. ${spoken}`;
}

function title(caption, pieces) {
  const key = JSON.stringify(pieces);
  if (caption.dataset.words === key) return;
  caption.dataset.words = key;
  caption.replaceChildren(...pieces.map((part) => (Array.isArray(part) ? piece(...part) : part)));
}

function frontierWords(scene, run, thought) {
  const nodes = scene.graph.frontiers[thought];
  const size = scene.graph.names.length;
  const hops = `${thought + 1} ${thought ? "hops" : "hop"} away`;
  if (!nodes.length) return `Thought ${thought + 1}: no true frontier, nothing is ${hops}.`;
  const mass = (view) => nodes.reduce((sum, n) => sum + view.node_p[thought * size + n], 0);
  const [mine, plain] = [run, scene.fixed.plain].map((view) => percent(mass(view)));
  return `Thought ${thought + 1}: ${mine} on the true frontier, ${hops} (plain ${plain}). Gray dot: plain run.`;
}
