// What a chart with a player needs besides Plotly. Streamlit mounts a chart anew whenever its figure changes, which takes the
// player back to its start: this helper remembers the moment looked at and returns to it, by a click on the player's own
// slider, and so it gives the player keys: arrows step, Home and End jump, space plays. In the same way it puts back the zoom
// and the 3-D camera. It also reports the page's width, and sees to it that one action leaves one entry in the history.
let view = null;
let moment = null;
let zoom = { of: null, changes: {} }; // what was zoomed or turned, of the chart with this uirevision

const stepsOf = (chart) => chart.layout?.sliders?.[0]?.steps ?? [];

function jump(chart) {
  go(chart, stepsOf(chart).findIndex((step) => step.args[0][0] === moment));
}

function go(chart, index) {
  const steps = stepsOf(chart);
  const rail = chart.querySelector(".slider-rail-touch-rect");
  if (index < 0 || !rail || chart.layout.sliders[0].active === index) return;
  const box = rail.getBoundingClientRect();
  const clientX = box.left + (box.width * index) / Math.max(steps.length - 1, 1);
  const at = { bubbles: true, clientX, clientY: box.top + box.height / 2 };
  rail.dispatchEvent(new MouseEvent("mousedown", at));
  chart.dispatchEvent(new MouseEvent("mouseup", at));
}

// The step buttons' first click serves a player that has not moved yet (see figures._controls). After a jump to the very
// moment it leads to, it would seem to do nothing: spend it.
function spendFirstClick(chart) {
  const shown = chart.querySelectorAll(".updatemenu-button");
  (chart.layout.updatemenus?.[0]?.buttons ?? []).forEach((button, index) => {
    if (button.args2 && button.args[0][0] === moment) shown[index]?.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  });
}

// Keys work wherever no control needs them: on the page itself and on the chart, which can be reached with Tab.
function onKey(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.defaultPrevented) return;
  const chart = [...document.querySelectorAll(".js-plotly-plot")].find((c) => stepsOf(c).length > 1);
  const at = document.activeElement;
  if (!chart || !(at === document.body || at?.tagName === "SECTION" || at?.tagName === "MAIN" || chart.contains(at))) return;
  const last = stepsOf(chart).length - 1;
  const now = chart.layout.sliders[0].active ?? 0;
  const target = { ArrowRight: Math.min(now + 1, last), ArrowLeft: Math.max(now - 1, 0), Home: 0, End: last }[event.key];
  if (target !== undefined) go(chart, target);
  else if (event.key === " ") press(chart, playing(chart) ? 1 : 0);
  else return;
  event.preventDefault();
}

// A relayout without Plotly at hand, which Streamlit keeps to itself: the pause button is lent other arguments for one click.
function relayout(chart, changes) {
  const button = chart._fullLayout?.updatemenus?.[0]?.buttons?.[1];
  const shown = chart.querySelectorAll(".updatemenu-button")[1];
  if (!button || !shown) return;
  const { method, args } = button;
  Object.assign(button, { method: "_guiRelayout", args: [changes] });
  shown.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  Object.assign(button, { method, args });
}

function keepZoom(chart) {
  const revision = chart.layout.uirevision;
  if (zoom.of === revision && Object.keys(zoom.changes).length) relayout(chart, { ...zoom.changes });
  chart.on("plotly_relayout", (changes) => {
    if (zoom.of !== revision) zoom = { of: revision, changes: {} };
    for (const [key, value] of Object.entries(changes ?? {})) {
      if (/^[xy]axis\d*\.range|^scene\d*\.camera$/.test(key)) zoom.changes[key] = value;
    }
  });
}

// One action may move several choices, and Streamlit writes each into the address with an entry of its own; Back would pass
// through settings nobody chose. So what follows the first one, until the person does something again, is written over it.
function oneEntryAnAction() {
  if (window.history.oneEntryAnAction) return;
  window.history.oneEntryAnAction = true;
  let acted = true;
  for (const kind of ["pointerdown", "pointerup", "keydown"]) window.addEventListener(kind, () => { acted = true; }, true);
  const push = window.history.pushState;
  window.history.pushState = function (state, title, url) {
    if (acted) push.call(this, state, title, url);
    else this.replaceState(state, title, url);
    acted = false;
  };
}

const playing = (chart) => (chart._transitionData?._frameQueue?.length ?? 0) > 0;
const press = (chart, index) =>
  chart.querySelectorAll(".updatemenu-button")[index]?.dispatchEvent(new MouseEvent("click", { bubbles: true }));

export default function ({ parentElement, setStateValue, data }) {
  const element = parentElement.host ?? parentElement;
  oneEntryAnAction();
  if (data.view !== view) {
    view = data.view;
    moment = null;
  }

  let last = data.narrow;
  const measure = () => {
    const width = element.getBoundingClientRect().width;
    if (width <= 0) return;
    // for the next visit, whose first picture is drawn before anybody could measure
    document.cookie = `lrr_narrow=${Number(width < 680)}; path=/; max-age=31536000; SameSite=Lax`;
    if (width < 680 !== last) {
      last = width < 680;
      setStateValue("narrow", last);
    }
  };
  const widths = new ResizeObserver(measure);
  widths.observe(element);

  const attach = () => {
    for (const chart of document.querySelectorAll(".js-plotly-plot")) {
      if (chart.hasCompanion || !chart.on || !chart.querySelector(".slider-rail-touch-rect")) continue;
      chart.hasCompanion = true;
      chart.tabIndex = 0;
      chart.style.outlineColor = "#1F72AE"; // the focus ring, in the colour of the refined run
      chart.style.outlineOffset = "4px";
      chart.setAttribute("role", "group");
      chart.setAttribute("aria-label", "Player: left and right arrow keys step through the thoughts, space plays and pauses");
      keepZoom(chart);
      let returning = moment !== null && stepsOf(chart).some((step) => step.args[0][0] === moment);
      chart.on("plotly_animatingframe", (event) => {
        moment = event.name;
        if (returning) spendFirstClick(chart);
        returning = false;
      });
      if (returning) jump(chart);
      let again = returning ? 3 : 0; // the chart may be drawn once more while the page settles
      chart.on("plotly_afterplot", () => { if (again-- > 0) jump(chart); });
    }
  };
  const mounts = new MutationObserver(attach);
  mounts.observe(document.body, { childList: true, subtree: true });
  attach();
  document.addEventListener("keydown", onKey);

  return () => {
    document.removeEventListener("keydown", onKey);
    widths.disconnect();
    mounts.disconnect();
  };
}
