"""Where an installation lies and what it is: the data folder, and `vermilion.toml` in it. Read once, passed down as
values.
"""

import ipaddress
import json
import os
import tomllib
import unicodedata
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from registry.kernel.errors import Conflict, MalformedInput, Missing

DEFAULT_HOMES: Final = (Path("vermilion-data"), Path("demo-data"))
"""Tried in this order where neither --home nor VERMILION_HOME says otherwise."""
CONFIG_FILE: Final = "vermilion.toml"


class HomeMissing(Missing):
    """There is no data folder of ours."""

    code = "home/missing"

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"no installation at {path}: expected {CONFIG_FILE} in it")


class HomeOccupied(Conflict):
    """A data folder is to be made where something else lies."""

    code = "home/occupied"

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{path} holds another installation or other files")


class ConfigurationMalformed(MalformedInput):
    """`vermilion.toml` cannot be used."""

    code = "home/configuration"

    def __init__(self, path: Path, where: str, reason: str) -> None:
        self.path, self.where, self.reason = path, where, reason
        super().__init__(f"{path}: {where}: {reason}")


class Surroundings(BaseSettings):
    """What the environment may say; secrets never come from there."""

    model_config = SettingsConfigDict(env_prefix="VERMILION_", frozen=True, extra="ignore")

    home: Path | None = None
    person: str | None = None
    """Who acts, where a command does not say it with --as."""
    lang: str | None = None
    """zh or en."""


def _printable(text: str) -> str:
    """Take a text that will be printed on certificates. Raises ValueError."""
    if text != unicodedata.normalize("NFC", text) or any(
        unicodedata.category(one)[0] in "CZ" and one != " " for one in text
    ):
        raise ValueError("expected printable text in composed form (NFC), without line breaks")
    return text


Printed = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]


def _network(text: str) -> str:
    """Take an address or a network. Raises ValueError."""
    return str(ipaddress.ip_network(text))


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Contact(_Part):
    """Whom readers may ask about a certificate."""

    hours_zh: str = "工作日 9:00–17:30"
    hours_en: str = "weekdays 9:00 to 17:30 (UTC+8)"
    telephone: str | None = None
    email: str | None = None


class IssuerSettings(_Part):
    """The issuing body whose registry this is."""

    code: Annotated[str, Field(pattern=r"^[A-Z0-9-]{2,31}$")]
    name_zh: Printed
    name_en: Printed | None = None
    place: Printed | None = None
    contact: Contact = Contact()


class ChainSettings(_Part):
    """Which chain, and how it is reached."""

    chain_id: Annotated[int, Field(ge=1)] = 20268
    node_url: str | None = None
    """A node of a consortium; none = the embedded chain in the data folder."""
    test_chain: bool = True
    """Every verdict then says so."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8545
    """Where the embedded chain answers JSON-RPC, on loopback."""
    max_age_seconds: Annotated[int, Field(ge=1)] = 60
    """Knowledge older than this leaves the present standing unanswered."""


class StoreSettings(_Part):
    """How the data folder's disk is kept."""

    floor_megabytes: Annotated[int, Field(ge=0)] = 512
    """Free MiB below which nothing new is accepted, so that what was accepted can be finished."""


class WebSettings(_Part):
    """What stands before the web server."""

    trusted_proxies: tuple[Annotated[str, AfterValidator(_network)], ...] = ("127.0.0.1/32", "::1/128")
    """Addresses or networks, such as `10.0.0.0/8`, that are believed about whom they serve (X-Forwarded-For)."""


class ApproverSettings(_Part):
    """Who holds the approver's key, where it is a process of its own and not a key file."""

    signer: Annotated[str, Field(pattern=r"^(unix:///.+|https?://.+)$")]
    """`unix:///run/vermilion/approver.sock` or `http://127.0.0.1:9000`."""
    method: Literal["eth_signTypedData_v4", "eth_signTypedData", "account_signTypedData"] = "eth_signTypedData_v4"
    """How it is asked: as our own signer and wallets are, as Web3Signer is, as Clef is."""
    account: Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")] | None = None
    """Needed where the signer has more than one."""


class PrintSettings(_Part):
    """How certificates are printed; paths are within the data folder, or absolute."""

    seal: Annotated[str, Field(pattern=r"(?i)\.(svg|png)$")] | None = None
    """Picture of the issuer's own seal, SVG or PNG; without it every paper is marked as a specimen (样张)."""
    fonts: str | None = None
    """A folder of fonts beside the machine's, such as one with the rare characters of names."""


class Installation(_Part):
    """Everything in `vermilion.toml`."""

    public_base_url: Annotated[str, Field(pattern=r"^(https://[a-z0-9.-]+(:\d+)?|http://localhost(:\d+)?)$")]
    """Scheme and host as printed; permanent, since it is in every certificate."""
    issuer: IssuerSettings
    programmes: tuple[str, ...]
    """Codes of the programmes that are issued."""
    machine_passphrases: bool = False
    """The key files open with passphrases that lie beside them: for demonstrations and test machines only."""
    chain: ChainSettings = ChainSettings()
    store: StoreSettings = StoreSettings()
    web: WebSettings = WebSettings()
    print: PrintSettings = PrintSettings()
    names: dict[Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")], Printed] = {}
    """What accounts of the consortium are called here; the chain knows addresses alone."""
    approver: ApproverSettings | None = None
    """None = the approver's key is a file, or a wallet whose signatures are handed in."""

    @property
    def is_test(self) -> bool:
        """Whether this is no place for real certificates: a test chain, or one of localhost, which goes without TLS."""
        return self.chain.test_chain or not self.public_base_url.startswith("https://")


def find_home(named: Path | None) -> Path:
    """Choose the data folder: the named one, VERMILION_HOME, or the first of the default ones that is there."""
    chosen = named or Surroundings().home
    if chosen is not None:
        return chosen
    return next((path for path in DEFAULT_HOMES if (path / CONFIG_FILE).is_file()), DEFAULT_HOMES[0])


def read_installation(home: Path) -> Installation:
    """Read `vermilion.toml`. Raises HomeMissing, ConfigurationMalformed."""
    path = home / CONFIG_FILE
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise HomeMissing(home) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationMalformed(path, "file", str(error)) from error
    return installation_of(document, path)


def installation_of(document: dict[str, object], path: Path) -> Installation:
    """Check the members of an installation. Raises ConfigurationMalformed."""
    try:
        return Installation.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigurationMalformed(path, ".".join(str(part) for part in first["loc"]), first["msg"]) from error


def write_installation(home: Path, installation: Installation) -> None:
    """Write `vermilion.toml`, whole or not at all."""
    lines = [
        "# What this registry is. public_base_url and issuer.code stand in every certificate: never change them.",
        *_table("", installation.model_dump(exclude_none=True, mode="json")),
    ]
    temporary = home / f".{CONFIG_FILE}.new"
    temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    os.replace(temporary, home / CONFIG_FILE)


def _table(name: str, members: dict[str, object]) -> list[str]:
    lines = [f"\n[{name}]"] if name else []
    lines += [f"{key} = {_toml(value)}" for key, value in members.items() if not isinstance(value, dict)]
    for key, value in members.items():
        if isinstance(value, dict):
            lines += _table(f"{name}.{key}" if name else key, value)
    return lines


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)  # a JSON string without control characters is a TOML string
    return str(value)
