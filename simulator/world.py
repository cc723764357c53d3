"""Everything put together: one shop, its platform, its providers and its shoppers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

from simulator import snapshot
from simulator.agenda import Agenda
from simulator.merchant import Merchant
from simulator.providers.faults import Faults
from simulator.providers.service import BODY_LIMIT, Providers, build_providers
from simulator.settings import DEFAULT_SCOPES
from simulator.shopify.bulk import BulkOperations
from simulator.shopify.connections import Asked, Connections, type_of
from simulator.shopify.counter import Counter
from simulator.shopify.executor import Executor, Resolver
from simulator.shopify.graphql import GraphQL
from simulator.shopify.mutations import Mutations
from simulator.shopify.oauth import OAuth, Tokens
from simulator.shopify.payloads import Stationery
from simulator.shopify.resolvers import build_leaf_resolvers
from simulator.shopify.scopes import declared_scopes
from simulator.shopify.storefront import Storefront
from simulator.shopify.storefront_api import StorefrontApi
from simulator.shopify.webhooks import Webhooks
from simulator.shoppers.readers import Readers
from simulator.shoppers.scenarios import Scenarios
from simulator.shoppers.sessions import Shoppers
from simulator.store.history import World, build_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from simulator.settings import Settings


@dataclass(slots=True)
class Simulation:
    """All parts, for those who look at or steer the whole."""

    settings: Settings
    world: World
    agenda: Agenda
    faults: Faults
    counter: Counter
    webhooks: Webhooks
    tokens: Tokens
    providers: Providers
    shoppers: Shoppers
    readers: Readers
    scenarios: Scenarios
    merchant: Merchant
    bulk: BulkOperations
    graphql: GraphQL

    def application(self) -> web.Application:
        """The platform and the providers over HTTP."""
        app = web.Application(client_max_size=BODY_LIMIT)
        self.providers.add_routes(app)
        oauth, prefix = OAuth(self.tokens), f"/shopify/{self.settings.identity.domain}"
        storefront = StorefrontApi(self.settings.identity, self.settings.shop_url, self.faults)
        app.add_routes(
            [
                web.post(f"{prefix}/admin/oauth/access_token", oauth.access_token),
                web.get(f"{prefix}/admin/oauth/authorize", oauth.authorize),
                web.post(f"{prefix}/admin/api/{{version}}/graphql.json", self.graphql.handle),
                web.post(f"{prefix}/api/{{version}}/graphql.json", storefront.handle),
                web.get(f"{prefix}/bulk/{{id:\\d+}}.jsonl", self.bulk.download),
                *Storefront(self.counter).routes(),
                web.post("/scenario", self.scenarios.handle),
            ]
        )
        app.cleanup_ctx.append(self._lifetime)
        return app

    async def _lifetime(self, _: web.Application) -> AsyncIterator[None]:
        await self.webhooks.start()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as session:
            self.merchant.session = self.readers.session = session
            tasks = [asyncio.create_task(self.agenda.run()), asyncio.create_task(self.merchant.open_app())]
            if self.settings.shoppers:
                snapshot.plan_parcels(self)
                tasks.append(asyncio.create_task(self.shoppers.live()))
            if self.settings.resume:
                tasks.append(asyncio.create_task(self._keep()))
            yield
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self.webhooks.stop()
        snapshot.save(self)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(snapshot.SAVE_EVERY_SECONDS)
            snapshot.save(self)


def build_simulation(settings: Settings) -> Simulation:
    """A shop with its past, ready to be served."""
    clock = settings.clock
    saved = snapshot.load(settings)
    world = saved.world if saved else build_world(settings.identity, settings.seed, clock.now(), settings.customers)
    agenda = Agenda(clock)
    faults = Faults(settings.seed, duplicates=settings.duplicate_share, reordered=settings.reorder_share)
    webhooks = Webhooks(settings, agenda, faults)
    paper = Stationery(settings.identity, settings.shop_url)
    counter = Counter(world.store, clock, paper, webhooks, agenda)
    tokens = Tokens(settings, ",".join(declared_scopes(settings.app_toml) or DEFAULT_SCOPES.split(",")))
    bulk = BulkOperations(counter, lambda: Asked(tokens.scopes.split(","), bulk=True))
    merchant = Merchant(settings, tokens, counter)
    tokens.on_install = merchant.installed
    executor = _executor(world, paper, counter, bulk, merchant)
    providers = build_providers(settings.keys, clock, settings.app_url, settings.data, settings.ledger, faults)
    providers.port = settings.port
    shoppers = Shoppers(settings, world, counter, agenda)
    readers = Readers(settings, providers, shoppers, agenda)
    simulation = Simulation(
        settings=settings,
        world=world,
        agenda=agenda,
        faults=faults,
        counter=counter,
        webhooks=webhooks,
        tokens=tokens,
        providers=providers,
        shoppers=shoppers,
        readers=readers,
        merchant=merchant,
        bulk=bulk,
        scenarios=Scenarios(shoppers, providers, readers, merchant),
        graphql=GraphQL(executor, tokens, faults),
    )
    if saved:
        snapshot.restore(simulation, saved)
    return simulation


def _executor(
    world: World,
    paper: Stationery,
    counter: Counter,
    bulk: BulkOperations,
    merchant: Merchant,
) -> Executor:
    connections = Connections(world.store, paper, bulk, counter.clock.now)
    mutations = Mutations(counter, connections, bulk, merchant.uninstall)
    merged: dict[str, dict[str, Resolver]] = {}
    for part in (build_leaf_resolvers(world.store, paper), connections.resolvers(), mutations.resolvers()):
        for name, fields in part.items():
            merged.setdefault(name, {}).update(fields)
    bulk.executor = Executor(merged, type_of)
    return bulk.executor
