"""Addresses of the form `weaviate://…` are parsed, and wrong ones are refused with a reason."""

import pytest

from phosphene.errors import LibraryError
from phosphene.store.weaviate.address import Address, Endpoint, External


def test_host_and_collection_are_enough() -> None:
    address = Address.parse("weaviate://localhost/Photos")

    assert address == Address((Endpoint("localhost", 8080, 50051),), "Photos")
    assert not address.secure and address.timeout == 10


def test_every_option_is_read() -> None:
    address = Address.parse(
        "weaviates://one:1,two:2/Photos?grpc=3,4&tenant=me&replicas=3&consistency=quorum&timeout=2.5"
    )

    assert address == Address(
        (Endpoint("one", 1, 3), Endpoint("two", 2, 4)),
        "Photos",
        secure=True,
        tenant="me",
        replicas=3,
        consistency="quorum",
        timeout=2.5,
    )


def test_one_grpc_port_serves_all_hosts_and_tls_has_its_own_ports() -> None:
    assert [each.grpc for each in Address.parse("weaviate://a,b/X?grpc=7").endpoints] == [7, 7]
    assert Address.parse("weaviates://cloud.example.com/X").endpoints == (
        Endpoint("cloud.example.com", 443, 443),
    )


def test_ipv6_hosts_stand_in_brackets() -> None:
    address = Address.parse("weaviate://[::1]:8081/X")

    assert address.endpoints == (Endpoint("::1", 8081, 50051),)
    assert str(address) == "weaviate://[::1]:8081/X"


def test_a_collection_of_others_says_how_to_read_it() -> None:
    address = Address.parse("weaviate://h/Theirs?vector=clip&image=photo&model=ViT-B-32/openai")

    assert address.external == External("clip", "photo", "", "ViT-B-32/openai")


@pytest.mark.parametrize(
    "text",
    [
        "weaviate://localhost/Photos",
        "weaviate://a:1,b:2/X?grpc=3,4&tenant=me&replicas=3&consistency=one&timeout=0.5",
        "weaviates://a/X?grpc=50051",
        "weaviate://[::1]/X?grpc=9",
        "weaviate://h/Theirs?vector=clip&caption=title&model=hf-hub:ORG/NAME",
    ],
)
def test_the_whole_address_leads_back(text: str) -> None:
    address = Address.parse(text)

    assert Address.parse(address.url) == address


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("http://localhost/Photos", "the scheme `http` is neither"),
        ("weaviate://localhost/photos", "`photos` is not a capital letter"),
        ("weaviate://localhost", "`` is not a capital letter"),
        ("weaviate:///Photos", "it names no host"),
        ("weaviate://a:b:c/Photos", "`a:b:c` is not a host"),
        ("weaviate://h:0/Photos", "`0` is not a port"),
        ("weaviate://h/Photos?grpc=x", "`x` is not a port"),
        ("weaviate://a,b,c/Photos?grpc=1,2", "2 gRPC ports for 3 hosts"),
        ("weaviate://h/Photos?colour=red", "it has no option `colour`"),
        ("weaviate://h/Photos?replicas=0", "`replicas=0` is not a number of replicas"),
        ("weaviate://h/Photos?consistency=most", "one, quorum, all"),
        ("weaviate://h/Photos?tenant=a/b", "`tenant=a/b` is not 1 to 64"),
        ("weaviate://h/Photos?timeout=soon", "`timeout=soon` is not a number of seconds"),
        ("weaviate://h/Photos?timeout=0", "`timeout=0` is not a number of seconds"),
    ],
)
def test_a_wrong_address_is_named(text: str, wrong: str) -> None:
    with pytest.raises(LibraryError) as caught:
        Address.parse(text)

    assert wrong in caught.value.message
    assert "weaviate://HOST" in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "weaviate://secret@h/Photos",
        "weaviate://me:secret@h/Photos",
        "weaviate://me:secr/et@secret@h/Photos",
        "weaviate://me:secret?&x#y@h/Photos",
        "https://me:secret@h/Photos",
        "weaviate://h/Photos?api_key=secret",
        "weaviate://h/Photos?secret",
        "weaviate://h/Photos?model=landscape&key=me@secret",
    ],
)
def test_a_key_in_an_address_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(LibraryError) as caught:
        Address.parse(text)

    assert "secr" not in caught.value.message + caught.value.hint


def test_an_address_with_a_password_is_told_where_the_key_belongs() -> None:
    with pytest.raises(LibraryError) as caught:
        Address.parse("weaviate://me:secret@h/Photos")

    assert "WEAVIATE_API_KEY" in caught.value.hint


def test_a_checkpoint_in_an_address_is_no_password() -> None:
    address = Address.parse("weaviate://h/Photos?vector=clip&model=ViT-B-32@/weights/mine.pt")

    assert address.external is not None
    assert address.external.model == "ViT-B-32@/weights/mine.pt"
