"""Sealed objects in a bucket of any store that speaks S3: create-only, streamed, read by ranges.

obstore carries the bytes; botocore asks the few questions about a bucket that obstore has no call for.
"""

from __future__ import annotations

import io
import ipaddress
import itertools
import re
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final
from urllib.parse import urlsplit

import botocore.session
import obstore
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from pleura.adapters.storage.objects import checked_name
from pleura.domain.custody.places import BucketFacts, BucketPlace
from pleura.domain.errors import BadInput, EnvironmentFault, NotFound, Refused

if TYPE_CHECKING:
    from obstore.store import ClientConfig

_WHOLE: Final = 32 << 20
"""An object below this goes in one request, which the store itself refuses when the name is taken.

obstore holds such an object in memory whole: it makes no create-only upload of parts.
"""
_PART: Final = 8 << 20
"""Bytes of one part of a larger upload; two parts at most are in memory beside the beginning."""
_PARTS_AT_ONCE: Final = 2
_READ_AHEAD: Final = 4 << 20
"""Bytes asked for at once: a request costs tens of milliseconds however little it brings."""
_TIMEOUT: Final = timedelta(seconds=60)
_UPLOAD_TIMEOUT: Final = timedelta(minutes=10)
"""For one whole request: 32 MiB in ten minutes is a line of half a megabit a second."""
_CONNECT_TIMEOUT: Final = timedelta(seconds=10)
_RETRIES: Final = 3
_BUCKET: Final = re.compile(r"[A-Za-z0-9._-]{1,255}")
_TOLD: Final = re.compile(r"<Code>(\w+)</Code>")
_REFUSES: Final = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"})
_HOST: Final = re.compile(r"[A-Za-z0-9._:-]+")


class S3Objects:
    """The port `ObjectStore` on a bucket."""

    def __init__(self, place: BucketPlace, sleep: Callable[[float], None] = time.sleep) -> None:
        """Connect nothing yet.

        Raises Refused for plain HTTP to another machine, BadInput for a malformed place, EnvironmentFault
        for a file of certificates that cannot be used.
        """
        _refuse_place(place)
        self._place = place
        self._sleep = sleep
        self._store = _connected(place, _TIMEOUT)
        self._uploads = _connected(place, _UPLOAD_TIMEOUT)

    def put(self, name: str, pieces: Iterable[bytes | memoryview]) -> int:
        """The number of bytes stored under *name*; an object appears whole or not at all.

        Memory holds `_WHOLE` and two parts at most. Raises BadInput for a name that is taken or malformed,
        EnvironmentFault for what the store says.
        """
        path, counted = checked_name(name), _Counted(self._paced(pieces))
        beginning = list(_at_least(counted, _WHOLE))
        try:
            if counted.size < _WHOLE:
                obstore.put(self._uploads, path, beginning, mode="create")
            else:
                self._put_parts(path, itertools.chain(beginning, counted))
        except AlreadyExistsError as error:
            raise _taken() from error
        except (BaseError, FileNotFoundError) as error:
            # What *pieces* raised comes wrapped in the library's error; the cause itself is what to tell.
            raise counted.fault or _fault(error, self._place) from error
        return counted.size

    def open(self, name: str) -> BinaryIO:
        """A seekable stream of the object; raises NotFound, EnvironmentFault."""
        try:
            size = int(obstore.head(self._store, checked_name(name))["size"])
        except (NotFoundError, FileNotFoundError) as error:
            raise self._bucket_fault() or _unknown(name) from error
        except BaseError as error:
            raise _fault(error, self._place) from error
        return io.BufferedReader(_Ranges(self._store, name, size, self._place), _READ_AHEAD)

    def names(self) -> Iterator[str]:
        """The name of every object below the prefix, page by page."""
        try:
            for page in obstore.list(self._store):
                yield from (entry["path"].removeprefix(self._prefix) for entry in page)
        except (BaseError, FileNotFoundError) as error:
            raise _fault(error, self._place) from error

    def delete(self, name: str) -> None:
        """Remove the object; an unknown name is no error. A versioned bucket keeps what was deleted.

        Raises EnvironmentFault; a bucket that is not there has not deleted anything.
        """
        try:
            obstore.delete(self._store, checked_name(name))
        except (NotFoundError, FileNotFoundError) as error:
            if fault := self._bucket_fault():
                raise fault from error
        except BaseError as error:
            raise _fault(error, self._place) from error

    def bucket_facts(self) -> BucketFacts:
        """What the store says about the bucket; None for what it will not say."""
        tls = self._place.endpoint.startswith("https://")
        try:
            client = _questioner(self._place)
        except (BotoCoreError, ValueError):
            # The machine's own settings for S3 tools may stand in the way (AWS_PROFILE, say).
            return BucketFacts(tls=tls)

        def ask(call: str, answer: Callable[[Any], bool], absent: str = "") -> bool | None:
            try:
                return answer(getattr(client, call)(Bucket=self._place.bucket))
            except ClientError as refused:
                return False if absent and refused.response["Error"].get("Code") == absent else None
            except BotoCoreError:
                return None

        return BucketFacts(
            tls=tls,
            # "Suspended" makes no new versions and keeps the old ones, so it outlives erasure as well.
            versioning=ask("get_bucket_versioning", lambda told: "Status" in told),
            object_lock=ask(
                "get_object_lock_configuration",
                lambda told: told["ObjectLockConfiguration"].get("ObjectLockEnabled") == "Enabled",
                absent="ObjectLockConfigurationNotFoundError",
            ),
            public=ask("get_bucket_policy_status", lambda told: bool(told["PolicyStatus"].get("IsPublic"))),
            logging=ask("get_bucket_logging", lambda told: "LoggingEnabled" in told),
        )

    @property
    def _prefix(self) -> str:
        return f"{self._place.prefix.strip('/')}/" if self._place.prefix else ""

    def _put_parts(self, path: str, pieces: Iterator[bytes]) -> None:
        # Not every store looks at the name again when the parts are put together (Ceph 16 does not), so it
        # is asked before. Two writers in that very moment would both be told that theirs is stored.
        try:
            obstore.head(self._store, path)
        except (NotFoundError, FileNotFoundError):
            obstore.put(self._uploads, path, pieces, chunk_size=_PART, max_concurrency=_PARTS_AT_ONCE)
        else:
            raise _taken()

    def _bucket_fault(self) -> EnvironmentFault | None:
        """What is wrong with the whole bucket, where something is: it must not look like one lost object."""
        try:
            next(iter(obstore.list(self._store)), None)
        except (BaseError, FileNotFoundError) as error:
            return _fault(error, self._place)
        return None

    def _paced(self, pieces: Iterable[bytes | memoryview]) -> Iterator[bytes]:
        """Copies of *pieces*, no faster than the place allows."""
        rate = self._place.bytes_per_second
        for piece in pieces:
            yield bytes(piece)
            if rate:
                self._sleep(len(piece) / rate)


class _Counted:
    """An iterator that remembers how much it gave and what went wrong in it."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.size = 0
        self.fault: Exception | None = None

    def __iter__(self) -> _Counted:
        return self

    def __next__(self) -> bytes:
        try:
            piece = next(self._pieces)
        except StopIteration:
            raise
        except Exception as fault:
            self.fault = fault
            raise
        self.size += len(piece)
        return piece


class _Ranges(io.RawIOBase):
    """An object read by ranges."""

    def __init__(self, store: S3Store, name: str, size: int, place: BucketPlace) -> None:
        self._store = store
        self._name = name
        self._size = size
        self._place = place
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The next byte to be read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to *offset* from the start, from here or from the end."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readall(self) -> bytes:
        """Everything from here on, in requests as large as reading ahead allows."""
        return b"".join(iter(lambda: self.read(_READ_AHEAD), b""))

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what BufferedReader gives
        """The number of bytes read, 0 at the end; raises NotFound, EnvironmentFault."""
        end = min(self._at + len(buffer), self._size)
        if end <= self._at:
            return 0
        try:
            found = obstore.get_range(self._store, self._name, start=self._at, end=end)
        except (NotFoundError, FileNotFoundError) as error:
            raise _unknown(self._name) from error
        except BaseError as error:
            raise _fault(error, self._place) from error
        got = len(found)
        buffer[:got] = memoryview(found)
        self._at += got
        return got


def _at_least(counted: _Counted, size: int) -> Iterator[bytes]:
    """The first pieces, until *size* bytes are reached or there are no more."""
    while counted.size < size:
        try:
            yield next(counted)
        except StopIteration:
            return


def _connected(place: BucketPlace, timeout: timedelta) -> S3Store:
    try:
        return S3Store(
            place.bucket,
            prefix=place.prefix or None,
            endpoint=place.endpoint,
            region=place.region,
            access_key_id=place.access_key,
            secret_access_key=place.secret_key,
            virtual_hosted_style_request=False,
            client_options=_client_options(place, timeout),
            retry_config={"max_retries": _RETRIES, "retry_timeout": timeout},
        )
    except (BaseError, ValueError) as error:
        raise _malformed() from error


def _client_options(place: BucketPlace, timeout: timedelta) -> ClientConfig:
    options: ClientConfig = {
        "allow_http": place.endpoint.startswith("http://"),
        "timeout": timeout,
        "connect_timeout": _CONNECT_TIMEOUT,
    }
    if place.ca_file:
        options["root_certificate"] = _certificates(place.ca_file)
    return options


def _certificates(file: str) -> bytes:
    try:
        ssl.create_default_context(cafile=file)
        return Path(file).read_bytes()
    except OSError as error:
        raise EnvironmentFault(
            "bad-ca-file",
            "the file {file} holds no certificates in PEM form",
            "give the certificate of the authority that signed the store's own",
            file=file,
        ) from error


def _questioner(place: BucketPlace) -> Any:
    return botocore.session.Session().create_client(
        "s3",
        region_name=place.region,
        endpoint_url=place.endpoint,
        aws_access_key_id=place.access_key,
        aws_secret_access_key=place.secret_key,
        verify=place.ca_file or None,
        config=Config(connect_timeout=10, read_timeout=20, retries={"max_attempts": 1}),
    )


def _malformed() -> BadInput:
    return BadInput(
        "bad-bucket-place",
        "the address, the bucket or the prefix of the store is malformed",
        "give the address as https://host:port and the names as the store shows them",
    )


def _refuse_place(place: BucketPlace) -> None:
    try:
        address = urlsplit(place.endpoint)
        host, port = address.hostname or "", address.port
    except ValueError as error:
        raise _malformed() from error
    if address.scheme != "https" and not (address.scheme == "http" and _is_loopback(host)):
        raise Refused(
            "plain-http",
            "a cloud store is reached over TLS only, and its address does not begin with https://",
            "give the https address of the store",
        )
    # obstore panics, with a trace of its own, on what cannot be part of a URL.
    if port == 0 or address.username or not _HOST.fullmatch(host) or not _BUCKET.fullmatch(place.bucket):
        raise _malformed()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _taken() -> BadInput:
    return BadInput(
        "object-exists",
        "there is a stored object of that name already, and objects are never replaced",
        "report this: pleura itself makes these names",
    )


def _unknown(name: str) -> NotFound:
    return NotFound(
        "object-unknown",
        "there is no stored object {name}",
        "restore it from a replica or a backup",
        name=name,
    )


def _fault(error: Exception, place: BucketPlace) -> EnvironmentFault:
    """What to tell; the library's own words may hold addresses and are left out."""
    # A listing that fails is only a generic error of obstore; the store's own code is in its text.
    told = _TOLD.search(str(error))
    code = told[1] if told else ""
    if isinstance(error, PermissionDeniedError | UnauthenticatedError) or code in _REFUSES:
        return EnvironmentFault(
            "bucket-refuses",
            "the store refuses these keys for the bucket {bucket}",
            "check the access key, the secret key and the policy of the bucket",
            bucket=place.bucket,
        )
    if isinstance(error, NotFoundError | FileNotFoundError) or code == "NoSuchBucket":
        return EnvironmentFault(
            "bucket-unknown",
            "the store has no bucket {bucket}",
            "make the bucket first, closed to the public",
            bucket=place.bucket,
        )
    return EnvironmentFault(
        "bucket-unreachable",
        "the store of the bucket {bucket} does not answer as it should",
        "check the network, the address of the store and its free space, then run the command again",
        bucket=place.bucket,
    )
