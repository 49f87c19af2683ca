"""A user's httpx.AsyncClient: httpx's own, which leaves out what need not be done again for each request.

Of 120 us that httpx takes for a request without a network, parsing the URL and merging it with the base URL are 30, and
looking for cookies in an answer that sets none is 20. Only documented methods are overridden.
"""

from collections.abc import MutableMapping
from typing import Any, Final

import httpx

MOST_URLS: Final = 1000

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
        super().__init__(**settings)

    @property
    def cookies(self) -> httpx.Cookies:
        """The cookies that are sent with each request."""
        return self._own_cookies

    @cookies.setter
    def cookies(self, cookies: Any) -> None:  # noqa: ANN401 - whatever httpx.Cookies takes
        self._own_cookies = UserCookies(cookies)

    def build_request(self, method: str, url: httpx.URL | str, **settings: Any) -> httpx.Request:  # noqa: ANN401
        """Return a request as httpx builds it, from a URL that was parsed once."""
        if isinstance(url, str) and not self.params:  # which would be parts of the URL that is kept
            if self.base_url is not self._known_base:
                self._known_base = self.base_url
                self._base = str(self.base_url)
            known = self._urls.get((self._base, url))
            if known is None and len(self._urls) < MOST_URLS:
                known = self._urls[self._base, url] = super().build_request("GET", url).url
            url = known or url
        return super().build_request(method, url, **settings)
