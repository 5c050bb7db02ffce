"""The console in a real browser: by keyboard, under its own content policy, with hostile texts, for everyone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from importlib import resources
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from reviewbot.console_settings import ConsoleSettings
from reviewbot.domain.decision import Action
from reviewbot.review.pending import seen_mark
from reviewbot.safety import pauses
from reviewbot.safety.seal import sealed_rounds
from tests.tier import FULL
from tests.web.browser import CHROMIUM
from tests.web.desk import WebDesk, web_desk

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [
    pytest.mark.skipif(
        CHROMIUM is None,
        reason="chromium is not installed: apt-get install chromium-headless-shell",
    ),
    pytest.mark.timeout(3600 if FULL else 900),
]
HOSTILE = (
    "</script><script>window.ran=1</script>",
    "<img src=x onerror=window.ran=1>",
    '"><svg onload=window.ran=1>',
    "' autofocus onfocus=window.ran=1 x='",
    "javascript:window.ran=1",
    "{{7*7}} {% raw %} ${7*7}",
    "\u202egnp.exe \x1b[2J \u200b\ufeff",
    "<style>body{display:none}</style>",
    "]]><!--",
    "<a href=//evil.example>click</a>",
    "A" * 140,
)
ALL_PAGES = ("/", "/queue", "/log", "/policies", "/policies/asks", "/rules", "/status", "/people")
AT_ONCE = ConsoleSettings(undo=timedelta(0))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One headless Chromium."""
    with playwright.sync_playwright() as driver:
        made = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield made
        made.close()


@pytest.fixture(autouse=True)
def closed(browser: Any) -> Iterator[None]:
    """No tab of one test looks for news during the next."""
    yield
    for context in browser.contexts:
        context.close()


class Visit:
    """A tab of somebody who is signed in; `said` is what the browser complained about."""

    def __init__(self, browser: Any, desk: WebDesk, name: str = "ana", role: Any = "admin") -> None:
        cookie = desk.person(name, role).cookie
        self.context = browser.new_context(viewport={"width": 1280, "height": 900})
        self.context.add_cookies([{"name": "reviewbot", "value": cookie, "url": desk.url}])
        self.tab = self.context.new_page()
        self.said: list[str] = []
        self.tab.on("console", lambda message: self._hear(message.type, message.text))
        self.tab.on("pageerror", lambda error: self.said.append(str(error)))
        self.desk = desk

    def _hear(self, kind: str, text: str) -> None:
        if kind == "error" and "the server responded with a status" not in text:
            self.said.append(text)

    def go(self, path: str) -> None:
        """Open a page."""
        self.tab.goto(self.desk.url + path)

    def key(self, key: str) -> None:
        """Press a key."""
        self.tab.keyboard.press(key)


def answered(desk: WebDesk) -> dict[str, tuple[str | None, str]]:
    """What was sent for which task, and in whose name."""
    return {
        logged.decision.task_id: (logged.decision.decided_by, logged.decision.action.value)
        for logged in desk.console.ledger.iter_decisions()
        if logged.decision.decided_by is not None
    }


def test_questions_are_answered_by_keyboard_alone(browser: Any, tmp_path: Path) -> None:
    """From the queue to the task, two keys each; each answer is on the task that was on the screen."""
    count = 1000 if FULL else 4
    with web_desk(tmp_path, settings=AT_ONCE, tasks=count) as desk:
        visit = Visit(browser, desk)
        asked = {question.sighting.task_id for question in desk.questions()}
        before = len(desk.effects())  # of the most urgent the deadline has decided some
        visit.go("/queue")
        visit.key("j")
        visit.key("Enter")
        wanted: dict[str, str] = {}
        for number in range(len(asked)):
            visit.tab.wait_for_selector(".answers")
            task = visit.tab.get_attribute(".head", "data-task-id")
            pays = number % 2 == 0
            wanted[task] = "approve" if pays else "dispute"
            if pays:
                with visit.tab.expect_navigation():
                    visit.key("a")
            else:
                visit.key("d")
                visit.tab.keyboard.type("I looked, it is not there. a u n j")
                visit.key("Tab")
                visit.key("Tab")
                with visit.tab.expect_navigation():
                    visit.key("Enter")
            desk.send_due()
            with visit.tab.expect_navigation():
                visit.key("n")
        assert {task: action for task, (_, action) in answered(desk).items()} == wanted
        assert {who for who, _ in answered(desk).values()} == {"ana"}
        assert len(desk.effects()) - before == len(asked)
        assert visit.said == []


def test_a_key_that_leads_on_is_not_lost_while_the_page_looks_for_news(
    browser: Any, tmp_path: Path
) -> None:
    """The answer was sent, and the queue is slow in coming: the page is not loaded anew under the person."""

    def slowly(route: Any) -> None:
        Event().wait(2.5)
        route.continue_()

    with web_desk(tmp_path, settings=AT_ONCE, tasks=3) as desk:
        visit, here = Visit(browser, desk), desk.questions()[0].sighting.task_id
        visit.go(f"/task/{here}")
        with visit.tab.expect_navigation():
            visit.key("a")
        desk.send_due()
        visit.tab.route("**/queue", slowly)
        visit.key("n")
        visit.tab.wait_for_url(lambda url: "/task/" in url and here not in url, timeout=30_000)
        assert visit.said == []


def test_two_browsers_answer_each_question_once(browser: Any, tmp_path: Path) -> None:
    """Both press on the same tasks; nothing is doubled, nothing is lost."""
    count = 200 if FULL else 2
    with web_desk(tmp_path, settings=AT_ONCE, tasks=count) as desk:
        visits = [Visit(browser, desk, name, "reviewer") for name in ("ana", "ben")]
        tasks = [question.sighting.task_id for question in desk.questions()]
        before = len(desk.effects())  # of the most urgent the deadline has decided some
        for task in tasks:
            for visit in visits:
                visit.go(f"/task/{task}")
            for visit in visits:
                if visit.tab.query_selector("[data-key=a]"):
                    with visit.tab.expect_navigation():
                        visit.key("a")
            desk.send_due()
        assert sorted(answered(desk)) == sorted(tasks)
        assert desk.effects()[before:] == ["approve"] * len(tasks)
        assert all(visit.said == [] for visit in visits)


def everyday(desk: WebDesk) -> None:
    """A queue, as it comes."""


def paused(desk: WebDesk) -> None:
    """Everything is paused."""
    now = desk.house.clock.now()
    pauses.pause(desk.console.ledger, "all", reason="a look", who="lead", until=None, now=now)


def on_its_way(desk: WebDesk) -> None:
    """An answer that can still be undone, and a claim."""
    questions = desk.questions()
    ben = desk.person("ben", "reviewer")
    ben.answer(questions[0].sighting.task_id, "approve")
    ben.post(f"/task/{questions[1].sighting.task_id}/claim")


STATES: tuple[tuple[Callable[[WebDesk], None], str], ...] = (
    (on_its_way, "dark"),
    *(
        ((on_its_way, "light"), (everyday, "light"), (everyday, "dark"), (paused, "light"))
        if FULL
        else ()
    ),
)


@pytest.mark.parametrize(("state", "scheme"), STATES)
def test_no_page_breaks_its_policy_or_shuts_anybody_out(
    browser: Any, tmp_path: Path, state: Callable[[WebDesk], None], scheme: str
) -> None:
    """0 violations of the content policy, 0 serious findings of axe, in every state and both schemes."""
    with web_desk(tmp_path, tasks=3) as desk:
        state(desk)
        visit = Visit(browser, desk)
        visit.tab.emulate_media(color_scheme=scheme)
        task = desk.questions()[0]
        pages = (
            *ALL_PAGES,
            *(f"/task/{question.sighting.task_id}" for question in desk.questions()[:2]),
            f"/decision/{task.decision.id}",
            "/login",
            "/policies/none",
            "/task/none",
        )
        assert_open_to_everybody(visit, pages)


def assert_open_to_everybody(visit: Visit, pages: Iterable[str]) -> None:
    """No serious finding of axe, and nothing that the page's own policy forbids."""
    axe = resources.files("axe_core_python").joinpath("axe.min.js").read_text()
    for path in pages:
        visit.go(path)
        visit.tab.evaluate(axe)
        found = visit.tab.evaluate("axe.run().then(r => [r.passes.length, r.violations])")
        assert found[0] > 5
        serious = [
            (path, problem["id"], [node["html"][:120] for node in problem["nodes"]])
            for problem in found[1]
            if problem["impact"] in ("serious", "critical")
        ]
        assert serious == []
    assert visit.said == []


EVERYTHING = """policy: all
language: 1
lists: {watched: [ada, {id: bob, note: a look, until: 2026-01-31}]}
rules:
  - name: watched
    when: {task.saved_account_id: in list watched}
    then: escalate
  - name: pay a while later
    when: {task.cm_payout_amount: at most 9 USD}
    then: approve
    hold: 20m
    stage: {now: live, promote after: 7d}
    limit: at most 2 per day
  - name: the rest
    always: yes
    then: escalate
deadline: {decide by: 1h before deadline, if undecided: escalate, because: People decide.}
"""


def test_what_a_policy_may_hold_shuts_nobody_out(browser: Any, tmp_path: Path) -> None:
    """Sealed decisions, a ladder with its forms, limits as bars, tables of lists, sliders, a page to sign."""
    with web_desk(tmp_path, tasks=2, policy=EVERYTHING) as desk:
        visit = Visit(browser, desk)
        (task, *_) = (round_.decision.task_id for round_ in sealed_rounds(desk.console.ledger))
        own = ("", "/print", "/lists", "/edit")
        pages = ("/", "/status", f"/task/{task}", *(f"/policies/all{path}" for path in own))
        assert_open_to_everybody(visit, pages)


def test_hostile_texts_run_nothing_and_move_nothing(browser: Any, tmp_path: Path) -> None:
    """In a comment, a question, a person's own words, a filter and a name."""
    with web_desk(tmp_path, tasks=len(HOSTILE)) as desk:
        for task, text in zip(desk.house.world.tasks.values(), HOSTILE, strict=False):
            task.text, task.wire = text, None
            task.updated_at += 1
        desk.house.clock.sleep(3600)
        desk.house.poll()
        visit = Visit(browser, desk, 'ana"><img src=x onerror=window.ran=1>')
        for question in desk.questions():
            visit.go(f"/task/{question.sighting.task_id}")
            assert visit.tab.evaluate("window.ran") is None
        for text in HOSTILE:
            for path in ("/queue", "/log"):
                visit.tab.goto(f"{desk.url}{path}?text=" + text.replace("#", "%23"))
                assert visit.tab.evaluate("window.ran") is None
                assert visit.tab.is_visible("h1")
        assert visit.said == []


def test_the_focus_stays_in_its_row_through_updates_and_claims(
    browser: Any, tmp_path: Path
) -> None:
    """Also when rows above it go away."""
    with web_desk(tmp_path, tasks=6) as desk:
        visit = Visit(browser, desk)
        visit.go("/queue")
        for _ in range(4):
            visit.key("j")
        here = "document.activeElement.closest('tr')?.dataset.taskId"
        task = visit.tab.evaluate(here)
        visit.key("c")
        visit.tab.wait_for_selector(f"tr[data-task-id='{task}'] td:last-child:has-text('ana')")
        assert visit.tab.evaluate(here) == task
        assert desk.questions()[3].sighting.task_id == task

        first = desk.questions()[0].sighting.task_id
        desk.person("ben", "reviewer").answer(first, "approve")
        desk.house.clock.sleep(11)
        desk.send_due()
        desk.house.poll()
        visit.key("c")
        visit.tab.wait_for_selector(f"tr[data-task-id='{first}']", state="detached")
        assert visit.tab.evaluate(here) == task


def test_keys_are_dead_while_somebody_types(browser: Any, tmp_path: Path) -> None:
    """Own words hold any letter, and none of them pays."""
    with web_desk(tmp_path, tasks=1) as desk:
        visit = Visit(browser, desk)
        (question,) = desk.questions()
        mark = seen_mark(desk.console.ledger, question)
        visit.go(f"/task/{question.sighting.task_id}")
        visit.key("d")
        visit.tab.keyboard.type("a c n u j k g q ? /")
        assert visit.tab.input_value("textarea[name=reason]") == "a c n u j k g q ? /"
        assert visit.tab.url.endswith(question.sighting.task_id)
        assert visit.tab.evaluate("document.querySelector('dialog').open") is False
        assert seen_mark(desk.console.ledger, desk.questions()[0]) == mark
        assert answered(desk) == {}
        assert Action.APPROVE.value not in desk.effects()


def test_a_press_is_visible_soon_and_its_undo_too(browser: Any, tmp_path: Path) -> None:
    """The page after it has the countdown; one key takes it back."""
    with web_desk(tmp_path, tasks=1) as desk:
        visit = Visit(browser, desk)
        visit.go(f"/task/{desk.questions()[0].sighting.task_id}")
        with visit.tab.expect_navigation():
            visit.key("a")
        assert visit.tab.is_visible(".pendingbox")
        with visit.tab.expect_navigation():
            visit.key("u")
        assert visit.tab.is_visible(".answers")
        desk.house.clock.sleep(60)
        desk.send_due()
        assert desk.effects() == []


def test_the_editor_completes_marks_and_hovers_under_the_page_s_own_policy(
    browser: Any, tmp_path: Path
) -> None:
    """In its shadow root, without one violation; what is typed is what the form sends."""
    with web_desk(tmp_path, tasks=2) as desk:
        visit = Visit(browser, desk, "aline", "author")
        visit.go("/policies/asks/edit")
        visit.tab.wait_for_selector(".editorhost .cm-content")
        assert visit.tab.is_hidden("textarea[data-editor]")
        visit.tab.click(".editorhost .cm-line:has-text('always: yes')")
        visit.key("End")
        visit.key("Enter")
        visit.tab.keyboard.type("no")
        visit.key("Control+Space")
        visit.tab.wait_for_selector(".editorhost .cm-tooltip-autocomplete")
        visit.key("Escape")
        visit.tab.keyboard.type("tte: approve")
        visit.tab.wait_for_selector(".editorhost .cm-lintRange-error")
        visit.tab.wait_for_selector("[data-findings] li.error")
        assert "notte: approve" in visit.tab.input_value("textarea[data-editor]")
        visit.tab.hover(".editorhost .cm-line span:has-text('decide by') >> nth=0")
        visit.tab.wait_for_selector(".editorhost .hovered")
        assert visit.said == []


SUMS = """policy: sums
language: 1
rules:
  - name: a small sum
    when: {task.cm_payout_amount: at most 0.30 USD}
    then: approve
    act during: never
  - name: the rest
    always: yes
    then: escalate
hours: {never: {open: sun 03:00-03:05}}
deadline: {decide by: 1h before deadline, if undecided: escalate, because: People decide.}
"""


@pytest.mark.slow
def test_a_slider_moves_its_number_and_redraws_what_that_would_have_moved(
    browser: Any, tmp_path: Path
) -> None:
    """By keyboard, in the text of the editor and of the form, with nothing to press for the figures."""
    with web_desk(tmp_path, tasks=3, policy=SUMS) as desk:
        visit = Visit(browser, desk)
        visit.go("/policies/sums/edit")
        visit.tab.wait_for_selector("[data-numbers] input[type=range]")
        assert "a small sum: task.cm_payout_amount at most 0.30 USD" in visit.tab.inner_text(
            "[data-numbers]"
        )
        visit.tab.focus("[data-numbers] input")
        for _ in range(25):
            visit.key("ArrowLeft")
        visit.tab.wait_for_selector("[data-what-if] .moved")
        assert "at most 0.05 USD" in visit.tab.input_value("textarea[data-editor]")
        assert "at most 0.05 USD" in visit.tab.inner_text(".editorhost .cm-content")
        assert "3 approve → escalate" in visit.tab.inner_text("[data-what-if]")
        assert visit.tab.evaluate("document.activeElement.type") == "range"
        assert visit.said == []
