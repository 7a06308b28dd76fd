"""The whole app in a real browser: it draws itself, a slider changes answer and map, the player plays, and nobody is called."""

import re

import browser
import pytest
from browser import PATIENCE, settled

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (tests/requirements.txt)")
pytestmark = browser.NEEDED
MOMENT = "() => document.querySelector('.js-plotly-plot')?._fullLayout?._currentFrame ?? null"
DRAWN = """() => {
  const data = document.querySelector('.js-plotly-plot')?.data ?? [];
  const line = data.find((t) => t.name === 'refined run' && t.x && t.x.length > 1);
  return line ? JSON.stringify([line.x, line.y]) : null;
}"""


@pytest.fixture(scope="module")
def address():
    with browser.running_app() as address:
        yield address


@pytest.fixture(scope="module")
def visit(address):
    """(page, every address it asked for) with the first figure drawn."""
    with sync_api.sync_playwright() as playwright, browser.chromium(playwright) as opened:
        page = opened.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE)
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda socket: asked.append(socket.url))
        page.goto(f"{address}/learn")  # the very first request of this server is a link to a page
        page.wait_for_selector("h1, h2, [data-testid=stException]")
        page.first_menu = page.locator("[data-testid=stTopNavLink], [data-testid=stSidebarNavLink]").all_inner_texts()
        page.goto(address)
        page.wait_for_selector(".js-plotly-plot .slider-container")
        settled(page)
        yield page, asked


def answer(page) -> str:
    return page.locator("[data-testid=stMarkdown]", has_text="refined").first.inner_text()


def test_a_link_to_a_page_opens_the_whole_app_even_on_a_fresh_server(visit):
    page, _ = visit
    assert {"Explore", "Learn"} <= set(page.first_menu) and not {"choices", "shared"} & set(page.first_menu)


def test_it_draws_itself_without_a_click(visit):
    page, _ = visit
    assert page.locator("[data-testid=stException]").count() == 0
    assert re.search(r"plain \w+ \d+%.*refined \w+ \d+%", answer(page))
    assert page.evaluate(DRAWN)


def test_a_step_size_moved_by_keyboard_changes_answer_and_map(visit):
    page, _ = visit
    before, drawn = answer(page), page.evaluate(DRAWN)
    page.get_by_role("slider", name="Step size").focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(f"(old) => ![old, null].includes(({DRAWN})())", arg=drawn)
    settled(page)
    assert answer(page) != before
    assert page.evaluate(DRAWN) != drawn


def test_steps_are_taken_without_a_rerun_and_survive_one(visit):
    page, asked = visit
    buttons = page.locator(".updatemenu-button")
    runs = len(asked)
    for _ in range(3):
        buttons.nth(3).click()
        page.wait_for_timeout(400)
    moment = page.evaluate(MOMENT)
    assert moment and moment != "1.1" and len(asked) == runs
    drawn = page.evaluate(DRAWN)
    page.get_by_role("slider", name="Step size").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(f"(old) => ![old, null].includes(({DRAWN})())", arg=drawn)
    settled(page)
    page.wait_for_function(f"(old) => ({MOMENT})() === old", arg=moment)


def test_arrow_keys_step_through_the_thoughts(visit):
    page, asked = visit
    runs = len(asked)
    page.locator(".js-plotly-plot").focus()
    page.keyboard.press("Home")
    page.wait_for_function(f"() => ({MOMENT})() === '1.0'")
    seen = []
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "End"):
        page.keyboard.press(key)
        page.wait_for_timeout(300)
        seen.append(page.evaluate(MOMENT))
    assert seen[:3] == ["1.1", "2.0", "1.1"] and int(seen[3].split(".")[0]) == 6
    assert len(asked) == runs  # all in the browser
    page.get_by_role("slider", name="Residual").focus()  # a control keeps its arrow keys
    page.keyboard.press("Home")
    settled(page)
    assert page.evaluate(MOMENT) == seen[3]
    page.locator(".js-plotly-plot").focus()
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    page.wait_for_function(f"() => !['1.0', '1.1', null].includes(({MOMENT})())")


def test_a_zoom_stays_when_a_slider_moves(visit):
    page, _ = visit
    ranges = "() => JSON.stringify(document.querySelector('.js-plotly-plot')._fullLayout.xaxis.range)"
    whole, drawn = page.evaluate(ranges), page.evaluate(DRAWN)
    box = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + 80, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + 240, box["y"] + 240, steps=5)
    page.mouse.up()
    page.wait_for_function(f"(whole) => ({ranges})() !== whole", arg=whole)
    zoomed = page.evaluate(ranges)
    page.get_by_role("slider", name="Step size").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(f"(old) => ![old, null].includes(({DRAWN})())", arg=drawn)
    settled(page)
    assert page.evaluate(ranges) == zoomed


def test_one_action_leaves_one_entry_in_the_history(visit, address):
    page, _ = visit
    other = page.context.browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    other.set_default_timeout(PATIENCE)
    other.goto(f"{address}/ladder")
    other.wait_for_selector(".js-plotly-plot .main-svg")
    settled(other)
    before = other.evaluate("() => history.length")
    other.get_by_test_id("stFormSubmitButton").get_by_role("button").click()  # moves the page, strong, weak and more
    other.wait_for_selector(".js-plotly-plot .slider-container")
    settled(other)
    assert other.evaluate("() => history.length") == before + 1 and "strong=" in other.url
    other.go_back()
    other.wait_for_url("**/ladder")
    other.context.close()


def test_a_narrow_window_is_drawn_narrow_at_once_when_it_comes_back(visit, address):
    page, _ = visit
    narrow = page.context.browser.new_context(viewport={"width": 800, "height": 900})
    visitor = narrow.new_page()
    visitor.set_default_timeout(PATIENCE)
    heights = "() => document.querySelector('.js-plotly-plot')?.layout?.height"
    visitor.add_init_script(
        f"window.heights = []; setInterval(() => {{ const now = ({heights})(); "
        "if (now && heights.at(-1) !== now) heights.push(now); }, 20)"
    )
    seen = []
    for _ in range(2):
        visitor.goto(address)
        visitor.wait_for_selector(".js-plotly-plot .slider-container")
        settled(visitor)
        seen.append(visitor.evaluate("() => window.heights"))
    assert len(seen[1]) == 1 and seen[1][0] == seen[0][-1] > page.evaluate(heights)
    narrow.close()


def test_a_copied_link_opens_the_same_figure_in_a_new_browser(visit, address):
    page, _ = visit
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
    page.get_by_role("button", name="Copy link").click()
    page.wait_for_function("() => navigator.clipboard.readText().then((t) => t.includes('step_size='))")
    link = page.evaluate("() => navigator.clipboard.readText()")
    assert link.startswith(address) and "v=1" in link
    other = page.context.browser.new_context(viewport={"width": 1280, "height": 900})
    for where in (link, page.url):  # the address bar does as well
        visitor = other.new_page()
        visitor.set_default_timeout(PATIENCE)
        visitor.goto(where)
        visitor.wait_for_selector(".js-plotly-plot .slider-container")
        settled(visitor)
        assert visitor.evaluate(DRAWN) == page.evaluate(DRAWN)
        assert answer(visitor) == answer(page)
    other.close()


def test_no_request_leaves_the_machine(visit):
    _, asked = visit
    hosts = {re.match(r"\w+://([^:/]+)", url).group(1) for url in asked if not url.startswith(("data:", "blob:"))}
    assert hosts <= {"localhost", "127.0.0.1"}, hosts
