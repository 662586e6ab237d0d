"""Variables that would break every connection are named."""

import pytest

from titletui.errors import TitletuiError
from titletui.network import create_client, network_problems


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:9", "is a SOCKS proxy"),
        ("HTTPS_PROXY", "foo://proxy:8080", "unknown scheme"),
        ("NO_PROXY", "localhost,[::1]", "brackets"),
        ("SSL_CERT_FILE", "/nowhere", "does not exist"),
    ],
)
def test_a_client_that_cannot_be_created_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(TitletuiError, match=rf"^{name}=.*{message}.*[.;]"):
        create_client()


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"HF_ENDPOINT": "hf.example.org"}, "write https://hf.example.org"),
        ({"HF_TOKEN": "hf_x\n"}, "the token alone"),
    ],
)
def test_settings_of_the_hub_are_checked(variables: dict[str, str], message: str) -> None:
    (problem,) = network_problems(variables)
    assert message in problem
    assert "hf_x" not in problem


def test_valid_variables_are_no_problem() -> None:
    good = {"HTTPS_PROXY": "http://proxy:8080", "NO_PROXY": "::1,localhost", "HF_TOKEN": "hf_x"}
    assert list(network_problems(good)) == []
