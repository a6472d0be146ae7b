"""Who is calling, and what the server says of itself."""

from __future__ import annotations

from cleanup.sandbox.calls.generic import Body, Handler
from cleanup.sandbox.store import Store

USER_NAME = "sandbox"
COMPANY_NAME = "sandbox"
SERVER_VERSION = "2.0.0"


def current_user(store: Store, _body: Body) -> Body:
    company = {"id": store.company, "name": COMPANY_NAME}
    return {"user": {"id": store.user, "name": USER_NAME, "role": "admin", "company": company}}


def server_info(_store: Store, _body: Body) -> Body:
    return {"version": SERVER_VERSION, "build": "sandbox", "commit": "", "api_version": ""}


def ping(_store: Store, _body: Body) -> Body:
    return {"msg": "Hello World"}


HANDLERS: dict[str, Handler] = {
    "users.get_current_user": current_user,
    "server.info": server_info,
    "debug.ping": ping,
}
