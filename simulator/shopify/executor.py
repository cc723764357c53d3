"""Answers GraphQL from plain objects: the schema checks the question, resolvers answer it field by field.

A query is compiled to a plan first, so that a bulk export of a year's orders stays cheap.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    build_schema,
    get_named_type,
    get_variable_values,
    parse,
    validate,
)
from graphql.execution.values import get_argument_values, get_directive_values
from graphql.type import GraphQLIncludeDirective, GraphQLSkipDirective

Resolver = Callable[[Any, dict[str, Any], Any], Any]
"""(object, arguments, context) -> value"""
SCHEMA: GraphQLSchema = build_schema((Path(__file__).parent / "schema.graphql").read_text(encoding="utf-8"))
_UNKNOWN_FIELD = re.compile(r"Cannot query field '(\w+)' on type '(\w+)'")
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """One field to answer."""

    key: str
    name: str
    type_name: str
    arguments: dict[str, Any]
    plan: Plan | None
    """What to select of the answer; None for leaves."""


@dataclass(slots=True)
class Plan:
    """Fields to answer, by the type they are asked of (more than one for interfaces)."""

    fields: dict[str, list[FieldPlan]]
    abstract: bool = False

    def of(self, type_name: str) -> list[FieldPlan]:
        """The fields for an object of this type."""
        return self.fields.get(type_name, [])


@dataclass(frozen=True, slots=True)
class Question:
    """A checked operation."""

    kind: str
    plan: Plan


class Refused(Exception):  # noqa: N818 - it is an answer, not a breakdown
    """The question itself is wrong; carries errors as the platform words them."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(errors[0]["message"] if errors else "refused")
        self.errors = errors


def prepare(text: str, variables: dict[str, Any] | None = None, operation_name: str | None = None) -> Question:
    """Parse, check and compile one operation.

    Raises:
        Refused: for wrong syntax, unknown fields, missing variables.
    """
    try:
        document = parse(text)
    except GraphQLError as error:
        raise Refused([_worded(error)]) from error
    if errors := validate(SCHEMA, document):
        raise Refused([_worded(error) for error in errors])
    operation = _operation(document, operation_name)
    values = get_variable_values(SCHEMA, operation.variable_definitions or (), variables or {})
    if isinstance(values, list):
        raise Refused([_worded(error) for error in values])
    compiler = _Compiler(document, values)
    root = SCHEMA.get_root_type(operation.operation)
    if root is None:
        raise Refused([{"message": f"Schema is not configured for {operation.operation.value}s"}])
    return Question(operation.operation.value, compiler.plan([root], [operation.selection_set]))


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    chosen = [each for each in operations if name is None or (each.name and each.name.value == name)]
    if len(chosen) != 1:
        raise Refused(
            [{"message": "An operation name is required" if name is None else f'No operation named "{name}"'}]
        )
    return chosen[0]


def _worded(error: GraphQLError) -> dict[str, Any]:
    """An error as the platform words it."""
    body: dict[str, Any] = {"message": error.message}
    if error.locations:
        body["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if match := _UNKNOWN_FIELD.search(error.message):
        field, owner = match.groups()
        body["message"] = f"Field '{field}' doesn't exist on type '{owner}'"
        body["extensions"] = {"code": "undefinedField", "typeName": owner, "fieldName": field}
    return body


class _Compiler:
    def __init__(self, document: DocumentNode, values: Any) -> None:
        self._values = values
        self._fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }

    def plan(self, types: list[GraphQLObjectType], sets: list[SelectionSetNode], *, abstract: bool = False) -> Plan:
        return Plan({each.name: self._fields(each, sets) for each in types}, abstract)

    def _fields(self, owner: GraphQLObjectType, sets: list[SelectionSetNode]) -> list[FieldPlan]:
        by_key: dict[str, list[FieldNode]] = {}
        for selected in sets:
            self._collect(owner, selected, by_key)
        return [self._field(owner, key, nodes) for key, nodes in by_key.items()]

    def _collect(self, owner: GraphQLObjectType, selected: SelectionSetNode, found: dict[str, list[FieldNode]]) -> None:
        for node in selected.selections:
            if not self._wanted(node):
                continue
            if isinstance(node, FieldNode):
                found.setdefault((node.alias or node.name).value, []).append(node)
                continue
            inner = self._fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
            if isinstance(inner, InlineFragmentNode | FragmentDefinitionNode) and self._applies(owner, inner):
                self._collect(owner, inner.selection_set, found)

    def _wanted(self, node: Any) -> bool:
        skip = get_directive_values(GraphQLSkipDirective, node, self._values)
        include = get_directive_values(GraphQLIncludeDirective, node, self._values)
        return not ((skip is not None and skip["if"]) or (include is not None and not include["if"]))

    @staticmethod
    def _applies(owner: GraphQLObjectType, fragment: InlineFragmentNode | FragmentDefinitionNode) -> bool:
        if fragment.type_condition is None:
            return True
        name = fragment.type_condition.name.value
        return name == owner.name or name in {face.name for face in owner.interfaces}

    def _field(self, owner: GraphQLObjectType, key: str, nodes: list[FieldNode]) -> FieldPlan:
        name = nodes[0].name.value
        if name == "__typename":
            return FieldPlan(key, name, "String", {}, None)
        definition = owner.fields[name]
        arguments = get_argument_values(definition, nodes[0], self._values)
        named = get_named_type(definition.type)
        sets = [node.selection_set for node in nodes if node.selection_set]
        if not sets:
            return FieldPlan(key, name, named.name, arguments, None)
        concrete = [named] if isinstance(named, GraphQLObjectType) else list(SCHEMA.get_possible_types(named))
        plan = self.plan(concrete, sets, abstract=not isinstance(named, GraphQLObjectType))
        return FieldPlan(key, name, named.name, arguments, plan)


class Executor:
    """Walks plans over objects."""

    def __init__(self, resolvers: dict[str, dict[str, Resolver]], type_of: Callable[[Any], str]) -> None:
        self._resolvers = resolvers
        self._type_of = type_of

    def value(self, field: FieldPlan, owner: str, thing: Any, context: Any) -> Any:
        """What a resolver says, or the object's own attribute of that name."""
        if field.name == "__typename":
            return owner
        resolver = self._resolvers.get(owner, {}).get(field.name)
        if resolver is not None:
            return resolver(thing, field.arguments, context)
        if isinstance(thing, dict):
            return thing.get(field.name)
        return getattr(thing, _CAPITAL.sub("_", field.name).lower())

    def answer(self, plan: Plan, owner: str, thing: Any, context: Any) -> dict[str, Any]:
        """All selected fields of one object."""
        return {
            field.key: self.complete(field, self.value(field, owner, thing, context), context)
            for field in plan.of(owner)
        }

    def complete(self, field: FieldPlan, value: Any, context: Any) -> Any:
        """A resolver's value with its own fields selected."""
        if value is None:
            return None
        if field.plan is None:
            return value
        if isinstance(value, list | tuple):
            return [self.complete(field, each, context) for each in value]
        owner = self._type_of(value) if field.plan.abstract else field.type_name
        return self.answer(field.plan, owner, value, context)
