"""Taking the members of a JSON object one by one, so that none is missing and none is left over."""

from collections.abc import KeysView

from registry.credential.errors import MemberMissing, MemberRefused, MemberUnknown
from registry.credential.v1.model import Bilingual, Coded
from registry.kernel.encoding import JsonObject, JsonValue


class MemberReader:
    """One JSON object on its way into values. Optional members are absent, never null.

    Each method raises MemberMissing or MemberRefused, `close` MemberUnknown.
    """

    __slots__ = ("_members", "_path", "_taken")

    def __init__(self, path: str, value: JsonValue) -> None:
        if not isinstance(value, dict):
            raise MemberRefused(path or "payload", "expected an object")
        self._path, self._members = path, value
        self._taken: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._members

    @property
    def whole(self) -> JsonObject:
        """The object itself."""
        return self._members

    @property
    def names(self) -> KeysView[str]:
        """Names of all members."""
        return self._members.keys()

    def path(self, name: str) -> str:
        """Return the dotted path of a member, as errors name it."""
        return f"{self._path}.{name}" if self._path else name

    def take(self, name: str) -> JsonValue:
        """Take a member of any type."""
        if name not in self._members:
            raise MemberMissing(self.path(name))
        self._taken.add(name)
        return self._members[name]

    def text(self, name: str) -> str:
        """Take a string."""
        value = self.take(name)
        if not isinstance(value, str):
            raise MemberRefused(self.path(name), "expected a string")
        return value

    def optional_text(self, name: str) -> str | None:
        """Take a string that may be absent."""
        return self.text(name) if name in self._members else None

    def integer(self, name: str) -> int:
        """Take an integer."""
        value = self.take(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise MemberRefused(self.path(name), "expected an integer")
        return value

    def array(self, name: str) -> list[JsonValue]:
        """Take an array."""
        value = self.take(name)
        if not isinstance(value, list):
            raise MemberRefused(self.path(name), "expected an array")
        return value

    def nested(self, name: str) -> "MemberReader":
        """Take an object, to be read member by member."""
        return MemberReader(self.path(name), self.take(name))

    def bilingual(self, name: str) -> Bilingual:
        """Take `{"zh": …, "en"?: …}`."""
        members = self.nested(name)
        value = Bilingual(zh=members.text("zh"), en=members.optional_text("en"))
        members.close()
        return value

    def coded(self, name: str) -> Coded:
        """Take `{"targetFramework"?: …, "targetCode": …, "targetName": …}`."""
        members = self.nested(name)
        value = Coded(
            code=members.text("targetCode"),
            name=members.bilingual("targetName"),
            framework=members.optional_text("targetFramework"),
        )
        members.close()
        return value

    def optional_coded(self, name: str) -> Coded | None:
        """Take a coded name that may be absent."""
        return self.coded(name) if name in self._members else None

    def close(self) -> None:
        """Check that every member has been taken."""
        for name in self._members:
            if name not in self._taken:
                raise MemberUnknown(self.path(name))
