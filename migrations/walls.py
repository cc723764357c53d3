"""Row-level security: the second wall between tenants. Every migration that adds a table calls `build`."""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

APP = "regulars_app"
CLERK = "regulars_clerk"

CLERKS_RIGHTS = {
    "shop": "SELECT, INSERT",
    "delivery": "SELECT, INSERT",
    "message": "SELECT, UPDATE (state, reason, lease_token, lease_until, due_at, updated_at)",
    "enrolment": "SELECT",
    "import": "SELECT",
    "reconciliation": "SELECT",
    "breaker": "SELECT, INSERT, UPDATE",
    "alembic_version": "SELECT",
    "privacy_request": "SELECT (shop_id, id, kind, done_at)",
    "processor_erasure": "SELECT (shop_id, id, request_id, due_at, done_at)",
    "retention": "SELECT",
    "hook_delivery": "SELECT (shop_id, id, state, due_at, lease_until)",
    # Erasure empties what is personal in the evidence of consent; a trigger lets nothing else through.
    "consent_entry": "SELECT (shop_id, customer_id, evidence), UPDATE (evidence)",
    "consent_write": "SELECT (shop_id, id, due_at, done_at)",
    "opt_in": "SELECT (shop_id, id, due_at, asked_at, done_at)",
    "people_file": "SELECT (shop_id, id, state, due_at)",
    "message_count_change": "SELECT (shop_id)",
    "message_count_zone": "SELECT",
    "report_stale": "SELECT (shop_id)",
    "brake": "SELECT (shop_id, due_at)",
    "sending_domain": "SELECT (shop_id, domain, state, due_at)",
    "messaging_service": "SELECT",
    "hosted_service": "SELECT (shop_id, id, service, number, number_sid, due_at)",
}
APPEND_ONLY = {"audit_entry": "", "consent_entry": "UPDATE (customer_id)", "consent_wording": ""}
"""Tables whose rows stay as they were written -> what the app may still change. Words on consent follow their person
into the one they were merged into, and a trigger sees to it that they go nowhere else."""


def create_roles() -> None:
    """The two roles transactions work as. Roles belong to the server, so another database may have made them."""
    for role in (APP, CLERK):
        op.execute(
            f"""
            DO $$ BEGIN
              -- Asked first: without CREATEROLE even the attempt is refused, and the host may have made the roles for us.
              IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
                CREATE ROLE {role} NOLOGIN NOBYPASSRLS;
              END IF;
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
            END $$
            """
        )
        op.execute(
            f"""
            DO $$ BEGIN
              IF NOT pg_has_role(current_user, '{role}', 'SET') THEN
                EXECUTE format('GRANT {role} TO %I', current_user);
              END IF;
            EXCEPTION WHEN unique_violation OR SQLSTATE 'XX000' THEN NULL; -- granted at this moment by a neighbour
            END $$
            """
        )
        op.execute(f"GRANT USAGE ON SCHEMA public TO {role}")


def build() -> None:
    """Give every table of a shop its wall, and both roles their rights. Harmless to repeat."""
    op.execute(
        f"""
        DO $$ DECLARE t text; BEGIN
          FOR t IN
            SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
              AND (c.relname = 'shop' OR EXISTS (
                SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'shop_id' AND NOT a.attisdropped))
          LOOP
            EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
            EXECUTE format(
              'CREATE POLICY tenant ON %I TO {APP} USING (%I = NULLIF(current_setting(''app.shop_id'', true), '''')::bigint)',
              t, CASE t WHEN 'shop' THEN 'id' ELSE 'shop_id' END);
            EXECUTE format('CREATE POLICY clerk ON %I TO {CLERK} USING (true)', t);
          END LOOP;
        END $$
        """
    )
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {APP}")
    op.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {APP}")
    op.execute(f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {APP}")
    there = set(op.get_bind().scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")))
    for table in sorted(there & set(APPEND_ONLY)):
        op.execute(f'REVOKE UPDATE, DELETE ON "{table}" FROM {APP}')
        if left := APPEND_ONLY[table]:
            op.execute(f'GRANT {left} ON "{table}" TO {APP}')
    for table, rights in CLERKS_RIGHTS.items():
        if table in there:
            op.execute(f'GRANT {rights} ON "{table}" TO {CLERK}')
