"""Without a mouse and without eyes: everything is reached with Tab, is seen to have the focus, lets go of it, and has a name."""

import re

import browser
import pytest
from browser import PATIENCE, settled

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (tests/requirements.txt)")
pytestmark = browser.NEEDED
MOST = 120  # presses of Tab: far more than a page has controls
PAGES = ("", "live", "compare", "regimes", "ladder", "benchmark", "studio", "learn")
# in the order of the page; between them stand the question marks, each named after its control
ORDER = """Skip to main content, Problem, Another, Own text, Method, Step size s, Residual mix α, Thoughts T, Step, Rounds K,
Run all, next, Backbone, Strong ▲, Weak ▼, More choices, Reset, Copy link, Explore, Live, Compare, Regimes, Ladder, Benchmark,
Studio, Learn, UMAP, 2-D, Make a figure, Player, Answers_ before and after"""
# Steps on to what has the focus; says what it is, and whether what had it before looks otherwise now. A ring may be drawn
# around a control by one of the boxes that hold it.
STEP = """() => {
  let at = document.activeElement;
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  const look = (element) => {
    let seen = [];
    for (let box = element, up = 0; box && up < 5; box = box.parentElement, up++) {
      const style = getComputedStyle(box);
      seen.push(style.outline, style.boxShadow, style.borderColor, style.backgroundColor);
    }
    return seen.join();
  };
  const before = window.focused, unseen = before && look(before[0]) === before[1] ? before[2] : null;
  const end = at === document.body;
  window.focused = end ? null : [at, look(at), `${at.tagName} ${at.getAttribute("aria-label") ?? at.textContent.slice(0, 40)}`];
  window.visited = [...(window.visited ?? []), at];
  return { tag: at.tagName, held: at.closest("[data-testid=stDataFrame]") !== null, end, unseen };
}"""
LEFT_OUT = """() => [...document.querySelectorAll("button, input, a[href], select, textarea, [tabindex='0']")]
  .filter((e) => e.tabIndex >= 0 && !e.disabled && e.checkVisibility({ visibilityProperty: true }))
  .filter((e) => !e.closest("[data-testid=stDataFrame], [role=radiogroup]") && !window.visited.includes(e))
  .map((e) => `${e.tagName} ${e.getAttribute("aria-label") ?? e.textContent}`)"""


@pytest.fixture(scope="module")
def open_page():
    """Opens a page of the app and waits until it stands still."""
    with (
        browser.running_app() as address,
        sync_api.sync_playwright() as playwright,
        browser.chromium(playwright) as opened,
    ):

        def go(name: str):
            page = opened.new_page(viewport={"width": 1280, "height": 900})
            page.set_default_timeout(PATIENCE)
            page.goto(f"{address}/{name}")
            page.wait_for_selector("h2, h4")
            settled(page)
            return page

        yield go


def name_of(snapshot: str) -> str:
    """The spoken name in the first line of an aria snapshot, "" where there is none."""
    found = re.match(r"""- '?\w+ "((?:[^"\\]|\\.)*)\"""", snapshot)
    return found.group(1) if found else ""


def walk(page, key: str) -> list[str]:
    """Presses a key until the focus leaves the page; the names of what it met. Everything it met must show the focus."""
    names, unseen = [], []
    for _ in range(MOST):
        page.keyboard.press(key)
        page.wait_for_timeout(150)  # a ring may fade in
        now = page.evaluate(STEP)
        unseen.append(now["unseen"])
        if now["end"]:
            # a table draws its focus on its canvas; the main column is no control: it has the focus to be scrolled
            assert [u for u in unseen if u and not u.startswith(("CANVAS", "MAIN"))] == []
            return names
        if now["held"] or now["tag"] == "MAIN":
            continue
        names.append(name_of(page.locator(":focus").last.aria_snapshot()))
        assert names[-1], f"the control behind {names[-2:-1]} has no name"
    raise AssertionError(f"the focus does not leave the page; it stays at {names[-3:]}")


def test_explore_is_walked_from_end_to_end_and_back(open_page):
    page = open_page("")
    names = walk(page, "Tab")
    assert page.evaluate(LEFT_OUT) == []
    met = iter(name.split(":")[0] for name in names)
    wanted = [name.strip().replace("_", ",") for name in ORDER.split(",")]
    missing = [name for name in wanted if not any(name == now or f"{name} {name}" == now for now in met)]
    assert missing == []
    back = walk(page, "Shift+Tab")
    assert set(names) <= set(back)
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_every_control_and_picture_has_a_name_and_no_icon_is_read_aloud(open_page, name):
    page = open_page(name)
    lines = page.locator("body").aria_snapshot().splitlines()
    kinds = "button|link|slider|combobox|textbox|spinbutton|switch|checkbox|radio|tab"
    nameless = [line for line in lines if re.match(rf"\s*- '?({kinds})(?! \")\b(?!list|panel|group)", line)]
    icons = [line for line in lines if re.search(r'"[^"]*\b\w+ icon"', line)]
    assert nameless == [] and icons == []
    # a snapshot leaves out names of more than 900 characters
    pictures = page.locator("img, [role=figure]").evaluate_all("(all) => all.map((e) => e.alt ?? e.ariaLabel)")
    assert pictures and all(pictures)
    page.close()


def test_a_panel_of_the_studio_is_moved_by_keyboard(open_page):
    page = open_page("studio")
    menus = page.locator("[data-testid=stMenuButton]")
    first = menus.all_inner_texts()
    page.get_by_role("button", name="Distances", exact=True).focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement.closest('[role=menu]')")
    while page.evaluate("() => document.activeElement.textContent") != "Move down":
        page.keyboard.press("ArrowDown")
        page.wait_for_timeout(100)
    page.keyboard.press("Enter")
    page.wait_for_function("() => location.search.includes('movements%2Cdistances')")
    settled(page)
    assert menus.all_inner_texts() == [first[0], first[2], first[1], *first[3:]]
    page.close()
