"""What can be changed while a call runs: attributes of a session that are properties of one of its halves."""

from __future__ import annotations

from typing import Any, Generic, Protocol, Self, TypeVar, overload

Given = TypeVar("Given", contravariant=True)
Value = TypeVar("Value", covariant=True)


class Changing(Protocol):
    """An object with settings, which is told when one has been changed."""

    def _changed(self, name: str, value: Any) -> None: ...


class Setting(Generic[Given, Value]):
    """An attribute that reads and sets a property of one half of its owner, and tells the owner of each change.

    Parameters
    ----------
    half : str
        Name of the attribute that holds the half.
    stage : property
        Property of the half's class; its docstring is the setting's too.
    """

    def __init__(self, half: str, stage: Any) -> None:
        self._half = half
        self._stage = stage
        self.__doc__ = stage.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, owner: None, kind: type) -> Self: ...

    @overload
    def __get__(self, owner: Changing, kind: type) -> Value: ...

    def __get__(self, owner: Changing | None, kind: type) -> Any:
        return self if owner is None else self._stage.__get__(getattr(owner, self._half))

    def __set__(self, owner: Changing, value: Given) -> None:
        half = getattr(owner, self._half)
        self._stage.__set__(half, value)
        owner._changed(self._name, self._stage.__get__(half))
