"""How fast is a message? Our cached template against compiling each time, and against cached Jinja2, in one run.

    python -m bench.render [seconds per contender]

Every contender makes the same four texts (subject, preheader, HTML, plain text) of the same starter email for the same
people. The Jinja2 templates are written from our own compiled ones, so their static text and their values are equal,
and their messages are compared before anything is timed.
"""

from __future__ import annotations

import re
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import jinja2
import liquid
import mrml
from markupsafe import Markup

from app.content import email as content_email
from app.content.body import html_tokens, set_text, text_tokens
from app.content.email import CompiledEmail, RenderedEmail, compile_email
from app.content.filters import FILTERS, Words
from app.content.runtime import one_line
from app.content.samples import Sample, samples
from app.content.scan import Kind, Piece

TEMPLATE = Path(__file__).resolve().parent.parent / "app/journeys/library/abandoned_checkout/first_email.mjml"
ROUNDS = 5
Contender = Callable[[Sample], object]


def main() -> None:
    """Time every contender in turns, and print medians and ratios."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    source = TEMPLATE.read_text("utf-8")
    compiled = _compiled(source)
    people = [_person(n) for n in range(200)]
    jinja = _Jinja(source)
    _compare(compiled, jinja, people[0])

    def ours(sample: Sample) -> object:
        return compiled.render(sample.context, sample.locale, sample.currency, sample.zone)

    def each_time(sample: Sample) -> object:
        return _compiled(source).render(sample.context, sample.locale, sample.currency, sample.zone)

    liquid = _PythonLiquid(source)
    contenders: Mapping[str, Contender] = {
        "ours, compiled each time": each_time,
        "mrml + python-liquid each time": liquid.each_time,
        "cached python-liquid": liquid.cached,
        "cached Jinja2": jinja.render,
        "cached, ours": ours,
    }
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, contender in contenders.items():
            rates[name].append(_rate(contender, people, seconds / ROUNDS))
    medians = {name: statistics.median(found) for name, found in rates.items()}
    for name, median in medians.items():
        print(f"{name:32s} {median:10,.0f} messages/s  (from {min(rates[name]):,.0f} to {max(rates[name]):,.0f})")
    mine = medians["cached, ours"]
    for other, goal in (("mrml + python-liquid each time", "at least 9"), ("cached Jinja2", "at least 0.25")):
        print(f"ours / {other:30s} {mine / medians[other]:8.2f}   (goal: {goal})")


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


class _Jinja:
    """The same message in Jinja2 with autoescape, made from our tokens."""

    def __init__(self, source: str) -> None:
        environment = jinja2.Environment(autoescape=True, undefined=jinja2.ChainableUndefined)
        plain = jinja2.Environment(autoescape=False, undefined=jinja2.ChainableUndefined)  # noqa: S701  plain text
        words = Words("en-US", "USD", "America/New_York")
        for each in (environment, plain):
            each.filters |= {
                name: rule.call for name, rule in FILTERS.items() if name not in ("default", "first", "last")
            }
            each.filters["newline_to_br"] = lambda value: Markup(FILTERS["newline_to_br"].call(value))  # noqa: S704  it escapes
            each.filters |= {"money": words.money, "default": lambda value, other="": value or other}
        plain.filters["newline_to_br"] = str
        origin = content_email._with_partials(source)  # noqa: SLF001  the benchmark takes our compiler apart
        marked = content_email._marked(origin)  # noqa: SLF001
        html = content_email._compile_mjml(marked)  # noqa: SLF001
        self.body = environment.from_string(_as_jinja(html_tokens(html, marked)))
        self.text = plain.from_string(_as_jinja(text_tokens(html, marked)))
        found = (re.findall(rf"<{name}>(.*?)</{name}>", source, re.DOTALL) for name in ("mj-title", "mj-preview"))
        title, preview = (texts[0] for texts in found)
        self.subject = plain.from_string(_expression(title))
        self.preheader = plain.from_string(_expression(preview))

    def render(self, sample: Sample) -> RenderedEmail:
        """Render the four texts."""
        context = content_email._readable(sample.context)  # noqa: SLF001
        return RenderedEmail(
            one_line(self.subject.render(context), 200),
            one_line(self.preheader.render(context), 255),
            self.body.render(context),
            set_text(self.text.render(context)),
        )


class _PythonLiquid:
    """The obvious way: mrml, then python-liquid with autoescape. HTML only, so it does less than the others."""

    def __init__(self, source: str) -> None:
        self.marked = content_email._marked(content_email._with_partials(source))  # noqa: SLF001
        self.environment = liquid.Environment(autoescape=True)
        words = Words("en-US", "USD", "America/New_York")
        self.environment.add_filter("money", words.money)
        self.environment.add_filter("img_width", FILTERS["img_width"].call)
        self.template = self.compile()

    def compile(self) -> liquid.BoundTemplate:
        """MJML to HTML, and Liquid parsed."""
        html = mrml.to_html(self.marked.text).content
        pieces = (piece if isinstance(piece, str) else _as_liquid(piece) for piece in self.marked.split(html))
        return self.environment.from_string("".join(pieces))

    def each_time(self, sample: Sample) -> str:
        """Compile and render."""
        return self.compile().render(**content_email._readable(sample.context))  # noqa: SLF001

    def cached(self, sample: Sample) -> str:
        """Only render."""
        return self.template.render(**content_email._readable(sample.context))  # noqa: SLF001


def _as_liquid(piece: Piece) -> str:
    return f"{{{{ {piece.value} }}}}" if piece.kind is Kind.OUTPUT else f"{{% {piece.name} {piece.value} %}}"


def _as_jinja(tokens: Sequence[object]) -> str:
    """Write our Liquid tokens as a Jinja2 template; URL blocks are transparent."""
    built: list[str] = []
    pending = ""
    for token in tokens:
        kind, value = token.kind, token.value  # type: ignore[attr-defined]
        if kind == "content":
            built.append(value)
        elif kind == "output":
            pending = "{{ VALUE }}"
        elif kind == "tag":
            pending = "" if "url" in value or "link" in value else f"{{% {value} VALUE %}}"
            if value.startswith(("end", "else")) and pending:
                built.append(pending.replace("VALUE", ""))
                pending = ""
        elif kind == "expression" and pending:
            built.append(_expression(pending.replace("VALUE", value)))
            pending = ""
    return "".join(built)


def _expression(text: str) -> str:
    """Write Liquid's few words as Jinja2's."""
    text = re.sub(r"\{%\s*assign ", "{% set ", text).replace("{% elsif", "{% elif")
    text = re.sub(r" ([^ ]+) != blank", r" \1", text)
    text = re.sub(r"\.items\b", "['items']", text)
    text = re.sub(r"\.size\b", "|length", re.sub(r"\.first\b", "[0]", text))
    text = re.sub(r"for (\w+) in (\w+) limit: (\d+)", r"for \1 in \2[:\3]", text)
    return re.sub(r"\| *(\w+): ([^|}]*?) (?=\||\}\})", r"| \1(\2) ", text)


def _compare(compiled: CompiledEmail, jinja: _Jinja, person: Sample) -> None:
    mine = compiled.render(person.context, person.locale, person.currency, person.zone)
    theirs = jinja.render(person)
    if not isinstance(mine, RenderedEmail):
        sys.exit(f"the template is broken: {mine}")
    squeezed = [re.sub(r"\s+", "", text) for text in (mine.html, theirs.html)]
    if squeezed[0] != squeezed[1] or mine.subject != theirs.subject or mine.text != theirs.text:
        sys.exit("the two templates are not equal")
    print(f"equal messages, {len(mine.html):,} characters of HTML, {len(mine.text):,} of text")


if __name__ == "__main__":
    main()
