// What a chart with a player needs besides Plotly. Streamlit mounts a chart anew whenever its figure changes, which takes the
// player back to its start: this helper remembers the moment looked at and returns to it, by a click on the player's own
// slider, and so it gives the player keys: arrows step, Home and End jump, space plays. It also reports the page's width.
let view = null;
let moment = null;

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

const playing = (chart) => (chart._transitionData?._frameQueue?.length ?? 0) > 0;
const press = (chart, index) =>
  chart.querySelectorAll(".updatemenu-button")[index]?.dispatchEvent(new MouseEvent("click", { bubbles: true }));

export default function ({ parentElement, setStateValue, data }) {
  const element = parentElement.host ?? parentElement;
  if (data.view !== view) {
    view = data.view;
    moment = null;
  }

  let last = data.narrow;
  const measure = () => {
    const width = element.getBoundingClientRect().width;
    if (width > 0 && width < 680 !== last) {
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
