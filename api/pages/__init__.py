"""Pages for people: home, verdicts, how we decide, what the site knows. Plain HTML that works without a script."""

from api.pages.router import problem_page, router

__all__ = ["problem_page", "router"]
