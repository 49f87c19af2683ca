"""A user's httpx.AsyncClient: httpx's own, which leaves out what need not be done again for each request.

Of 120 us that httpx takes for a request without a network 66 are for parsing the URL, merging it with the base URL and
looking for cookies in an answer that sets none, and 13 for merging what a request does not have with what the client
has. Only documented methods are overridden.
"""

from collections.abc import MutableMapping
from typing import Any, Final

import httpx

MOST_URLS: Final = 1000
_MERGED: Final = ("params", "headers", "cookies")  # with those of the client
_BODIES: Final = ("content", "data", "files", "json")

UrlCache = MutableMapping[tuple[str, str], httpx.URL]
"""URLs by base URL and what a scenario wrote; shared by the users of a worker, up to MOST_URLS."""


class UserCookies(httpx.Cookies):
    """Cookies that are looked for only where an answer sets some."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Take the cookies that an answer sets."""
        if "set-cookie" in response.headers:
            super().extract_cookies(response)


class UserClient(httpx.AsyncClient):
    """The client of one user."""

    def __init__(self, urls: UrlCache, **settings: Any) -> None:  # noqa: ANN401 - those of httpx.AsyncClient
        self._urls = urls
        self._own_cookies = UserCookies()
        self._known_base: httpx.URL | None = None
        self._base = ""
        self._known_timeout: httpx.Timeout | None = None
        self._limits: dict[str, float | None] = {}
        super().__init__(**settings)

    @property
    def cookies(self) -> httpx.Cookies:
        """The cookies that are sent with each request."""
        return self._own_cookies

    @cookies.setter
    def cookies(self, cookies: Any) -> None:  # noqa: ANN401 - whatever httpx.Cookies takes
        self._own_cookies = UserCookies(cookies)

    def build_request(self, method: str, url: httpx.URL | str, **settings: Any) -> httpx.Request:  # noqa: ANN401
        """Return a request as httpx builds it."""
        if not isinstance(url, str) or self.params:  # which would be parts of the URL that is kept
            return super().build_request(method, url, **settings)
        if self.base_url is not self._known_base:
            self._known_base = self.base_url
            self._base = str(self.base_url)
        known = self._urls.get((self._base, url))
        if known is None and len(self._urls) < MOST_URLS:
            known = self._urls[self._base, url] = super().build_request("GET", url).url
        timeout = settings.get("timeout", httpx.USE_CLIENT_DEFAULT)
        merges = any(settings.get(name) is not None for name in _MERGED)  # an empty one may mean something as well
        if known is None or timeout is not httpx.USE_CLIENT_DEFAULT or merges:
            return super().build_request(method, known or url, **settings)
        if self.timeout is not self._known_timeout:
            self._known_timeout = self.timeout
            self._limits = self.timeout.as_dict()
        extensions = {"timeout": self._limits, **(settings.get("extensions") or {})}
        body = {name: settings[name] for name in _BODIES if settings.get(name) is not None}
        return httpx.Request(
            method, known, headers=self.headers, cookies=self._own_cookies, extensions=extensions, **body
        )
