"""Live dragging in a real browser: every movement is redrawn without the server, and letting go brings the exact run."""

import re
import time

import browser
import pytest
from browser import PATIENCE, ROOT, settled

from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.studies import live_pad as live
from lrr_core.studies.live_pad import Pad

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (tests/requirements.txt)")
pytestmark = browser.NEEDED
EXACT = ".live[data-shown=exact]"


@pytest.fixture(scope="module")
def address():
    with browser.running_app() as address:
        yield address


@pytest.fixture(scope="module")
def visit(address):
    """(page, what it sent to the server, every address it asked for), on the first problem at a setting from a link."""
    with sync_api.sync_playwright() as playwright, browser.chromium(playwright) as opened:
        page = opened.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE)
        messages, asked = [], []

        def listen(websocket) -> None:
            asked.append(websocket.url)
            websocket.on("framesent", lambda frame: messages.append(frame))

        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", listen)
        page.on("pageerror", lambda error: pytest.fail(str(error)))
        page.goto(f"{address}/live?step_size=0.13&residual=0.4")
        page.wait_for_selector(EXACT)
        settled(page)
        yield page, messages, asked


@pytest.fixture(scope="module")
def pad() -> Pad:
    problem = BENCHMARKS["prosqa"].load(ROOT / "assets" / "examples" / "1-small.json")[0]
    return Pad.load(ROOT / "assets" / "live" / live.file_name(problem, "next"))


@pytest.fixture(scope="module")
def right() -> int:
    return BENCHMARKS["prosqa"].load(ROOT / "assets" / "examples" / "1-small.json")[0].answer


def shown(page) -> dict:
    """What the root of the instrument says of itself."""
    root = page.locator(".live")
    said = {key: root.get_attribute(f"data-{key}") for key in ("redraws", "step", "mix", "margin", "thought")}
    return {key: float(value) for key, value in said.items()} | {"shown": root.get_attribute("data-shown")}


def words(page, name: str) -> str:
    return page.locator(f".live .{name}").inner_text()


def rest(page) -> dict:
    """Wait until the exact run of where the point stands is shown."""
    page.wait_for_selector(EXACT)
    settled(page)
    page.wait_for_selector(EXACT)
    return shown(page)


def test_a_link_opens_the_pad_at_its_setting_with_the_exact_run(visit):
    page, *_ = visit
    now = shown(page)
    assert (now["step"], now["mix"], now["shown"]) == (0.13, 0.4, "exact")
    assert words(page, "chip") == "exact run" and page.locator("[data-testid=stException]").count() == 0


def test_every_movement_while_dragging_is_redrawn_and_none_asks_the_server(visit, pad, right):
    page, messages, _ = visit
    box = page.locator(".live .pad").bounding_box()
    x, y = box["x"] + 150, box["y"] + 180
    page.mouse.move(x, y)
    page.mouse.down()
    page.wait_for_timeout(100)
    sent, before = len(messages), shown(page)["redraws"]
    started, drawn = time.monotonic(), []
    for k in range(40):
        page.mouse.move(x + 3 * k, y - 2 * k)
        while shown(page)["redraws"] <= before + k:
            assert time.monotonic() - started < PATIENCE / 1000, f"movement {k + 1} was not redrawn"
        drawn.append(shown(page))
    seconds = time.monotonic() - started
    print(f"{len(drawn)} movements in {seconds:.2f} s, each redrawn")
    assert len(messages) == sent
    assert len({now["step"] for now in drawn}) == 40 == len({now["mix"] for now in drawn})
    for now in drawn:
        assert now["shown"] == "interpolated"
        there = pad.at(now["step"], now["mix"]).answer_margin(right)[-1]
        assert now["margin"] == pytest.approx(there, abs=1e-4)
    assert words(page, "chip") == "interpolated between computed runs"
    page.mouse.up()
    rest(page)


def test_letting_go_brings_the_exact_run_and_says_how_far_off_it_was(visit, pad, right):
    page, *_ = visit
    now = rest(page)
    assert round(now["step"], 2) == now["step"] and round(now["mix"], 2) == now["mix"]
    said = re.search(r"margin ([+−][\d.]+) interpolated, ([+−][\d.]+) exact: off by ([\d.]+)", words(page, "gap"))
    between, exact, off = (float(v.replace("−", "-")) for v in said.groups())
    assert between == pytest.approx(pad.at(now["step"], now["mix"]).answer_margin(right)[-1], abs=0.006)
    assert exact == pytest.approx(now["margin"], abs=0.006) and off == pytest.approx(abs(exact - between), abs=0.011)
    assert "controls: zero thoughts" in words(page, "controls")
    assert f"step_size={now['step']:g}" in page.url


def test_the_sweep_moves_by_itself_without_the_server(visit):
    page, messages, _ = visit
    page.locator(".live .play").click()
    sent, before, started = len(messages), shown(page)["redraws"], time.monotonic()
    page.wait_for_timeout(2000)
    frames = shown(page)["redraws"] - before
    print(f"{frames / (time.monotonic() - started):.0f} redraws a second")
    assert frames > 10 and len(messages) == sent and shown(page)["shown"] == "interpolated"
    page.locator(".live .play").click()
    rest(page)


def test_the_keyboard_moves_the_point_and_says_where_it_is(visit):
    page, *_ = visit
    field = page.locator(".live .pad")
    field.focus()
    page.keyboard.press("Home")
    page.wait_for_timeout(700)
    home = rest(page)
    assert (home["step"], home["mix"]) == (0, 0) and "no push" in field.get_attribute("aria-valuetext")
    for key in ("ArrowLeft", "ArrowLeft", "ArrowUp", "Shift+ArrowRight"):
        page.keyboard.press(key)
    page.wait_for_timeout(700)
    there = rest(page)
    assert (there["step"], there["mix"]) == (pytest.approx(-0.09), pytest.approx(0.05))
    assert "away from strong" in field.get_attribute("aria-valuetext")
    page.keyboard.press("PageUp")
    page.wait_for_timeout(700)
    assert rest(page)["step"] == pytest.approx(-0.05)


def test_the_inputs_and_the_pad_are_one(visit):
    page, *_ = visit
    number = page.locator(".live .step .number")
    number.fill("0.37")
    page.keyboard.press("Tab")
    assert rest(page)["step"] == pytest.approx(0.37)
    page.locator(".live .mix .range").focus()
    page.keyboard.press("ArrowUp")
    page.wait_for_timeout(700)
    now = rest(page)
    assert now["mix"] == pytest.approx(float(page.locator(".live .mix .number").input_value()))


def test_thought_and_map_are_chosen_without_the_server(visit):
    page, messages, _ = visit
    sent, before = len(messages), shown(page)["thought"]
    page.locator(".live .map canvas").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(300)
    assert shown(page)["thought"] == before + 1
    assert f"Thought {before + 1:.0f}" in page.locator(".live .graph .note").inner_text()
    page.locator(".live .kinds label", has_text="PCA").click()
    page.wait_for_timeout(300)
    assert "lengths along them are real" in page.locator(".live .map .note").inner_text()
    assert len(messages) == sent


def test_explore_opens_at_the_same_setting(visit):
    page, *_ = visit
    now = shown(page)
    page.get_by_role("button", name="Open in Explore").click()
    page.wait_for_selector(".js-plotly-plot .slider-container")
    settled(page)
    assert f"step_size={now['step']:g}" in page.url and f"residual={now['mix']:g}" in page.url
    page.get_by_role("link", name="Live").click()
    page.wait_for_selector(EXACT)
    back = rest(page)
    assert (back["step"], back["mix"]) == (now["step"], now["mix"])


def test_no_request_leaves_the_machine(visit):
    *_, asked = visit
    hosts = {re.match(r"\w+://([^:/]+)", url).group(1) for url in asked if not url.startswith(("data:", "blob:"))}
    assert hosts <= {"localhost", "127.0.0.1"}, hosts


def test_whoever_wants_no_motion_gets_none(address, visit):
    page, *_ = visit
    calm = page.context.browser.new_page(reduced_motion="reduce")
    calm.set_default_timeout(PATIENCE)
    calm.goto(f"{address}/live?step_size=0.5")
    calm.wait_for_selector(EXACT)
    settled(calm)
    assert shown(calm)["redraws"] < 15  # the greeting alone draws some dozens
    calm.close()
