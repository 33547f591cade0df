"""Reading an answer that is odd in places: what is optional and cannot be read is left out, the rest is read.

One mechanism for all models: pydantic says where it could not read, and the model says whether that place can be done
without. Optional is a field with a default, unless it is marked `ESSENTIAL`; in a list whose elements are `Each` and
spare, an element: of an answer's own list half of them at the most. An answer as it should be costs nothing of this.
"""

from __future__ import annotations

import types
import typing
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar, get_args, get_origin

from pydantic import AliasChoices, AliasPath, BaseModel, GetCoreSchemaHandler, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

Model = TypeVar("Model", bound=BaseModel)
Place = tuple[str | int, ...]
Report = Callable[[Place, Any], None]


class Essential:
    """Marks a field that has a default and is all the same not to be left out when it cannot be read."""


ESSENTIAL = Essential()


@dataclass(frozen=True)
class Each:
    """How a list's elements are read: those of which `nothing` is true are left out. `spare`: so may be any other."""

    nothing: Callable[[Any], bool]
    spare: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Left out after reading, not before, so that a place in an error is a place in the answer."""
        schema: Any = handler(source)
        nothing = self.nothing
        schema["items_schema"] = core_schema.no_info_before_validator_function(
            lambda value: None if nothing(value) else value, core_schema.nullable_schema(schema["items_schema"])
        )
        return core_schema.no_info_after_validator_function(
            lambda values: [value for value in values if value is not None], schema
        )


def read(model: type[Model], value: Any, report: Report, context: Any = None) -> Model:
    """`value` as `model`. `report(place, what stood there)` tells of each optional thing that was left out.

    Raises ValidationError when something is wrong that cannot be left out.
    """
    emptied: set[Place] = set()
    while True:
        try:
            return model.model_validate(value, context=context)
        except ValidationError as wrong:
            spare = [_spare(model, error["loc"], value) for error in wrong.errors(include_url=False)]
        places = [place for place in dict.fromkeys(spare) if place is not None]
        if None in spare or not places or _too_much(model, value, places):
            return model.model_validate(value, context=context)  # raises, naming what is left
        gone = {place for place in places if place in emptied or isinstance(place[-1], int)}
        for place in places:
            if place not in emptied:
                report(place, at(value, place))
        if not all(_reachable(value, place) for place in gone):
            return model.model_validate(value, context=context)
        value = _without(value, (), {place: place in gone for place in places})
        emptied |= {place for place in places if place not in gone}


def at(value: Any, place: Place) -> Any:
    """What stands at that place, None when nothing does."""
    for part in place:
        if isinstance(part, int):
            value = value[part] if isinstance(value, list) and part < len(value) else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value


def _too_much(model: type[BaseModel], value: Any, places: list[Place]) -> bool:
    """Whether most of a list that the answer is about cannot be read: then it is the answer that has another shape."""
    lists = Counter(place[:-1] for place in places if isinstance(place[-1], int))
    return any(
        2 * count > len(at(value, owner) or ()) and _spare(model, owner, value) is None
        for owner, count in lists.items()
    )


def _reachable(value: Any, place: Place) -> bool:
    """Whether there is something to take away: else the same error would come for ever."""
    owner = at(value, place[:-1])
    return place[-1] in owner if isinstance(owner, dict) else isinstance(owner, list)


def _without(value: Any, here: Place, places: dict[Place, bool]) -> Any:
    """A copy in which the places hold null, or (where True) are not there."""
    inside = {place[len(here)] for place in places if place[: len(here)] == here and len(place) > len(here)}
    if not inside:
        return value
    if isinstance(value, dict):
        copy = dict(value)
        for part in inside:
            below = (*here, part)
            if below not in places:
                copy[str(part)] = _without(copy.get(str(part)), below, places)
            elif places[below]:
                copy.pop(str(part), None)
            else:
                copy[str(part)] = None
        return copy
    if isinstance(value, list):
        return [
            _without(element, (*here, number), places)
            for number, element in enumerate(value)
            if (*here, number) not in places
        ]
    return value


def _spare(model: type[BaseModel], loc: Place, value: Any) -> Place | None:
    """The smallest part of the answer that holds the error at `loc` and can be done without."""
    spare: Place | None = None
    shape: Any = model
    elements_spare = False
    index = 0
    while index < len(loc):
        if isinstance(shape, type) and issubclass(shape, BaseModel):
            match = next((m for m in _paths(shape) if loc[index : index + len(m[0])] == m[0]), None)
            if match is None:
                break
            path, field = match
            index += len(path)
            empty = at(value, loc[:index]) in ({}, [])
            if not field.is_required() and (empty or not any(isinstance(m, Essential) for m in field.metadata)):
                spare = loc[:index]
            shape = _bare(field.annotation)
            elements_spare = any(isinstance(m, Each) and m.spare for m in _marks(field))
        elif get_origin(shape) is list:
            index += 1
            if elements_spare:
                spare = loc[:index]
            shape = _bare(get_args(shape)[0])
            elements_spare = False
        else:
            break
    return spare


@cache
def _paths(model: type[BaseModel]) -> tuple[tuple[Place, FieldInfo], ...]:
    """Where each field stands in an answer, the longest places first."""
    places = [(path, field) for name, field in model.model_fields.items() for path in _aliases(name, field)]
    return tuple(sorted(places, key=lambda one: -len(one[0])))


def _aliases(name: str, field: FieldInfo) -> Iterator[Place]:
    alias = field.validation_alias
    for choice in alias.choices if isinstance(alias, AliasChoices) else [alias]:
        if isinstance(choice, AliasPath):
            yield tuple(choice.path)
        elif choice:
            yield (choice,)
    yield (name,)


def _marks(field: FieldInfo) -> Iterator[Any]:
    """What the field's type is annotated with, also inside of `... | None`."""
    yield from field.metadata
    for part in get_args(field.annotation) if get_origin(field.annotation) in (typing.Union, types.UnionType) else ():
        yield from getattr(part, "__metadata__", ())


def _bare(annotation: Any) -> Any:
    """The type without what it is annotated with, and without None."""
    while True:
        origin = get_origin(annotation)
        if origin is typing.Annotated:
            annotation = get_args(annotation)[0]
        elif origin in (typing.Union, types.UnionType):
            [annotation, *_] = [part for part in get_args(annotation) if part is not type(None)]
        else:
            return annotation
