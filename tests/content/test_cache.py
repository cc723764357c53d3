from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from app.content.cache import TemplateCache, digest
from app.content.email import compile_email


def test_a_template_is_compiled_once_and_the_oldest_goes() -> None:
    built: list[str] = []

    def build(source: str) -> str:
        built.append(source)
        return source.upper()

    kept = TemplateCache(build, size=2)
    assert [kept.get(source) for source in ("a", "b", "a", "c", "a", "b")] == ["A", "B", "A", "C", "A", "B"]
    assert built == ["a", "b", "c", "b"]
    assert len(kept) == 2


def test_threads_may_share_a_cache() -> None:
    kept = TemplateCache(compile_email, size=8)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: kept.get(f"<mjml>{n % 4}</mjml>"), range(200)))
    assert len(kept) == 4
    assert len({id(one) for one in found}) <= 32


def test_a_digest_tells_texts_apart_however_they_are_cut() -> None:
    assert digest("ab", "c") != digest("a", "bc") != digest("abc")
