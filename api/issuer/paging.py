"""Long lists page by page: where a page begins and ends, and which one was asked for."""

from dataclasses import dataclass

from fastapi import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Paged:
    """One page of a list."""

    number: int
    """From 1; as it was asked for."""
    total: int
    """Items of the whole list."""
    size: int
    """Items of a page."""

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // self.size))

    @property
    def here(self) -> int:
        """The page that is shown: the last one where a later one was asked for."""
        return min(self.number, self.pages)

    @property
    def first(self) -> int:
        """Place of the page's first item, from 0."""
        return (self.here - 1) * self.size

    @property
    def last(self) -> int:
        """Place behind the page's last item."""
        return min(self.first + self.size, self.total)


def page_number(request: Request) -> int:
    """Read which page is asked for; 1 for anything that is no number."""
    asked = request.query_params.get("page", "1")
    return max(1, int(asked)) if asked.isascii() and asked.isdigit() and len(asked) < 9 else 1
