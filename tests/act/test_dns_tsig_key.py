"""TSIG keys as admins have them."""

from __future__ import annotations

import pytest

from acme_companion.act.dns.tsig_key import TsigKey, TsigKeyRefused, parse_key
from acme_companion.decide.settings import Secret

SECRET = "c2VjcmV0LW9mLXRoZS1rZXk="


@pytest.mark.parametrize(
    ("text", "key"),
    [
        pytest.param(f'key "acme" {{\n\talgorithm hmac-sha512;\n\tsecret "{SECRET}";\n}};\n',
                     TsigKey("acme", "hmac-sha512", Secret(SECRET)), id="as tsig-keygen prints it"),
        pytest.param(f"# ours\nkey acme. {{ secret {SECRET}; algorithm HMAC-SHA256.; }}; key two {{ secret x; }};",
                     TsigKey("acme.", "hmac-sha256", Secret(SECRET)), id="the first of two, without quotes, clauses turned round"),
        pytest.param(f'/* key "no" {{ secret "{SECRET}"; }}; */ key "acme" {{ // here\n secret "{SECRET}"; }};',
                     TsigKey("acme", "hmac-sha256", Secret(SECRET)), id="comments, and no algorithm"),
        pytest.param(f"acme:{SECRET}", TsigKey("acme", "hmac-sha256", Secret(SECRET)), id="short"),
        pytest.param(f"hmac-md5:acme:{SECRET}\n", TsigKey("acme", "hmac-md5", Secret(SECRET)), id="short with an algorithm"),
    ],
)  # fmt: skip
def test_keys(text, key):
    """BIND's key file in all its spellings, and the short form of nsupdate -y."""
    assert parse_key(text) == key
    assert parse_key(text).for_dnspython().secret == b"secret-of-the-key"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("", 'it holds no key "name" { algorithm …; secret "…"; }; as tsig-keygen prints it', id="empty"),
        pytest.param(f"key acme {{ algorithm ed25519; secret {SECRET}; }};",
                     "'ed25519' is not an algorithm that is known here: hmac-md5, hmac-sha1, hmac-sha224, hmac-sha256, hmac-sha384, hmac-sha512",
                     id="an unknown algorithm"),
        pytest.param("key acme { algorithm hmac-sha256; };", "the key 'acme' has no secret", id="no secret"),
        pytest.param("acme:geheim!", "the secret of the key 'acme' is not base64", id="a secret that is none"),
        pytest.param(f"a..b:{SECRET}", "'a..b' is not the name of a key", id="an odd name"),
    ],
)  # fmt: skip
def test_what_is_no_key_is_refused_without_its_secret(text, sentence):
    """The sentence holds nothing of a secret, however it is misspelt."""
    with pytest.raises(TsigKeyRefused) as refused:
        parse_key(text)
    assert str(refused.value) == sentence
