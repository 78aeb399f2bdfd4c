"""The Batch API: requests go up as a file, answers come down as one within a day, usually at half the price.

What was sent is noted in the user's cache folder before it is paid for: a run that was killed or has not waited long
enough finds its batches again when it goes on, request by request, however they are grouped then.
"""

import contextlib
import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from harness.adapters._openai.config import OpenAIConfig
from harness.adapters._served.client import Outcome, Secret
from harness.adapters._served.dialect import Dialect
from harness.adapters._served.pace import backoff, retry_after
from harness.adapters._served.reply import Failure, Reply, as_object, read, short
from harness.locate import cache_folder
from harness.types import Status

LARGEST: Final = 190_000_000
"""Bytes of a file; OpenAI takes 200 MB."""
MOST: Final = 50_000
"""Requests of a file, OpenAI's limit."""
_ENDED: Final = ("completed", "failed", "expired", "cancelled")
_KEPT: Final = 30 * 86_400
"""Seconds after which a server may have forgotten a batch."""


class _Refused(Exception):
    """The server does not do what the whole batch needs."""

    def __init__(self, said: str, *, again: bool = False) -> None:
        super().__init__(said)
        self.again = again
        """Whether it may do so later."""


@dataclass(slots=True, eq=False)
class _Batch:
    """One batch, as the note of it says."""

    note: Path
    ids: frozenset[str]
    """Of its requests: hashes of what is asked, numbered where several ask the same."""
    batch: str = ""
    """The server's name of it; empty until it is known to be there."""
    state: Mapping[str, Any] = field(default_factory=dict)
    results: dict[str, Reply | Failure] = field(default_factory=dict)
    given: set[str] = field(default_factory=set)
    """Which of the answers were handed out."""

    def write(self, url: str) -> None:
        self.note.parent.mkdir(parents=True, exist_ok=True)
        partial = self.note.with_suffix(".part")
        partial.write_text(json.dumps({"url": url, "batch": self.batch, "ids": sorted(self.ids)}), encoding="utf-8")
        partial.replace(self.note)


class Batches:
    """Asks by batches, and waits for them as long as a call may last."""

    def __init__(self, config: OpenAIConfig, secret: Secret, dialect: Dialect) -> None:
        import httpx

        self._config, self._secret, self._dialect = config, secret, dialect
        self._closed = threading.Event()
        self._http = httpx.Client(
            headers={**secret.headers(), "User-Agent": "vlm-harness"}, timeout=config.timeout, follow_redirects=False,
            params={**dialect.query(), **config.query} or None,
        )  # fmt: skip
        self._known = list(self._noted())

    def ask(self, bodies: Sequence[dict[str, Any]]) -> list[Outcome]:
        """Return one outcome a body, in order; what the server has not come to yet stops the run, which can go on."""
        start = time.monotonic()
        ids = _identities(bodies)
        try:
            self._find_unnamed()
            refused = self._send(dict(zip(ids, bodies, strict=True)))
            while waiting := [one for one in self._known if not one.results and not one.ids.isdisjoint(ids)]:
                for one in waiting:
                    self._look(one)
                left = self._config.deadline - (time.monotonic() - start)
                if all(one.results for one in waiting):
                    break
                if left <= 0 or self._closed.wait(min(left, self._config.batch_poll)):
                    break
        except _Refused as cause:
            said = short(self._secret.hide(str(cause)))
            return [Outcome(Failure(said, retry=False, hopeless=True), 1) for _ in ids]
        took = time.monotonic() - start
        return [refused.get(name) or self._outcome(name, took) for name in ids]

    def close(self) -> None:
        """Forget the batches whose answers were all handed out, and close the connection."""
        self._closed.set()
        for one in self._known:
            if one.results and one.given >= one.ids:
                one.note.unlink(missing_ok=True)
        self._http.close()

    def _outcome(self, name: str, took: float) -> Outcome:
        batch = self._of(name)
        assert batch is not None  # noqa: S101 - it was sent, or the call ended before
        if batch.results:
            batch.given.add(name)
            nothing = Failure(f"the batch {batch.batch} ended ({batch.state.get('status')}) before it came to this "
                              "request", retry=False)  # fmt: skip
            return Outcome(batch.results.get(name, nothing), 1, took)
        counts = as_object(batch.state.get("request_counts"))
        said = (f"the batch {batch.batch} is {batch.state.get('status', 'sent')} ({counts.get('completed', 0)} of "
                f"{len(batch.ids)}); `harness resume` waits for it on, and pays for none of it twice")  # fmt: skip
        return Outcome(Failure(said, retry=False, status=Status.MISSING, hopeless=True), 1, took)

    def _of(self, name: str) -> _Batch | None:
        return next((one for one in self._known if name in one.ids), None)

    def _noted(self) -> Iterator[_Batch]:
        """Yield the batches of this server that notes tell of; those of a note without a name are looked for there."""
        for note in sorted(self._folder.glob("*.json")):
            try:
                told = json.loads(note.read_text(encoding="utf-8"))
                found = _Batch(note, frozenset(told["ids"]), str(told["batch"]))
                url = told["url"]
            except (OSError, ValueError, KeyError, TypeError):
                continue
            if time.time() - note.stat().st_mtime > _KEPT:
                note.unlink(missing_ok=True)
            elif url == self._config.base_url:
                yield found

    @property
    def _folder(self) -> Path:
        return cache_folder() / "batches"

    def _send(self, asked: Mapping[str, dict[str, Any]]) -> dict[str, Outcome]:
        """Send what no batch has, in as many files as it takes; return what fits into none."""
        refused: dict[str, Outcome] = {}
        lines: dict[str, bytes] = {}
        size = 0
        for name, body in asked.items():
            if self._of(name) is not None:
                continue
            path = f"/v1{self._dialect.path()}"
            told = {"custom_id": name, "method": "POST", "url": path, "body": body}
            line = json.dumps(told).encode() + b"\n"
            if len(line) > LARGEST:
                said = f"the request has {len(line):,} bytes, and a batch takes {LARGEST:,}; lower `max_pixels`"
                refused[name] = Outcome(Failure(said, retry=False), 0)
                continue
            if size + len(line) > LARGEST or len(lines) == MOST:
                self._submit(lines, path)
                lines, size = {}, 0
            lines[name] = line
            size += len(line)
        if lines:
            self._submit(lines, f"/v1{self._dialect.path()}")
        return refused

    def _submit(self, lines: Mapping[str, bytes], path: str) -> None:
        content = b"".join(lines.values())
        mark = hashlib.sha256(content + str(time.time_ns()).encode()).hexdigest()[:32]
        files = {"file": (f"{mark}.jsonl", content, "application/jsonl")}
        uploaded = self._json("POST", "/files", files=files, data={"purpose": "batch"})
        made = _Batch(self._folder / f"{mark}.json", frozenset(lines))
        made.write(self._config.base_url)  # before it is paid for: a note without a name is looked for by its mark
        self._known.append(made)
        told = {"input_file_id": uploaded.get("id"), "endpoint": path, "completion_window": "24h",
                "metadata": {"harness": mark}}  # fmt: skip
        for attempt in range(self._config.retries + 1):
            try:
                found = self._json("POST", "/batches", tries=1, json=told)
                break
            except _Refused as cause:
                if not cause.again or attempt == self._config.retries:
                    raise
                self._closed.wait(backoff(attempt, self._config.backoff, self._config.max_wait))
                if found := self._marked().get(mark, {}):  # it was made, and only the answer was lost
                    break
        made.batch, made.state = str(found.get("id")), found
        made.write(self._config.base_url)

    def _marked(self) -> dict[str, dict[str, Any]]:
        """Return the server's latest batches by the mark that they carry."""
        listed = self._json("GET", "/batches", params={"limit": "100"}).get("data") or []
        return {str(as_object(one.get("metadata")).get("harness")): one for one in map(as_object, listed)}

    def _find_unnamed(self) -> None:
        """Find batches that were made while this program died, by the mark that they carry."""
        unnamed = [one for one in self._known if not one.batch]
        marked = self._marked() if unnamed else {}
        for one in unnamed:
            if found := marked.get(one.note.stem):
                one.batch = str(found.get("id"))
                one.write(self._config.base_url)
            else:  # it never came to be
                self._known.remove(one)
                one.note.unlink(missing_ok=True)

    def _look(self, one: _Batch) -> None:
        """Ask how far a batch is, and take its answers where it has ended."""
        one.state = self._json("GET", f"/batches/{one.batch}")
        status = one.state.get("status")
        if status not in _ENDED:
            return
        files = [one.state.get("output_file_id"), one.state.get("error_file_id")]
        if status == "failed" or not any(files):
            self._known.remove(one)
            one.note.unlink(missing_ok=True)  # nothing of it was answered: it may be sent again
            errors = as_object(one.state.get("errors")).get("data") or []
            told = "; ".join(str(as_object(error).get("message")) for error in errors[:3])
            raise _Refused(f"the batch {one.batch} {status}{': ' + told if told else ''}")
        for name in filter(None, files):
            for line in self._call("GET", f"/files/{name}/content").splitlines():
                with contextlib.suppress(ValueError):
                    self._take(one, as_object(json.loads(line)))
        one.results = one.results or dict.fromkeys(one.ids, Failure(f"the batch {status} without answers", retry=False))

    def _take(self, one: _Batch, told: dict[str, Any]) -> None:
        name, response = told.get("custom_id"), as_object(told.get("response"))
        if not isinstance(name, str):
            return
        code = response.get("status_code")
        if isinstance(code, int):
            found = read(code, json.dumps(response.get("body")).encode(), None, self._dialect.reply)
        else:
            error = as_object(told.get("error"))
            found = Failure(f"the batch did not ask it: {error.get('message') or error.get('code')}", retry=False)
        if isinstance(found, Failure):
            found = Failure(short(self._secret.hide(found.said)), retry=False, finish=found.finish, told=found.told)
        one.results[name] = found

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        try:
            return as_object(json.loads(self._call(method, path, **options)))
        except ValueError as cause:
            raise _Refused(f"the server's answer to {method} {path} is not JSON") from cause

    def _call(self, method: str, path: str, tries: int | None = None, **options: Any) -> bytes:
        """Return what the server answers, after as many tries as any request has, or ``tries``.

        Raises:
            _Refused: with what it said.
        """
        import httpx

        said = ""
        most = self._config.retries + 1 if tries is None else tries
        for attempt in range(most):
            wait = None
            try:
                response = self._http.request(method, f"{self._config.base_url}{path}", **options)
            except httpx.TransportError as error:
                said = f"{method} {path} failed: {type(error).__name__}: {error}"
            else:
                if response.status_code < 300:
                    return response.content
                wait = retry_after(response.headers.get("Retry-After"))
                found = read(response.status_code, response.content, wait, lambda _: None)
                said = found.said if isinstance(found, Failure) else ""
                if isinstance(found, Failure) and not found.retry:
                    raise _Refused(said)
            pause = backoff(attempt, self._config.backoff, self._config.max_wait)
            if attempt < most - 1 and self._closed.wait(max(pause, min(wait or 0, self._config.max_wait))):
                break
        raise _Refused(said, again=True)


def _identities(bodies: Sequence[dict[str, Any]]) -> list[str]:
    """Return names of requests by what they ask, the same in any run and grouping; equal ones are numbered."""
    seen = Counter[str]()
    names = []
    for body in bodies:
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:40]
        seen[digest] += 1
        names.append(f"{digest}-{seen[digest]}")
    return names
