"""Only exact origins from the settings are spoken to."""

from __future__ import annotations

import pytest

from connector.errors import SettingsError
from connector.http.allow import Gate
from connector.plugin import AllowList

GATE = Gate(
    AllowList(("https://www.zohoapis.com", "https://accounts.zoho.com", "https://a.test:8443"))
)
LOCAL = Gate(
    AllowList(("http://127.0.0.1:8801", "http://localhost:8802", "http://[::1]:8803"), True)
)

ALLOWED = [
    "https://www.zohoapis.com",
    "https://www.zohoapis.com/",
    "https://www.zohoapis.com:443/crm/v8/org",
    "https://WWW.ZohoApis.COM/crm/v8/org",
    "HTTPS://www.zohoapis.com/crm",
    "https://www.zohoapis.com/crm/v8/Contacts?fields=a,b&x=1#frag",
    "https://accounts.zoho.com/oauth/v2/token",
    "https://a.test:8443/x",
    "https://www.zohoapis.com/a%40b/@c",
]

REFUSED = [
    "http://www.zohoapis.com/",
    "https://www.zohoapis.com.evil/",
    "https://www.zohoapis.com.evil.test/",
    "https://zohoapis.com/",
    "https://evil.www.zohoapis.com/",
    "https://www-zohoapis.com/",
    "https://www.zohoapis.co/",
    "https://www.zohoapis.com.cn/",
    "https://www.zohoapis.com./",
    "https://www.zohoapis.com:8443/",
    "https://www.zohoapis.com:80/",
    "https://www.zohoapis.com:/",
    "https://www.zohoapis.com:99999/",
    "https://www.zohoapis.com:44_3/",
    "https://a.test/",
    "https://user@www.zohoapis.com/",
    "https://user:secret@www.zohoapis.com/",
    "https://www.zohoapis.com@evil.test/",
    "https://www.zohoapis.com:443@evil.test/",
    "https://evil.test#@www.zohoapis.com/",
    "https://evil.test?@www.zohoapis.com/",
    "https://evil.test\\@www.zohoapis.com/",
    "https://evil.test/\\@www.zohoapis.com/",
    "https://www.zohoapis.com\\.evil.test/",
    "https:\\\\www.zohoapis.com/",
    "https:/www.zohoapis.com/",
    "https:www.zohoapis.com/",
    "//www.zohoapis.com/",
    "www.zohoapis.com/",
    "",
    "https://",
    "https:///crm",
    "ftp://www.zohoapis.com/",
    "file:///etc/passwd",
    "gopher://www.zohoapis.com/",
    "javascript:alert(1)",
    "data:text/plain,x",
    " https://www.zohoapis.com/",
    "https://www.zohoapis.com /",
    "https://www.zohoapis.com/\r\nHost: evil.test",
    "https://www.zoho\tapis.com/",
    "https://www.zohoapis.com\x00.evil.test/",
    "https://www.zohoapis。com/",
    "https://www.zohoаpis.com/",
    "https://ｗｗｗ.zohoapis.com/",
    "https://www.zohoapiſ.com/",
    "https://xn--www-zohoapis.com/",
    "https://127.0.0.1/",
    "https://127.0.0.1:8801/",
    "http://127.0.0.1:8801/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://0/",
    "https://localhost/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[fe80::1%25eth0]/",
    "https://[::1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://10.0.0.1/",
    "https://www.zohoapis.com%2eevil.test/",
    "https://www.zohoapis.com%00.evil.test/",
    "https://%77ww.zohoapis.com/",
]


@pytest.mark.parametrize("url", ALLOWED)
def test_a_configured_origin_is_allowed_however_it_is_written(url: str) -> None:
    GATE.check(url)


@pytest.mark.parametrize("url", REFUSED)
def test_every_other_address_is_refused(url: str) -> None:
    with pytest.raises(SettingsError):
        GATE.check(url)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8801/x", "http://localhost:8802/x", "http://[::1]:8803/x"],
)
def test_loopback_is_allowed_for_sandboxes_only(url: str) -> None:
    LOCAL.check(url)
    with pytest.raises(SettingsError):
        GATE.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8802/",
        "http://127.0.0.1/",
        "https://127.0.0.1:8801/",
        "http://127.0.0.2:8801/",
        "http://127.0.0.1.evil.test:8801/",
        "http://localhost.evil.test:8802/",
        "http://2130706433:8801/",
        "http://0:8801/",
        "http://10.0.0.1:8801/",
        "http://a@127.0.0.1:8801/",
    ],
)
def test_the_loopback_flag_opens_the_named_ports_only(url: str) -> None:
    with pytest.raises(SettingsError):
        LOCAL.check(url)


@pytest.mark.parametrize(
    "origin",
    [
        "http://api.test",
        "https://127.0.0.1:1",
        "https://10.0.0.1",
        "https://2130706433",
        "https://user@api.test",
        "https://api.test/path",
        "https://api.test?x=1",
        "api.test",
        "https://*.api.test",
        "https://",
    ],
)
def test_an_origin_that_may_never_be_allowed_is_refused_at_start(origin: str) -> None:
    with pytest.raises(SettingsError):
        Gate(AllowList((origin,)))


def test_plain_http_stays_refused_under_the_loopback_flag() -> None:
    with pytest.raises(SettingsError, match="not https"):
        Gate(AllowList(("http://api.test",), True))


def test_a_refusal_names_hosts_and_shows_neither_path_nor_query() -> None:
    with pytest.raises(SettingsError) as caught:
        GATE.check("https://evil.test/path?email=a@example.test")
    assert "evil.test:443" in str(caught.value)
    assert "https://www.zohoapis.com:443" in str(caught.value)
    assert "path" not in str(caught.value) and "example" not in str(caught.value)
