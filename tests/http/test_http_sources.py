"""Where a request comes from, as the limits see it, and what a source that tries keys is told."""

import ipaddress

import pytest

from api.app import create_app
from api.verifier import LookupGate, LookupLimits, TooManyKeys, TooManyLookups
from api.verifier.limits import source_behind
from registry.verification.model import Outcome
from tests.http.sample_reports import BASE_URL, KEYS, SampleDocuments, SampleHealth, SampleVerifier
from tests.http.web_client import WebClient

PROXIES = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("2001:db8:f::/48")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "source"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),  # a stranger says whom he serves: nobody believes him
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["192.0.2.66, 198.51.100.1"], "198.51.100.1"),  # the first was written by the second himself
        ("10.0.0.1", ["192.0.2.66", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),  # two proxies, two headers
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1:4711"], "10.0.0.1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("2001:db8:f::1", ["2001:db8:1::5"], "2001:db8:1::5"),
        ("testclient", ["198.51.100.1"], "testclient"),
    ],
)
def test_source_is_told_by_believed_proxies_alone(peer: str, forwarded: list[str], source: str) -> None:
    assert source_behind(peer, forwarded, PROXIES) == source


def test_addresses_of_ipv4_in_the_form_of_ipv6_are_not_one_network() -> None:
    gate = LookupGate(LookupLimits(per_source=1), lambda: 0.0)
    gate.admit("::ffff:203.0.113.1", "A")
    gate.admit("::ffff:203.0.113.2", "B")
    with pytest.raises(TooManyLookups):
        gate.admit("203.0.113.1", "C")


def test_keys_are_limited_by_misses_apart_from_numbers() -> None:
    gate = LookupGate(LookupLimits(missed_keys=2, per_source=1), lambda: 0.0)
    for _ in range(10):
        gate.admit_key("203.0.113.1")
    gate.missed_key("203.0.113.1")
    gate.admit("203.0.113.1", "A")
    gate.admit_key("203.0.113.1")
    gate.missed_key("203.0.113.1")
    with pytest.raises(TooManyKeys) as caught:
        gate.admit_key("203.0.113.1")
    assert caught.value.retry_after_seconds > 0
    gate.admit_key("203.0.113.2")


def client_of(source: str, **headers: str) -> WebClient:
    return WebClient(APP, source=source, headers=headers)


APP = create_app(
    SampleVerifier(),
    health=SampleHealth(),
    documents=SampleDocuments(),
    public_base_url=BASE_URL,
    limits=LookupLimits(missed_keys=3, per_source=1),
    proxies=PROXIES,
)


@pytest.mark.parametrize("path", ["/v1/certificates/{}/verdict", "/v1/certificates/{}/bundle", "/C/{}", "/en/C/{}"])
def test_source_that_tries_keys_is_told_to_wait_whatever_key_it_brings(path: str) -> None:
    source = f"203.0.113.{len(path)}"
    client = client_of(source)
    codes = [client.get(path.format("Z" * 25 + letter)).status_code for letter in "ABCDE"]
    assert codes == [404, 404, 404, 429, 429]
    good = client.get(path.format(KEYS[Outcome.VALID]))
    assert (good.status_code, int(good.headers["Retry-After"]) > 0) == (429, True)
    assert client_of("198.51.100.44").get(f"/v1/certificates/{KEYS[Outcome.VALID]}/verdict").status_code == 200


def test_those_behind_a_believed_proxy_are_counted_apart_and_strangers_headers_are_not_read() -> None:
    lookup = {"number": "NO-SUCH", "name": "王小明"}

    def ask(source: str, behind: str) -> int:
        return client_of(source, **{"X-Forwarded-For": behind}).post("/v1/lookups", json=lookup).status_code

    assert [ask("10.1.1.1", f"192.0.2.{last}") for last in (1, 2, 1)] == [404, 404, 429]
    assert [ask("192.0.2.99", f"192.0.2.{last}") for last in (3, 4)] == [404, 429]
