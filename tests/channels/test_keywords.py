"""What shoppers write back."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, strategies as st

from app.channels.sms.keywords import LONGEST, classify

STOP = """STOP|stop|Stop.|STOP!!!|  stop \t|Stopp|stoppp|S T O P|st0p|STOPALL|stop all|UNSUBSCRIBE|unsubscribe me|CANCEL
END|QUIT|REVOKE|OPTOUT|opt out|opt-out|Opt me out|STOP please|please stop texting me|Stop sending me these
pls STOP with the texts|please remove me|Remove my number from your list|take me off this list|delete my number
no more texts|No more messages please|don't text me|Don\u2019t contact me again|do not message me|dont text this number
I don't want these messages|i do not want to receive any more texts|leave me alone|Wrong number|cancel please|end it
please cancel|I quit|Arr\u00eat|ARRET|\u200bSTOP\u200b|\uff33\uff34\uff2f\uff30|"STOP"|stop\U0001f621|unsub
cancel my subscription|Don't send me anything|never text me again
Can you stop texting me?""".replace("\n", "|").split("|")

NOTHING = """|hello|Thanks!|When does it ship?|Love the stopper for my bottle|nonstop flights|unstoppable
cancel my order|can I cancel?|when does the sale end?|The package is at the end of the road|yes please|start it
help me with sizes|info on the blue one|I need help|weekend|friendly|quite nice|\U0001f44d|12345|no|ok|...
I want to send a gift""".replace("\n", "|").split("|")


@pytest.mark.parametrize("text", STOP)
def test_a_wish_to_stop_is_heard_however_it_is_put(text: str) -> None:
    assert classify(text) == "stop"


@pytest.mark.parametrize("text", NOTHING)
def test_other_texts_are_just_texts(text: str) -> None:
    assert classify(text) is None


@pytest.mark.parametrize("text", ["START", "start", " Start! ", "YES", "yes.", "UNSTOP"])
def test_start_words_count_alone(text: str) -> None:
    assert classify(text) == "start"


@pytest.mark.parametrize("text", ["HELP", "help?", "Info", "INFO."])
def test_help_words_count_alone(text: str) -> None:
    assert classify(text) == "help"


@pytest.mark.parametrize(
    ("text", "verdict", "wish"),
    [("START", "STOP", "stop"), ("stop", "START", "start"), ("x", "help", "help"), ("stop", "", "stop")],
)
def test_the_providers_verdict_comes_first(text: str, verdict: str, wish: str) -> None:
    assert classify(text, verdict) == wish


@pytest.mark.parametrize("verdict", ["?", "DROP", None])
def test_an_unknown_verdict_is_no_verdict(verdict: str | None) -> None:
    assert classify("stop", verdict) == "stop"
    assert classify("hello", verdict) is None


@given(st.text(), st.none() | st.text())
def test_any_text_gets_an_answer(text: str, verdict: str | None) -> None:
    assert classify(text, verdict) in {"stop", "start", "help", None}


@given(st.text(max_size=40), st.text(max_size=40))
def test_stop_between_any_two_texts_is_heard(before: str, after: str) -> None:
    assert classify(f"{before} stop {after}") == "stop"


def test_a_flood_is_answered_at_once() -> None:
    began = time.thread_time()
    for text in ("do not want " * 10_000, "don't " * 20_000, "s" * 100_000, "no more of these " * 9_000):
        classify(text)
    assert time.thread_time() - began < 1
    assert classify("x" * LONGEST + " stop") is None
