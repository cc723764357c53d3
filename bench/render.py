"""How fast is a message? Our cached template against compiling each time, and against cached Jinja2, in one run.

    python -m bench.render [seconds per contender]

Every contender makes the same four texts (subject, preheader, HTML, plain text) of the same starter email for the same
people. The Jinja2 templates are written from our own compiled ones, so their static text and their values are equal,
and their messages are compared before anything is timed.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from app.content.email import CompiledEmail, RenderedEmail, compile_email
from app.content.samples import Sample, samples
from bench.naive_render import Jinja, PythonLiquid
from bench.table import Row, Target, interleaved

TEMPLATE = Path(__file__).resolve().parent.parent / "app/journeys/library/abandoned_checkout/first_email.mjml"
ROUNDS = 5
EACH_TIME, JINJA, OURS = "mrml + python-liquid each time", "cached Jinja2", "cached, ours"
Contender = Callable[[Sample], object]


def main() -> None:
    """Time every contender in turns, and print medians and ratios."""
    medians = measure(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
    for name, median in medians.items():
        print(f"{name:32s} {median:10,.0f} messages/s")
    for row in rows(medians):
        print(f"{row.reference:40s} {row.ratio:8.2f}   ({row.target})")


def rows(medians: Mapping[str, float]) -> list[Row]:
    """Lines for the table."""
    return [
        Row(
            "render one email (first of abandoned checkout)",
            f"{medians[OURS]:,.0f}/s",
            f"{name}: {medians[name]:,.0f}/s",
            medians[OURS] / medians[name],
            Target(limit, "x"),
        )
        for name, limit in ((EACH_TIME, 9), (JINJA, 0.25))
    ]


def measure(seconds: float) -> dict[str, float]:
    """Messages a second of every contender, medians over interleaved rounds that take so long together."""
    source = TEMPLATE.read_text("utf-8")
    compiled = _compiled(source)
    people = [_person(n) for n in range(200)]
    jinja, liquid = Jinja(source), PythonLiquid(source)
    _compare(compiled, jinja, people[0])

    def ours(sample: Sample) -> object:
        return compiled.render(sample.context, sample.locale, sample.currency, sample.zone)

    def each_time(sample: Sample) -> object:
        return _compiled(source).render(sample.context, sample.locale, sample.currency, sample.zone)

    contenders: Mapping[str, Contender] = {
        "ours, compiled each time": each_time,
        EACH_TIME: liquid.each_time,
        "cached python-liquid": liquid.cached,
        JINJA: jinja.render,
        OURS: ours,
    }
    return interleaved(
        ROUNDS, {name: partial(_rate, one, people, seconds / ROUNDS) for name, one in contenders.items()}
    )


def _rate(contender: Contender, people: Sequence[Sample], seconds: float) -> float:
    done, start = 0, time.perf_counter()
    while True:
        for person in people[done % len(people) :][:10]:
            contender(person)
            done += 1
        spent = time.perf_counter() - start
        if spent >= seconds:
            return done / spent


def _person(number: int) -> Sample:
    base = samples()["four items"]
    context = {
        **base.context,
        "customer": {"first_name": f"Person {'abcdefghij'[number % 10]}", "last_name": "O'Neil & Söhne"},
        "unsubscribe_url": f"https://mail.fernandoak.example/u/{number}",
    }
    return Sample(context, base.locale, base.currency, base.zone)


def _compiled(source: str) -> CompiledEmail:
    compiled = compile_email(source)
    if not isinstance(compiled, CompiledEmail):
        sys.exit(f"the template is broken: {compiled}")
    return compiled


def _compare(compiled: CompiledEmail, jinja: Jinja, person: Sample) -> None:
    mine = compiled.render(person.context, person.locale, person.currency, person.zone)
    theirs = jinja.render(person)
    if not isinstance(mine, RenderedEmail):
        sys.exit(f"the template is broken: {mine}")
    squeezed = [re.sub(r"\s+", "", text) for text in (mine.html, theirs.html)]
    if squeezed[0] != squeezed[1] or mine.subject != theirs.subject or mine.text != theirs.text:
        sys.exit("the two templates are not equal")


if __name__ == "__main__":
    main()
