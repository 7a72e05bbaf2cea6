"""What went wrong inside dns-lexicon, in words: the provider's own sentence out of whatever its module raised."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypedDict

from acme_companion.act.dns.masking import masked

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_MOST_CHARACTERS = 300
_MOST_BODY = 65_536
_SENTENCES = (
    "message",
    "error_description",
    "error",
    "detail",
    "details",
    "description",
    "msg",
    "title",
    "reason",
)
_DEEP = 6
_UNREACHABLE = {
    "ConnectionError",
    "Timeout",
    "ConnectTimeoutError",
    "EndpointConnectionError",
    "TimeoutError",
}


class Fault(TypedDict):
    """`said`: one line without credentials; `status`: HTTP's, 0 when there was none; `retry_after`: as the provider wrote it.

    `kind`: `http`, `sign-in` (the credentials or the zone), `missing` (a library), `unreachable` or `other`.
    """

    kind: str
    said: str
    status: int
    retry_after: str


def fault_of(problem: Exception, secrets: Collection[str]) -> Fault:
    """The fault as it may be told to others."""
    kind, text, status, retry_after = _told(problem)
    # Masked before it is cut: a half of a credential is one too.
    line = " ".join(masked(text, secrets).split())
    return Fault(kind=kind, said=line[:_MOST_CHARACTERS], status=status, retry_after=retry_after[:100])


def _told(problem: Exception) -> tuple[str, str, int, str]:
    response = getattr(problem, "response", None)
    if isinstance(response, dict):
        # Botocore's: what AWS answered.
        error, meta = response.get("Error", {}), response.get("ResponseMetadata", {})
        said = f"{error.get('Code', '')}: {error.get('Message', '')}"
        return "http", said, _number(meta.get("HTTPStatusCode")), ""
    if response is not None and hasattr(response, "status_code"):
        status = _number(response.status_code)
        said = " - ".join(filter(None, (f"{status} {response.reason}", _sentence(response))))
        return "http", said, status, str(response.headers.get("Retry-After", ""))
    return (*_without_answer(problem), 0, "")


def _without_answer(problem: Exception) -> tuple[str, str]:
    # By name: the child does not import what it does not need.
    kinds = {kind.__name__ for kind in type(problem).__mro__}
    if "AuthenticationError" in kinds:
        return "sign-in", " - ".join(
            filter(None, (str(problem), _answer_behind(problem)))
        ) or "no reason given"
    if kinds & {"ImportError", "ProviderNotAvailableError"}:
        return "missing", str(problem)
    if kinds & _UNREACHABLE:
        return "unreachable", f"its interface cannot be reached: {_innermost(problem)}"
    if isinstance(problem, (LookupError, TypeError, AttributeError, AssertionError, ValueError)):
        return "other", f"its answer was not understood ({type(problem).__name__}: {problem})"
    return "other", str(problem) or type(problem).__name__


def _answer_behind(problem: Exception) -> str:
    """The answer over which a provider's module raised something of its own."""
    behind = problem.__cause__ or problem.__context__
    return _told(behind)[1] if isinstance(behind, Exception) and hasattr(behind, "response") else ""


def _innermost(problem: BaseException) -> str:
    """The reason that urllib3 wraps, without the address of the object that failed."""
    reason = problem
    for _ in range(_DEEP):
        inner = getattr(reason, "reason", None) or next(iter(reason.args), None)
        if not isinstance(inner, BaseException):
            break
        reason = inner
    text = str(reason)
    return text.partition(": ")[2] or text if text.startswith("<") or " object at 0x" in text else text


def _sentence(response: Any) -> str:
    """The provider's own words, when the body holds any."""
    text = str(response.text)[:_MOST_BODY]
    try:
        document = json.loads(text)
    except ValueError:
        return "" if text.lstrip().startswith("<") else text
    return "; ".join(dict.fromkeys(_sentences(document, _DEEP)))


def _sentences(document: object, depth: int) -> Iterator[str]:
    if depth and isinstance(document, list):
        for one in document:
            yield from [one] if isinstance(one, str) else _sentences(one, depth - 1)
    elif depth and isinstance(document, dict):
        for key, value in document.items():
            if isinstance(value, str) and key.lower() in _SENTENCES:
                yield value
            elif isinstance(value, (dict, list)):
                yield from _sentences(value, depth - 1)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
