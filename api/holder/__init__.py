"""The holder's pages: my certificates, copies, shares."""

from api.holder.desk import Desk
from api.holder.router import router

__all__ = ["Desk", "router"]
