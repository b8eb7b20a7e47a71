"""The guard of a page: requests of the page itself, from this machine, and none through others.

A page of another site can make a browser send requests here. Such requests name that site in
`Origin` or `Sec-Fetch-Site`; and where its own name has been made to lead to this machine (DNS
rebinding), they carry that name in `Host`.
"""

import hmac
import ipaddress
import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
PAGES = ("/", "/lesson")
TOKEN = "token"
ALWAYS = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Guard:
    """Refuses requests that this server's page would not send: the studio's, or a diagnosis'.

    Args:
        app: Answers the rest.
        names: By which this machine may be called; any address in numbers, if it has a token.
        token: What must be shown once, in the page's address, and then as a cookie; None: nothing.
    """

    def __init__(self, app: ASGIApp, names: frozenset[str] = LOOPBACK, token: str | None = None):
        self.app, self.names, self.token = app, names, token
        # Cookies are of a machine, not of a port: others that are served there have their own.
        self.cookie = f"dreamrl-{secrets.token_hex(8)}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError(f"pages here are served by HTTP alone, not {scope['type']}")

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in ALWAYS.items():
                    headers[name] = value
            await send(message)

        answer = self._refusal(scope)
        await (self.app if answer is None else answer)(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("pages here are only looked at", 405)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_here(hosts[0]):
            return PlainTextResponse("this is no name of this machine's", 421)
        origins = headers.getlist("origin")
        if any(origin != f"{scope['scheme']}://{hosts[0]}" for origin in origins):
            return PlainTextResponse("another site's page may not ask this", 403)
        # A link to a page, which is the same for all, may be anywhere; its data are the page's.
        if scope["path"] not in PAGES and headers.get("sec-fetch-site", "none") not in (
            "none",
            "same-origin",
        ):
            return PlainTextResponse("another site's page may not ask this", 403)
        return self._without_token(scope, headers)

    def _is_here(self, host: str) -> bool:
        name = _name(host)
        if name in self.names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        # No name server can make numbers lead elsewhere; a guard with a token may have many.
        return self.token is not None

    def _without_token(self, scope: Scope, headers: Headers) -> Response | None:
        if self.token is None or self._is_token(_cookie(headers.get("cookie", ""), self.cookie)):
            return None
        [token] = parse_qs(scope["query_string"].decode("latin-1")).get(TOKEN, [""])[:1]
        if scope["path"] not in PAGES or not self._is_token(token):
            return PlainTextResponse("open the address with the token that was printed", 401)
        answer = RedirectResponse(scope["path"], 303)
        answer.set_cookie(self.cookie, token, httponly=True, samesite="strict")
        return answer

    def _is_token(self, token: str) -> bool:
        assert self.token is not None
        return hmac.compare_digest(token.encode(), self.token.encode())


def _name(host: str) -> str:
    """Return a host without its port, in small letters; an address of IPv6 without brackets."""
    name, colon, port = host.lower().rpartition(":")
    if colon and not host.endswith("]"):
        if not port.isascii() or not port.isdigit():
            return ""
    else:
        name = host.lower()
    return name[1:-1] if name.startswith("[") and name.endswith("]") else name


def _cookie(header: str, name: str) -> str:
    try:
        cookies = SimpleCookie(header)
    except CookieError:
        return ""
    return cookies[name].value if name in cookies else ""
