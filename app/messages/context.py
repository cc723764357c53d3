"""What templates are given: the shop, the person, and what the message is about, as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app import clock
from app.messages.engagement import TRAP
from app.security import tokens
from app.security.keyring import keyring

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.customers.queries import Profile
    from app.orders.subjects import Ref, Subject
    from app.shops.models import Shop
    from app.shops.settings import ShopSettings

RECOMMENDED = 3
POPULAR_DAYS = 90


class Contexts:
    """Builds contexts for the messages of one shop; reads products and recommendations once a batch."""

    def __init__(self, session: Session, shop: Shop, settings: ShopSettings, public_url: str) -> None:
        self._session, self._shop, self._public_url = session, shop, public_url
        self._settings = settings
        self._products: dict[str, Any] = {}
        self._popular: list[Any] | None = None
        self._of_shop = {
            "shop": {
                "name": shop.name or shop.domain,
                "url": self._shop.home,
                "email": shop.email or "",
                "address": settings.postal_address or shop.address,
                "logo_url": settings.brand.logo_url,
            },
            "brand": settings.brand.model_dump(exclude={"logo_url"}, exclude_defaults=True),
        }

    def prepare(self, subjects: Collection[Subject]) -> None:
        """Read the products that these subjects name."""
        ids = {str(line["product_id"]) for s in subjects for line in s.items if line["product_id"]}
        rows = self._session.execute(
            text(
                "SELECT external_id, title, handle, image_url FROM product "
                "WHERE shop_id = :shop AND external_id = ANY(:ids)"
            ),
            {"shop": self._shop.id, "ids": sorted(ids)},
        )
        self._products |= {row.external_id: row for row in rows}

    def build(
        self, message_id: int, ref: Ref, subject: Subject, person: Profile, wants: Collection[str]
    ) -> dict[str, Any]:
        """The context of one message. `wants` are the names its template reads: the costly ones are made on demand."""
        token = tokens.make("unsubscribe", self._shop.id, person.id, message_id)
        context: dict[str, Any] = {
            **self._of_shop,
            "customer": {
                "first_name": person.first_name,
                "last_name": person.last_name,
                "language": person.locale or self._shop.locale,
            },
            "unsubscribe_url": f"{self._public_url}/u/{token}",
            "preferences_url": f"{self._public_url}/p/{token}",
            "trap_url": f"{self._public_url}/c/{tokens.make('click', self._shop.id, message_id, TRAP)}",
            "open_pixel_url": f"{self._public_url}/o/{tokens.make('open', self._shop.id, message_id)}.gif",
        }
        if "confirm_url" in wants:
            confirm = tokens.make("confirm", self._shop.id, person.id, message_id)
            context["confirm_url"] = f"{self._public_url}/confirm/{confirm}"
        context |= self._about(message_id, ref, subject, wants)
        if any(name.startswith("products") for name in wants):
            bought = {str(line["product_id"]) for line in subject.items}
            context["products"] = self._recommended(bought)
        return context

    def _about(self, message_id: int, ref: Ref, subject: Subject, wants: Collection[str]) -> dict[str, Any]:
        row = subject.row
        if ref.kind in ("checkout", "cart"):
            url = f"{self._public_url}/r/{tokens.make('restore', self._shop.id, message_id)}"
            items = [self._item(line) for line in subject.items]
            return {ref.kind: {"url": url, "items": items, "total": row.total, "subtotal": _sum(items)}}
        if ref.kind == "order":
            items = [self._item(line) for line in subject.items]
            about = {
                "order": {
                    "name": row.name,
                    "items": items,
                    "total": row.total,
                    "status_url": _opened(row.status_url),
                    "placed_at": row.placed_at.isoformat() if row.placed_at else None,
                },
            }
            if any(name.startswith("review") for name in wants):
                about["review"] = self._review(message_id, subject.to_review)
            return about
        return {"product": self._to_reorder(message_id, row)} if ref.kind == "variant" else {}

    def _item(self, line: Mapping[str, Any]) -> dict[str, Any]:
        product = self._products.get(str(line["product_id"]))
        return {
            "title": line["title"],
            "variant_title": line["variant_title"],
            "quantity": line["quantity"],
            "price": line["price"],
            "line_price": line["price"] * line["quantity"],
            "image_url": line["image_url"] or (product.image_url if product else None) or "",
            "url": self._product_url(product.handle if product else ""),
            "product_id": line["product_id"],
        }

    def _review(self, message_id: int, lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        items = []
        for number, line in enumerate(lines):
            urls = [
                f"{self._public_url}/review/{tokens.make('review', self._shop.id, message_id, number, stars)}"
                for stars in range(1, 6)
            ]
            items.append({**self._item(line), "rate_urls": urls})
        # No stars: the form opens with none chosen. A text has no stars to tap, and a rating must be the buyer's own.
        neutral = tokens.make("review", self._shop.id, message_id, 0, 0)
        return {"items": items, "url": f"{self._public_url}/review/{neutral}" if items else ""}

    def _to_reorder(self, message_id: int, row: Any) -> dict[str, Any]:
        url = self._product_url(row.handle)
        return {
            "title": row.product_title,
            "variant_title": "" if row.title == "Default Title" else row.title,
            "price": row.price,
            "image_url": row.image_url or "",
            "url": url,
            # One click puts it into the cart on any device; the platform's cart link needs the variant's id.
            "reorder_url": f"{self._public_url}/r/{tokens.make('restore', self._shop.id, message_id)}",
            "variant_id": row.external_id,
        }

    def _product_url(self, handle: str) -> str:
        return f"{self._shop.home}/products/{handle}" if handle else self._shop.home

    def _recommended(self, bought: Collection[str]) -> list[dict[str, Any]]:
        """What most people bought of late, without what this order held. BEHAVIOUR "Recommendations"."""
        if self._popular is None:
            self._popular = list(
                self._session.execute(
                    text("""
                        SELECT d.external_id, d.title, d.handle, d.image_url, min(v.price) AS price,
                            count(DISTINCT p.customer_id) AS buyers
                        FROM product d
                        JOIN variant v ON v.shop_id = d.shop_id AND v.product_external_id = d.external_id
                            AND v.available AND v.removed_at IS NULL
                        LEFT JOIN purchase p ON p.shop_id = d.shop_id AND p.product_external_id = d.external_id
                            AND p.bought_at > :since
                        WHERE d.shop_id = :shop AND d.active AND NOT d.is_gift_card AND d.image_url IS NOT NULL
                        GROUP BY d.external_id, d.title, d.handle, d.image_url
                        ORDER BY buyers DESC, d.external_id LIMIT 30
                    """),
                    {"shop": self._shop.id, "since": clock.now() - clock.days(POPULAR_DAYS)},
                )
            )
        return [
            {"title": p.title, "price": p.price, "image_url": p.image_url, "url": self._product_url(p.handle)}
            for p in self._popular
            if p.external_id not in bought
        ][:RECOMMENDED]


def _sum(items: Sequence[Mapping[str, Any]]) -> int:
    return sum(item["line_price"] for item in items)


def _opened(sealed: bytes | None) -> str:
    """Subjects are read as plain rows; their sealed column is opened here, where it is needed."""
    return keyring().open(sealed, "orders.status_url").decode() if sealed else ""
