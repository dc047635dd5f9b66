"""The HTTP session to a server: key, certificates, proxy, time-outs."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from polyglot_harness.errors import ConfigError, MissingDependency
from polyglot_harness.lm.openai_payload import Endpoint

if TYPE_CHECKING:
    import aiohttp

_CONNECT_SECONDS = 30.0
_HERE = ("localhost", "127.0.0.1", "::1")


def require_aiohttp() -> None:
    """Raise MissingDependency if aiohttp is not installed."""
    try:
        import aiohttp  # noqa: F401
    except ImportError as error:
        raise MissingDependency("aiohttp", "api") from error


def api_key(variable: str, endpoint: Endpoint) -> str:
    """Return the API key from the environment, its only source; "" where none is needed.

    Raises:
        ConfigError: If api.openai.com is to be asked without one, or no header could carry it.
    """
    key = os.environ.get(variable, "").strip()
    if endpoint.is_openai and not key:
        raise ConfigError(
            f"{endpoint.shown} needs an API key: set the environment variable {variable}"
        )
    if not (key.isascii() and key.isprintable()):
        raise ConfigError(f"{variable}: holds characters that no API key has")
    return key


def make_session(
    endpoint: Endpoint, key_env: str, *, timeout: float, ca_bundle: str, verify: bool
) -> aiohttp.ClientSession:
    """Open a session; must be called inside the event loop.

    Args:
        endpoint: Where all its requests will go.
        key_env: Environment variable of the API key.
        timeout: Seconds for one request.
        ca_bundle: File of certificates to trust; "" for the system's.
        verify: Whether certificates are checked.

    Raises:
        ConfigError: If the file of certificates cannot be used.
    """
    import aiohttp

    context = _ssl(ca_bundle, verify)
    return aiohttp.ClientSession(
        headers={
            "Content-Type": "application/json",
            "User-Agent": "polyglot-harness",
            **_authorization(key_env, endpoint),
        },
        connector=aiohttp.TCPConnector(limit=0, ssl=context),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=min(_CONNECT_SECONDS, timeout)),
        proxy=proxy_of(endpoint.url),
    )


def _authorization(variable: str, endpoint: Endpoint) -> dict[str, str]:
    key = api_key(variable, endpoint)
    return {"Authorization": f"Bearer {key}"} if key else {}


def _ssl(ca_bundle: str, verify: bool) -> ssl.SSLContext | bool:
    """Return what aiohttp takes: a context, False for no check, True for the system's."""
    if not verify or not ca_bundle:
        return verify
    try:
        return ssl.create_default_context(cafile=ca_bundle)
    except OSError as error:
        raise ConfigError(f"ca_bundle={ca_bundle}: {error.strerror or error}") from None


def proxy_of(url: str) -> str | None:
    """Return the proxy of the environment; the machine itself is never reached through one."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in _HERE or proxy_bypass(host):
        return None
    return getproxies().get(parts.scheme)
