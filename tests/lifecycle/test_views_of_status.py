"""Status lists and badges through a certificate's life, read as strangers read them."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from openvc.status import token_status_list as others
from openvc.status.issue import verify_status_list_token

from api.status_views import badge_address
from api.wiring import Home
from registry.delivery import parse_bundle
from registry.kernel.encoding import unb64url
from registry.ports.storage import StoredCertificate
from registry.workflows.status.publish_status import LOOK_SECONDS, StatusKnowledgeLapsed, StatusPublisher


class Later:
    """A clock that is ahead of the machine's."""

    def __init__(self, ahead: timedelta) -> None:
        self.ahead = ahead

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def publisher_of(home: Home, ticks: list[float], ahead: timedelta = timedelta(0)) -> StatusPublisher:
    return StatusPublisher(
        store=home.store,
        clock=Later(ahead),
        signer=home.statement_signer(),
        issuer=home.issuer,
        base_url=home.installation.public_base_url,
        seconds=lambda: ticks[0],
    )


def read_by_others(world, certificate: StoredCertificate, token: str | None = None) -> int:
    """Follow the credential's own reference, find the key, check the token and read the code, with others' software."""
    pages, base = world.pages(), world.home.installation.public_base_url
    credential = parse_bundle(world.bundle(certificate).read_bytes()).credential
    claims = json.loads(unb64url(credential.jwt.split(".")[1]))
    reference = others.parse_token_status_ref(claims)
    assert reference is not None
    if token is None:
        answer = pages.get(reference.uri.removeprefix(base))
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/statuslist+jwt")
        token = answer.text
    kid = json.loads(unb64url(token.partition(".")[0]))["kid"]
    published = pages.get(f"/issuers/{world.home.issuer}/statement-keys.json").json()["keys"]
    key = next(one for one in published if one["kid"] == kid)
    listed = verify_status_list_token(token, public_key_jwk=key, expected_uri=reference.uri, leeway_s=0)
    assert listed["iss"] == claims["iss"]
    assert listed["exp"] - listed["iat"] == 86_400
    assert listed["ttl"] == 60
    status_list = listed["status_list"]
    return int(
        others.get_status(others.decode_status_list(status_list["lst"]), reference.index, bits=status_list["bits"])
    )


def badge(world, certificate: StoredCertificate) -> dict[str, object]:
    place = certificate.reservation
    address = badge_address("", world.home.issuer, place.status_list, place.status_index)
    return world.pages().get(f"{address}.json").json()


def test_list_and_badge_follow_a_certificate_through_its_life(world) -> None:
    certificate, neighbour = world.certificates("1")[5:7]
    number, ticks = certificate.reservation.number, [0.0]
    publisher = publisher_of(world.home, ticks)

    def seen() -> tuple[int, int, object]:
        world.home.catch_up()
        ticks[0] += LOOK_SECONDS
        token = publisher.token(0)
        assert token is not None
        # What is kept and changed as news comes is what anybody builds from nothing.
        return read_by_others(world, certificate, token.text), read_by_others(world, certificate), badge_word()

    def badge_word() -> object:
        told = badge(world, certificate)
        assert told["test_chain"] is True
        return told["status"]

    assert seen() == (0, 0, "valid")
    world.run("cert", "suspend", number, "--reason", "investigation", "--as", "maker-1")
    assert seen() == (2, 2, "suspended")
    request = json.loads(world.run("cert", "reinstate", number, "--as", "maker-1", "--json"))["id"]
    assert seen() == (2, 2, "suspended")
    world.run("cert", "approve", request, "--as", "approver-1")
    assert seen() == (0, 0, "valid")
    world.run("cert", "revoke", number, "--reason", "misconduct", "--as", "maker-1", "--approve-as", "approver-1")
    assert seen() == (1, 1, "revoked")
    assert read_by_others(world, neighbour) == 0
    assert badge(world, neighbour)["status"] == "valid"


def test_list_follows_a_batch_as_a_whole(world) -> None:
    certificates, ticks = world.certificates("3"), [0.0]
    publisher, batch = publisher_of(world.home, ticks), certificates[0].batch.id

    def codes() -> list[int]:
        world.home.catch_up()
        ticks[0] += LOOK_SECONDS
        token, afresh = publisher.token(0), publisher_of(world.home, [0.0]).token(0)
        assert token is not None
        assert afresh is not None
        claims, others_claims = (json.loads(unb64url(one.text.split(".")[1])) for one in (token, afresh))
        assert claims["status_list"] == others_claims["status_list"]
        octets = others.decode_status_list(claims["status_list"]["lst"])
        places = [one.reservation for one in certificates]
        return [int(others.get_status(octets, one.status_index, bits=2)) for one in places]

    before = codes()
    assert 0 in before
    world.run("batch", "suspend", batch, "--as", "maker-1")
    assert codes() == [code or 2 for code in before]
    lift = json.loads(world.run("batch", "reinstate", batch, "--as", "maker-1", "--json"))["id"]
    world.run("cert", "approve", lift, "--as", "approver-1")
    assert codes() == before


def test_what_was_read_a_moment_ago_is_not_read_again_and_a_minute_brings_it(world) -> None:
    ticks, certificate = [0.0], world.certificates("1")[7]
    publisher = publisher_of(world.home, ticks)
    before = publisher.token(0)
    number = certificate.reservation.number
    world.run("cert", "suspend", number, "--reason", "investigation", "--as", "maker-1")
    world.home.catch_up()
    assert publisher.token(0) is before
    ticks[0] += 60
    after = publisher.token(0)
    assert after is not None
    assert read_by_others(world, certificate, after.text) == 2


def test_list_is_as_old_as_what_is_known_and_lapses_without_news(world) -> None:
    with world.home.store.read() as unit:
        read_at = unit.projection.head().read_at
    token = publisher_of(world.home, [0.0], timedelta(hours=20)).token(0)
    assert token is not None
    assert token.issued_at <= read_at.timestamp()
    with pytest.raises(StatusKnowledgeLapsed) as lapsed:
        publisher_of(world.home, [0.0], timedelta(hours=24)).token(0)
    assert lapsed.value.read_at == read_at


def test_lists_that_are_not_there_are_not_found(world) -> None:
    pages = world.pages()
    for path in (f"/status/{world.home.issuer}/1", "/status/OTHER/0", f"/status/{world.home.issuer}/00"):
        answer = pages.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "published/nothing"), path


def test_unused_places_and_those_of_others_look_alike(world) -> None:
    with world.home.store.read() as unit:
        used = unit.batches.used_status_indices(0)
    unused = next(index for index in range(1 << 17) if index not in used)
    pages = world.pages()
    paths = (
        f"{world.home.issuer}/0/{unused}",
        f"{world.home.issuer}/7/3",
        f"{world.home.issuer}/0/9999999",
        "OTHER/0/3",
    )
    told = [pages.get(f"/badge/{path}.json") for path in paths]
    assert {answer.status_code for answer in told} == {200}
    assert {answer.json()["status"] for answer in told} == {"cannot-say"}
    assert {answer.headers["Cache-Control"] for answer in told} == {"public, max-age=60"}


def test_badge_leads_nowhere_and_names_nobody(world) -> None:
    certificate = world.certificates("1")[6]
    place = certificate.reservation
    address = badge_address("", world.home.issuer, place.status_list, place.status_index)
    name, pages = world.name_of(certificate), world.pages()
    told = pages.get(f"{address}.svg").text + pages.get(f"{address}.json").text
    for secret in (name, place.key, place.number, place.jti, place.person, "href", "/C/", "<script"):
        assert secret not in told


def test_bundle_under_a_key_is_the_delivered_one(world) -> None:
    certificate = world.certificates("1")[6]
    answer = world.pages().get(f"/v1/certificates/{certificate.reservation.key.lower()}/bundle")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.content == world.bundle(certificate).read_bytes()
    unknown = world.pages().get(f"/v1/certificates/{'Z' * 26}/bundle")
    impossible = world.pages().get("/v1/certificates/1/bundle")
    assert (unknown.status_code, unknown.content) == (404, impossible.content)
    assert unknown.json()["code"] == "delivery/no-document"


def test_verdicts_name_a_test_chain_only_where_it_is_one(world) -> None:
    home = Home(world.home.path)
    assert home.verifier().test_chain == home.installation.chain.chain_id
    chain = home.installation.chain.model_copy(update={"test_chain": False})
    home.installation = home.installation.model_copy(update={"chain": chain})
    assert home.verifier().test_chain == chain.chain_id  # from localhost, without TLS, nobody issues real ones
    home.installation = home.installation.model_copy(update={"public_base_url": "https://v.example.cn"})
    assert home.verifier().test_chain is None
