"""A certificate that somebody else keeps in two files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from servicegraph import certificates
from servicegraph.cli.webhook import is_wanted
from servicegraph.errors import BadInput, SettingsError
from servicegraph.reconcile.health import HealthBoard
from servicegraph.reconcile.webhook_files import WebhookFiles
from servicegraph.settings import Settings
from servicegraph_api.tls import Shown

if TYPE_CHECKING:
    from pathlib import Path


class Files:
    """The two files, who follows them, and what was shown."""

    def __init__(self, folder: Path) -> None:
        self.paths = folder / "tls.crt", folder / "tls.key"
        settings = Settings(webhook_cert=str(self.paths[0]), webhook_key=str(self.paths[1]))
        self.shown: list[bytes] = []
        self._real = Shown()
        self.follower = WebhookFiles(settings, HealthBoard(), self._show)

    def write(self, certificate: bytes, key: bytes) -> None:
        for path, content in zip(self.paths, (certificate, key), strict=True):
            path.write_bytes(content)

    def _show(self, certificate: bytes, key: bytes) -> None:
        self._real.show(certificate, key)
        self.shown.append(certificate)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


async def test_they_are_shown_and_again_only_when_they_change(files: Files) -> None:
    _, certificate, key = certificates.server_certificate()
    files.write(certificate, key)
    await files.follower.look()
    await files.follower.look()
    assert files.shown == [certificate]
    _, second, key = certificates.server_certificate()
    files.write(second, key)
    await files.follower.look()
    assert files.shown == [certificate, second]


async def test_half_of_a_new_pair_is_not_shown_until_the_other_half_is_there(files: Files) -> None:
    _, certificate, key = certificates.server_certificate()
    files.write(certificate, key)
    await files.follower.look()
    _, second, second_key = certificates.server_certificate()
    files.write(second, key)
    with pytest.raises(BadInput, match="cannot be used together"):
        await files.follower.look()
    assert files.shown == [certificate]
    files.write(second, second_key)
    await files.follower.look()
    assert files.shown == [certificate, second]


async def test_what_is_wrong_with_them_is_said(files: Files) -> None:
    with pytest.raises(BadInput, match=r"tls\.crt: No such file"):
        await files.follower.look()
    files.write(b"no certificate", b"no key")
    with pytest.raises(BadInput, match="WEBHOOK_CERT: the file holds no certificate"):
        await files.follower.look()


@pytest.mark.parametrize("given", [{"webhook_cert": "/a"}, {"webhook_key": "/a"}])
def test_one_without_the_other_is_no_setting(given: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="go together; set both"):
        WebhookFiles(Settings(**given), HealthBoard(), Shown().show)


def test_the_port_is_open_only_where_it_is_wanted() -> None:
    wanted = Settings(webhook_configuration="servicegraph")
    assert is_wanted(wanted, "all")
    assert is_wanted(wanted, "controller")
    assert not is_wanted(wanted, "api")
    assert not is_wanted(Settings(), "all")
