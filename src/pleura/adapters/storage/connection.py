"""How a bucket is reached, by our own settings alone, and what its store says in our words."""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import botocore.session
from botocore.config import Config
from obstore.exceptions import (
    BaseError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from pleura.domain.custody.places import BucketPlace
from pleura.domain.errors import BadInput, EnvironmentFault, NotFound, Refused

if TYPE_CHECKING:
    from obstore.store import ClientConfig

_CONNECT_TIMEOUT: Final = timedelta(seconds=10)
_RETRIES: Final = 3
_ANY_REGION: Final = "us-east-1"
_BUCKET: Final = re.compile(r"[A-Za-z0-9._-]{1,255}")
_TOLD: Final = re.compile(r"<Code>(\w+)</Code>")
_REFUSES: Final = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"})
_HOST: Final = re.compile(r"[A-Za-z0-9._:-]+")
_FOREIGN: Final = "AWS_"
"""obstore takes every setting with this beginning from the environment, and has no way to be told not to."""


def connected(place: BucketPlace, timeout: timedelta, *, retries: bool = True) -> S3Store:
    """A store that signs with the keys of *place* and heeds nothing else; raises BadInput."""
    _forget_foreign_settings()
    try:
        return S3Store(
            place.bucket,
            prefix=place.prefix or None,
            endpoint=place.endpoint,
            region=place.region or _ANY_REGION,
            access_key_id=place.access_key,
            secret_access_key=place.secret_key,
            virtual_hosted_style_request=False,
            client_options=_client_options(place, timeout),
            retry_config={"max_retries": _RETRIES if retries else 0, "retry_timeout": timeout},
        )
    except (BaseError, ValueError) as error:
        raise _malformed() from error


def _forget_foreign_settings() -> None:
    """Take the settings for other tools out of this process: pleura has no use for any of them.

    A session token, `AWS_SKIP_SIGNATURE` or `AWS_ALLOW_INVALID_CERTIFICATES` of another tool would change
    who we are to the store, or whom we believe to be it.
    """
    for name in [name for name in os.environ if name.startswith(_FOREIGN)]:
        os.environ.pop(name, None)


def _client_options(place: BucketPlace, timeout: timedelta) -> ClientConfig:
    options: ClientConfig = {
        "allow_http": place.endpoint.startswith("http://"),
        "timeout": timeout,
        "connect_timeout": min(_CONNECT_TIMEOUT, timeout),
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


def questioner(place: BucketPlace) -> Any:
    """A client for what obstore has no call for; raises BotoCoreError, ValueError."""
    _forget_foreign_settings()
    return botocore.session.Session().create_client(
        "s3",
        region_name=place.region or _ANY_REGION,
        endpoint_url=place.endpoint,
        aws_access_key_id=place.access_key,
        aws_secret_access_key=place.secret_key,
        verify=place.ca_file or None,
        config=Config(connect_timeout=4, read_timeout=4, retries={"total_max_attempts": 1}),
    )


def _malformed() -> BadInput:
    return BadInput(
        "bad-bucket-place",
        "the address, the bucket or the prefix of the store is malformed",
        "give the address as https://host:port and the names as the store shows them",
    )


def refuse_place(place: BucketPlace) -> None:
    """Return when *place* can be a bucket reached safely; raises Refused, BadInput."""
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


def taken() -> BadInput:
    """What to tell of a name that is taken."""
    return BadInput(
        "object-exists",
        "there is a stored object of that name already, and objects are never replaced",
        "report this: pleura itself makes these names",
    )


def unknown(name: str) -> NotFound:
    """What to tell of an object that is not there."""
    return NotFound(
        "object-unknown",
        "there is no stored object {name}",
        "restore it from a replica or a backup",
        name=name,
    )


def fault_of(error: Exception, place: BucketPlace) -> EnvironmentFault:
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
