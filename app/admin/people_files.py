"""Bringing people in by file: upload, say what the columns mean, watch, and see what was refused and why."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from flask import Response, g, request
from pydantic import ValidationError
from sqlalchemy import select
from werkzeug.exceptions import RequestEntityTooLarge

from app import clock
from app.admin import record, spreadsheets, words
from app.admin.guard import bp
from app.admin.record import Action
from app.admin.showing import missing, page, part
from app.admin.words import _
from app.customers import files, lines
from app.customers.models import PeopleFile
from app.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy.orm import Session

    from app.customers.lines import Line

PATH = "/admin/people-files"
LISTED = 20
SHOWN_REFUSALS = 50
AT_ONCE = 1_000


@bp.get(PATH, endpoint="people_files")
def listed() -> Response:
    """What was brought in so far, and the way to bring in more."""
    return _listed()


def _listed(status: int = 200, error: str | None = None) -> Response:
    with transaction(g.shop_id) as session:
        found = session.scalars(
            select(PeopleFile).where(PeopleFile.shop_id == g.shop_id).order_by(PeopleFile.id.desc()).limit(LISTED)
        ).all()
    return page(
        "people_files.html",
        title=_("Import people"),
        status=status,
        files=found,
        error=error,
        most=files.MOST_LINES,
        address=PATH,
    )


@bp.post(PATH, endpoint="people_file_upload")
def upload() -> Response:
    """Keep a file, and ask what its columns mean."""
    request.max_content_length = files.LARGEST_BYTES
    try:
        given = request.files.get("file")
    except RequestEntityTooLarge:
        return _listed(422, _("This file is larger than {n} MB.", n=files.LARGEST_BYTES // 2**20))
    if given is None or not given.filename:
        return _listed(422, _("Choose a file first."))
    taken = files.take(g.shop_id, given.filename, given.stream, f"user:{g.user_id}")  # type: ignore[arg-type]
    if isinstance(taken, files.Refused):
        return _listed(422, words.reason(taken.reason))
    with transaction(g.shop_id) as session:
        record.note(session, Action.PEOPLE_FILE, file=taken, after={"step": "uploaded"})
    return _one(taken)


@bp.get(PATH + "/<int:file_id>", endpoint="people_file")
def one(file_id: int) -> Response:
    """One file: its columns, its progress, or what came of it."""
    return _one(file_id)


@bp.get(PATH + "/<int:file_id>/progress", endpoint="people_file_progress")
def progress(file_id: int) -> Response:
    """The part that refreshes itself."""
    with transaction(g.shop_id) as session:
        file = session.get(PeopleFile, (g.shop_id, file_id))
        if file is None:
            return missing(_("There is no such file"))
        if file.state == "running":
            return part("people_file_progress.html", file=file)
    return Response(headers={"HX-Refresh": "true"})


@bp.post(PATH + "/<int:file_id>", endpoint="people_file_go")
def go(file_id: int) -> Response:
    """Take it in as mapped; what is missing in the mapping is said beside it."""
    with transaction(g.shop_id) as session:
        file = session.get(PeopleFile, (g.shop_id, file_id), with_for_update=True)
        if file is None:
            return missing(_("There is no such file"))
        if file.state != "uploaded":
            return _shown(session, file)
        mapping, errors = _mapping(request.form, len(file.header))
        if errors or mapping is None:
            return _shown(session, file, status=422, typed=mapping, errors=errors)
        if "look" in request.form:
            return _shown(session, file, typed=mapping)
        files.begin(session, file, mapping)
        record.note(session, Action.PEOPLE_FILE, file=file_id, after={"step": "begun", "lines": file.lines})
        return _shown(session, file, toast=_("Reading the file"))


@bp.post(PATH + "/<int:file_id>/drop", endpoint="people_file_drop")
def drop(file_id: int) -> Response:
    """Throw the file away; what is in already stays in."""
    with transaction(g.shop_id) as session:
        file = session.get(PeopleFile, (g.shop_id, file_id), with_for_update=True)
        if file is None:
            return missing(_("There is no such file"))
        if file.state in ("uploaded", "running"):
            files.drop(session, file)
            record.note(session, Action.PEOPLE_FILE, file=file_id, after={"step": "dropped"})
    return _listed()


@bp.get(PATH + "/<int:file_id>/refused.csv", endpoint="people_file_refused")
def refused(file_id: int) -> Response:
    """Every refused line with its reason, for a spreadsheet: by number, so that it holds nobody's data."""
    with transaction(g.shop_id) as session:
        if session.get(PeopleFile, (g.shop_id, file_id)) is None:
            return missing(_("There is no such file"))
    return spreadsheets.download("refused-lines", ("line", "part", "reason"), _refusals(g.shop_id, file_id))


def _refusals(shop_id: int, file_id: int) -> Iterator[tuple[object, ...]]:
    after = 0
    while True:
        with transaction(shop_id) as session:
            rows = files.refusals(session, file_id, after, AT_ONCE)
        yield from ((r.line, words.PARTS_OF_LINES.get(r.field, r.field), words.reason(r.reason)) for r in rows)
        if len(rows) < AT_ONCE:
            return
        after = rows[-1].line


def _one(file_id: int) -> Response:
    with transaction(g.shop_id) as session:
        file = session.get(PeopleFile, (g.shop_id, file_id))
        return missing(_("There is no such file")) if file is None else _shown(session, file)


def _shown(
    session: Session,
    file: PeopleFile,
    *,
    status: int = 200,
    typed: lines.Mapping | None = None,
    errors: Mapping[str, str] | None = None,
    toast: str | None = None,
) -> Response:
    mapping = typed or lines.Mapping.model_validate(file.mapping)
    sample = files.sample(session, file.id) if file.state == "uploaded" else []
    return page(
        "people_file.html",
        title=file.name,
        status=status,
        toast=toast,
        file=file,
        mapping=mapping,
        meaning={number: field for field, number in mapping.columns.items()},
        sample=sample,
        read=[_read(cells, place, mapping) for place, cells in enumerate(sample) if cells],
        errors=errors or {},
        refusals=files.refusals(session, file.id, 0, SHOWN_REFUSALS),
        more=file.refused > SHOWN_REFUSALS,
        address=f"{PATH}/{file.id}",
    )


def _read(cells: list[str], place: int, mapping: lines.Mapping) -> Line:

    number = files.FIRST + place
    return lines.read(cells, number, mapping, zone=g.shop.timezone, country=g.shop.country, now=clock.now())


def _mapping(form: Mapping[str, str], columns: int) -> tuple[lines.Mapping | None, dict[str, str]]:
    """The mapping as it was chosen, and what is wrong with it, by field."""
    chosen: dict[str, int] = {}
    errors: dict[str, str] = {}
    for number in range(columns):
        meaning = form.get(f"column_{number}", "")
        if meaning in chosen:
            errors["columns"] = _("Two columns can't both be “{name}”.", name=words.FILE_FIELDS[meaning])
        elif meaning in lines.FIELDS:
            chosen[meaning] = number
    if "email" not in chosen and "phone" not in chosen:
        errors["columns"] = _("Say which column holds the email address or the phone number.")
    typed: dict[str, Any] = {
        "columns": chosen,
        "everyone": [c for c in ("email", "sms") if f"everyone_{c}" in form],
        "agreed_on": _date(form.get("agreed_on", ""), errors),
        "day_first": "day_first" in form,
        "wording": " ".join(form.get("wording", "").split()),
    }
    try:
        mapping = lines.Mapping.model_validate(typed)
    except ValidationError:
        errors["wording"] = _("Use at most {n} characters.", n=lines.LONGEST_WORDING)
        return lines.Mapping.model_validate({**typed, "wording": ""}), errors
    if not mapping.tells_consent:
        errors["everyone"] = _("Nothing in this file says who agreed. Choose a column that does, or tick a channel.")
    elif "agreed_at" not in chosen and mapping.agreed_on is None and "agreed_on" not in errors:
        errors["agreed_on"] = _("Say when they agreed: a yes without a date proves nothing.")
    return mapping, errors


def _date(typed: str, errors: dict[str, str]) -> date | None:

    if not typed.strip():
        return None
    try:
        found = date.fromisoformat(typed.strip())
    except ValueError:
        errors["agreed_on"] = _("Use a date such as 2025-03-04.")
        return None
    if found > clock.now().date():
        errors["agreed_on"] = _("This day is still to come.")
        return None
    return found
