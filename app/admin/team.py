"""Settings, Team: who has opened the app, and what each may do."""

from __future__ import annotations

from flask import Response, g, request

from app.admin import record
from app.admin.guard import bp
from app.admin.record import Action
from app.admin.settings import store
from app.admin.showing import missing, page
from app.admin.words import _
from app.shops import settings as shop_settings
from app.team import service as team
from app.team.rules import Role
from app.transaction import transaction

REFUSALS = {
    "account_owner": _("Whoever owns the store stays an owner here."),
    "last_owner": _("This is the only owner. Make somebody else an owner first."),
}


@bp.get("/admin/settings/team", endpoint="team")
def show() -> Response:
    """The page."""
    return _show()


@bp.post("/admin/settings/team/<int:member_id>", endpoint="team_role")
def give_role(member_id: int) -> Response:
    """Give somebody another role; it counts from their next click."""
    wanted = request.form.get("role", "")
    with transaction(g.shop_id) as session:
        if not team.is_there(session, g.shop_id, member_id):
            return missing(_("There is no such person in your team"))
        if wanted not in list(Role):
            return _show(status=422, errors={member_id: _("Choose one of the roles.")})
        done = team.give_role(session, member_id, Role(wanted))
        if not isinstance(done, team.Refused):
            member, before = done
            record.note(
                session, Action.ROLE_CHANGED, member=member.user_id, before={"role": before}, after={"role": wanted}
            )
            if member.user_id == g.user_id:
                g.member = member
    if isinstance(done, team.Refused):
        return _show(status=422, errors={member_id: REFUSALS[done.code]})
    return _show(toast=_("Saved"))


@bp.post("/admin/settings/team/newcomers", endpoint="team_newcomers")
def newcomers() -> Response:
    """What people get who come for the first time."""
    wanted = request.form.get("role")
    store("team", {"newcomers": "editor" if wanted == "editor" else "viewer"})
    return _show(toast=_("Saved"))


def _show(*, status: int = 200, toast: str | None = None, errors: dict[int, str] | None = None) -> Response:
    with transaction(g.shop_id) as session:
        members = team.everybody(session, g.shop_id)
    return page(
        "team.html",
        title=_("Team"),
        status=status,
        toast=toast,
        members=members,
        me=g.user_id,
        errors=errors or {},
        newcomers=shop_settings.of(g.shop).team.newcomers,
        address="/admin/settings/team",
    )
