"""One HTTP call to a store over kept-alive connections: an answer, or the reason why there is none."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    import requests

USER_AGENT = "Regulars/0.1"
CONNECT_SECONDS = 3.0
READ_SECONDS = 20.0
LARGEST_ANSWER = 32 * 1024 * 1024
TIMED_OUT, UNREACHABLE, TOO_LARGE = "timed_out", "unreachable", "answer_too_large"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes = field(repr=False)
    retry_after: float | None = None

    @property
    def data(self) -> dict[str, Any]:
        """The JSON object in the body; {} when it is none (a proxy's error page, an empty 403)."""
        try:
            found = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The call was made, or tried, and nothing is known of its effect."""

    reason: str


class Transport:
    """Posts JSON. Safe for threads: a `requests` session isn't, so each thread has one of its own.

    Redirects aren't followed, since they would carry secrets to another host, and nothing is read from the
    environment (proxies, .netrc).
    """

    def __init__(self) -> None:
        self._local = threading.local()

    def post(
        self,
        url: str,
        payload: dict[str, Any],
        headers: dict[str, str] | None = None,
        read_seconds: float = READ_SECONDS,
    ) -> Answer | NoAnswer:
        """Post a JSON object and read the whole answer, of 32 MB at most."""
        import requests  # 4 MB with all that it brings, and most processes speak to no store

        try:
            with self._session().post(
                url,
                data=orjson.dumps(payload),
                headers=headers,
                timeout=(CONNECT_SECONDS, read_seconds),
                allow_redirects=False,
                stream=True,
            ) as response:
                body = bytearray()
                for chunk in response.iter_content(65_536):
                    body += chunk
                    if len(body) > LARGEST_ANSWER:
                        return NoAnswer(TOO_LARGE)
                return Answer(response.status_code, bytes(body), seconds(response.headers.get("Retry-After")))
        except requests.Timeout:
            return NoAnswer(TIMED_OUT)
        except requests.RequestException:
            return NoAnswer(UNREACHABLE)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            import requests
            from requests.adapters import HTTPAdapter

            session = requests.Session()
            session.trust_env = False
            session.headers.update(
                {"User-Agent": USER_AGENT, "Content-Type": "application/json", "Accept": "application/json"}
            )
            session.mount("https://", HTTPAdapter(pool_maxsize=4))
            session.mount("http://", HTTPAdapter(pool_maxsize=4))
            self._local.session = session
        return session


def seconds(value: str | None) -> float | None:
    """A Retry-After header in seconds, at most an hour; None when it is missing or a date."""
    try:
        return min(max(float(value), 0.0), 3600.0) if value else None
    except ValueError:
        return None
