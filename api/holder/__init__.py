"""The holder's pages: my certificates, copies, shares."""

from api.holder.router import Desk, router

__all__ = ["Desk", "router"]
