"""Create HTTP clients, and check the environment variables that configure them."""

import importlib.util
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from titletui.errors import TitletuiError

if TYPE_CHECKING:
    import httpx

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
_SCHEMES = ("http", "https", "socks5", "socks5h")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")


def create_client(**options: Any) -> "httpx.Client":
    """Return `httpx.Client(**options)`.

    Raises:
        TitletuiError: a proxy or certificate variable is invalid; the message names it.
    """
    import httpx

    try:
        return httpx.Client(**options)
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
        problem = next(network_problems(), f"The network settings are invalid ({error}).")
        raise TitletuiError(problem) from error


def network_problems(environment: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Yield what is wrong with the proxies, certificates and hub settings, a sentence each."""
    for name in _PROXIES:
        value = environment.get(name, "")
        scheme, separator, _ = value.partition("://")
        if value and separator and scheme.lower() not in _SCHEMES:
            known = ", ".join(_SCHEMES)
            yield f"{name}={value} has an unknown scheme; use one of {known}."
        elif scheme.lower().startswith("socks") and importlib.util.find_spec("socksio") is None:
            yield f"{name}={value} is a SOCKS proxy; run: pip install 'httpx[socks]'."
    for name in ("NO_PROXY", "no_proxy"):
        if re.search(r"[\[\]]", environment.get(name, "")):
            yield f"{name}={environment[name]} has brackets; write IPv6 addresses without them."
    for name in _CERTIFICATES:
        value = environment.get(name, "")
        if value and not Path(value).exists():
            yield f"{name}={value} does not exist; unset it or name your certificates."
    endpoint = environment.get("HF_ENDPOINT", "")
    if endpoint and not re.match(r"https?://", endpoint):
        yield f"HF_ENDPOINT={endpoint} is not an address; write https://{endpoint}."
    if re.search(r"\s", environment.get("HF_TOKEN", "")):
        yield "HF_TOKEN contains white space or a line end; set it to the token alone."
