"""What SendGrid refuses, in its words: checks of a mail/send body. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson

MAX_PERSONALIZATIONS = 1000
MAX_CATEGORIES = 10
MAX_CUSTOM_ARGS_BYTES = 10_000
MAX_SUBSTITUTION_BYTES = 10_000
RESERVED_HEADERS = frozenset(
    {
        "x-sg-id",
        "x-sg-eid",
        "received",
        "dkim-signature",
        "content-type",
        "content-transfer-encoding",
        "to",
        "from",
        "subject",
        "reply-to",
        "cc",
        "bcc",
    }
)
NO_RECIPIENT = (
    "The to array is required for all personalization objects, and must have at least one email object with a valid "
    "email address."
)
NO_SUBJECT = (
    "The subject is required. You can get around this requirement if you use a template with a subject defined or if "
    "every personalization has a subject defined."
)
NO_SENDER = (
    "The from object must be provided for every email send. It is an object that requires the email parameter, but "
    'may also contain a name parameter.  e.g. {"email" : "example@example.com"}'
)
NO_CONTENT = (
    "Unless a valid template_id is provided, the content parameter is required. There must be at least one defined "
    "content block."
)
WRONG_ORDER = "If present, text/plain and text/html may only be provided once, and text/plain must come first."
SAME_ADDRESS = (
    "Each unique email address in the personalizations array should only be included once. You have included "
    "[{address}] more than once."
)
Problem = tuple[str, str]
"""A message and the field it is about."""


def problem_with(mail: Any) -> Problem | None:
    """The first reason to answer 400, or None."""
    if not isinstance(mail, dict):
        return "Bad Request", ""
    people = mail.get("personalizations")
    if not isinstance(people, list) or not people:
        return "The personalizations field is required and must have at least one personalization.", "personalizations"
    if len(people) > MAX_PERSONALIZATIONS:
        return "The personalizations field must have at most 1000 personalizations.", "personalizations"
    for index, person in enumerate(people):
        if found := _problem_with_person(person, index, mail):
            return found
    return _problem_with_addresses(people) or _problem_with_content(mail) or _problem_with_extras(mail)


def _problem_with_addresses(people: list[dict[str, Any]]) -> Problem | None:
    addresses = [someone["email"].lower() for person in people for someone in person["to"]]
    if len(addresses) > MAX_PERSONALIZATIONS:
        return "There is a limit of 1000 total recipients (to + cc + bcc) per request.", "personalizations"
    twice = next((address for address, times in Counter(addresses).items() if times > 1), None)
    return (SAME_ADDRESS.format(address=twice), "personalizations") if twice is not None else None


def _problem_with_person(person: Any, index: int, mail: dict[str, Any]) -> Problem | None:
    field = f"personalizations.{index}"
    to = person.get("to") if isinstance(person, dict) else None
    if not isinstance(to, list) or not to:
        return NO_RECIPIENT, f"{field}.to"
    for position, someone in enumerate(to):
        address = someone.get("email") if isinstance(someone, dict) else None
        if not isinstance(address, str) or not _looks_like_address(address):
            return "Does not contain a valid address.", f"{field}.to.{position}.email"
    subject = person.get("subject") or mail.get("subject")
    if not subject and not mail.get("template_id"):
        return NO_SUBJECT, "subject"
    args = person.get("custom_args")
    if args is not None and not isinstance(args, dict):
        return "The custom_args field must be an object.", f"{field}.custom_args"
    if args and len(orjson.dumps(args)) > MAX_CUSTOM_ARGS_BYTES:
        return "The custom_args must be smaller than 10000 bytes.", f"{field}.custom_args"
    return _problem_with_substitutions(person.get("substitutions"), f"{field}.substitutions") or _problem_with_headers(
        person.get("headers"), f"{field}.headers"
    )


def _problem_with_substitutions(swaps: Any, field: str) -> Problem | None:
    if swaps is None:
        return None
    if not isinstance(swaps, dict) or not all(isinstance(value, str) for value in swaps.values()):
        return "The substitutions must be an object of strings.", field
    if sum(len(tag.encode()) + len(value.encode()) for tag, value in swaps.items()) > MAX_SUBSTITUTION_BYTES:
        return "Substitutions are limited to 10000 bytes per personalization block.", field
    return None


def _problem_with_content(mail: dict[str, Any]) -> Problem | None:
    sender = mail.get("from")
    if not isinstance(sender, dict) or not _looks_like_address(str(sender.get("email", ""))):
        return NO_SENDER, "from.email"
    content = mail.get("content")
    if mail.get("template_id"):
        return None
    if not isinstance(content, list) or not content:
        return NO_CONTENT, "content"
    return _problem_with_parts(content)


def _problem_with_parts(content: list[Any]) -> Problem | None:
    for index, part in enumerate(content):
        if not isinstance(part, dict) or not part.get("type"):
            return "The content type is required.", f"content.{index}.type"
        if not isinstance(part.get("value"), str) or not part["value"]:
            return "The content value must be a string at least one character in length.", f"content.{index}.value"
    kinds = [part["type"] for part in content]
    return (WRONG_ORDER, "content") if "text/plain" in kinds and kinds[0] != "text/plain" else None


def _problem_with_extras(mail: dict[str, Any]) -> Problem | None:
    categories = mail.get("categories") or []
    if len(categories) > MAX_CATEGORIES:
        return "The categories field must have at most 10 categories.", "categories"
    return _problem_with_headers(mail.get("headers"), "headers")


def _problem_with_headers(headers: Any, field: str) -> Problem | None:
    if headers is None:
        return None
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        return "The headers must be an object of strings.", field
    reserved = next((name for name in headers if name.lower() in RESERVED_HEADERS), None)
    return (f"The {reserved} header is reserved and cannot be set.", field) if reserved else None


def _looks_like_address(text: str) -> bool:
    name, _, domain = text.rpartition("@")
    return bool(name) and "." in domain and not any(mark.isspace() for mark in text)
