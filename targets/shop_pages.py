"""What the shop answers, without a socket: a request in, an answer out. Nothing that it keeps grows without bound."""

import hashlib
import hmac
import json
import re
from base64 import urlsafe_b64encode
from collections import deque
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl

from shop_protocol import Answer, ShopRequest

ITEMS = 200
ITEMS_PER_PAGE = 20
MOST_ORDERS = 10_000
LONGEST_DELAY_MS = 60_000

_PAGES = ITEMS // ITEMS_PER_PAGE
_KINDS = ("lamp", "chair", "cup", "book", "coat")

Page = Callable[["Shop", ShopRequest], Answer]


class Shop:
    """Items that are always the same, customers who show a token, and the last orders."""

    def __init__(self, secret: bytes) -> None:
        """Open the shop; `secret` signs tokens."""
        self._secret = secret
        self._orders: deque[Mapping[str, object]] = deque(maxlen=MOST_ORDERS)
        self._ordered = 0

    def answer(self, request: ShopRequest) -> Answer:
        """Return the answer to any request; what has no page, or is wrong, gets its error."""
        try:
            if request.problem is not None:
                raise _Refused(request.problem)
            return self._page(request)(self, request)
        except _Refused as refused:
            return _json(refused.status, {"error": refused.reason}, *refused.headers)

    def _page(self, request: ShopRequest) -> Page:
        _, first, *rest = request.path.split("/")
        pages = _PAGES_BY_PATH.get(first if not rest else f"{first}/") if len(rest) < 2 else None
        if pages is None:
            raise _Refused(HTTPStatus.NOT_FOUND)
        page = pages.get("GET" if request.method == "HEAD" else request.method)
        if page is None:
            raise _Refused(HTTPStatus.METHOD_NOT_ALLOWED, None, f"Allow: {', '.join(pages)}")
        return page

    def log_in(self, request: ShopRequest) -> Answer:
        """Give a token to a customer who has a name."""
        name = _object(request).get("name")
        if not (isinstance(name, str) and name):
            raise _Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "a name is needed")
        shown = urlsafe_b64encode(name.encode()).decode("ascii")
        return _json(HTTPStatus.OK, {"token": f"{shown}.{self._signature(shown)}"})

    def list_items(self, request: ShopRequest) -> Answer:
        """Return a page of items, and where the next one is."""
        page = _number(request, "page", default=1, lowest=1, highest=_PAGES)
        first = (page - 1) * ITEMS_PER_PAGE + 1
        items = [_item(number) for number in range(first, first + ITEMS_PER_PAGE)]
        following = f"/items?page={page + 1}" if page < _PAGES else None
        return _json(HTTPStatus.OK, {"items": items, "page": page, "next": following})

    def show_item(self, request: ShopRequest) -> Answer:
        """Return an item."""
        return _json(HTTPStatus.OK, _item(_number_in_path(request, ITEMS)))

    def order(self, request: ShopRequest) -> Answer:
        """Take an order of a customer who has logged in."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        shown, _, signature = token.strip().partition(".")
        if scheme.lower() != "bearer" or not hmac.compare_digest(signature.encode(), self._signature(shown).encode()):
            raise _Refused(HTTPStatus.UNAUTHORIZED, "log in first", "WWW-Authenticate: Bearer")
        wanted = _object(request)
        item, quantity = wanted.get("item"), wanted.get("quantity", 1)
        if type(item) is not int or type(quantity) is not int or not (1 <= item <= ITEMS and 1 <= quantity <= 1000):
            raise _Refused(HTTPStatus.UNPROCESSABLE_ENTITY, f"an item is from 1 to {ITEMS}, a quantity from 1 to 1000")
        self._ordered += 1
        order = {"id": self._ordered, "item": item, "quantity": quantity, "cents": quantity * _cents(item)}
        self._orders.append(order)
        located = (f"Location: /orders/{self._ordered}",)
        return Answer(HTTPStatus.CREATED, json.dumps(order).encode(), located, is_paid=True)

    def show_order(self, request: ShopRequest) -> Answer:
        """Return one of the last orders."""
        number = _number_in_path(request, self._ordered)
        forgotten = self._ordered - len(self._orders)
        if number <= forgotten:
            raise _Refused(HTTPStatus.NOT_FOUND, "that order is too old")
        return _json(HTTPStatus.OK, self._orders[number - forgotten - 1])

    def upload(self, request: ShopRequest) -> Answer:
        """Say what was uploaded: the files of a form, or the body as it is. Nothing of it is kept."""
        is_form = request.headers.get("content-type", "").startswith("multipart/form-data")
        parts = _files(request) if is_form else [(None, request.body)]
        files = [
            {"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in parts
        ]
        return _json(HTTPStatus.OK, {"files": files})

    def count_visits(self, request: ShopRequest) -> Answer:
        """Count the visits of a session, which is nothing but its cookie."""
        try:
            cookie = SimpleCookie(request.headers.get("cookie", "")).get("visits")
        except CookieError:
            cookie = None
        visits = 1 + (int(cookie.value) if cookie is not None and re.fullmatch("[0-9]{1,9}", cookie.value) else 0)
        return _json(HTTPStatus.OK, {"visits": visits}, f"Set-Cookie: visits={visits}; Path=/; HttpOnly")

    def wait(self, request: ShopRequest) -> Answer:
        """Answer late."""
        delay_ms = _number(request, "ms", default=50, lowest=0, highest=LONGEST_DELAY_MS)
        return Answer(HTTPStatus.OK, json.dumps({"waited_ms": delay_ms}).encode(), delay_ms=delay_ms)

    def moved(self, _request: ShopRequest) -> Answer:
        """Redirect to where the items are now."""
        return Answer(HTTPStatus.MOVED_PERMANENTLY, b"moved\n", ("Location: /items",), "text/plain")

    def welcome(self, _request: ShopRequest) -> Answer:
        """Say what the shop has."""
        lines = [f"{' '.join(pages):<5} /{path}" for path, pages in _PAGES_BY_PATH.items()]
        return Answer(HTTPStatus.OK, ("\n".join(lines) + "\n").encode(), content_type="text/plain")

    def _signature(self, shown: str) -> str:
        return hmac.new(self._secret, shown.encode(), "sha256").hexdigest()[:32]


_PAGES_BY_PATH: Mapping[str, Mapping[str, Page]] = {
    "": {"GET": Shop.welcome},
    "login": {"POST": Shop.log_in},
    "items": {"GET": Shop.list_items},
    "items/": {"GET": Shop.show_item},
    "orders": {"POST": Shop.order},
    "orders/": {"GET": Shop.show_order},
    "upload": {"POST": Shop.upload, "PUT": Shop.upload},
    "session": {"GET": Shop.count_visits},
    "slow": {"GET": Shop.wait},
    "old": {"GET": Shop.moved},
}
"""First word of the path, with a slash where a number follows -> method -> page."""


class _Refused(Exception):
    """A request that gets an error: its status, a sentence for the body, and further headers."""

    def __init__(self, status: HTTPStatus, reason: str | None = None, *headers: str) -> None:
        super().__init__(status)
        self.status = status
        self.reason = reason or status.phrase
        self.headers = headers


def _json(status: HTTPStatus, value: object, *headers: str) -> Answer:
    return Answer(status, json.dumps(value).encode(), headers)


def _item(number: int) -> dict[str, object]:
    return {"id": number, "name": f"{_KINDS[number % len(_KINDS)]} {number}", "cents": _cents(number)}


def _cents(number: int) -> int:
    return 500 + 37 * number


def _object(request: ShopRequest) -> Mapping[str, object]:
    try:
        value = json.loads(request.body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise _Refused(HTTPStatus.BAD_REQUEST, "the body has to be a JSON object")
    return value


def _number(request: ShopRequest, name: str, default: int, lowest: int, highest: int) -> int:
    text = dict(parse_qsl(request.query, keep_blank_values=True)).get(name, str(default))
    if re.fullmatch("[0-9]{1,9}", text) is None or not lowest <= int(text) <= highest:
        raise _Refused(HTTPStatus.BAD_REQUEST, f"{name} must be a number from {lowest} to {highest}")
    return int(text)


def _number_in_path(request: ShopRequest, highest: int) -> int:
    text = request.path.rpartition("/")[2]
    if re.fullmatch("[0-9]{1,9}", text) is None or not 1 <= int(text) <= highest:
        raise _Refused(HTTPStatus.NOT_FOUND)
    return int(text)


def _files(request: ShopRequest) -> list[tuple[str | None, bytes]]:
    """Return name and content of each part of a form (RFC 7578); a field has the name of the field."""
    found = re.search(r'boundary="?([^";,]+)"?', request.headers["content-type"])
    if found is None:
        raise _Refused(HTTPStatus.BAD_REQUEST, "the form has no boundary")
    _before, *parts = (b"\r\n" + request.body).split(b"\r\n--" + found[1].encode("latin-1"))
    if not parts or not parts[-1].startswith(b"--"):
        raise _Refused(HTTPStatus.BAD_REQUEST, "the form does not end")
    files = []
    for part in parts[:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        names = dict(re.findall(rb'; *(name|filename)="([^"]*)"', head))
        name = names.get(b"filename", names.get(b"name"))
        files.append((None if name is None else name.decode("utf-8", "replace"), content))
    return files
