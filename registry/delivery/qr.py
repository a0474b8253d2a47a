"""The QR code on the paper: the certificate's address in capitals, ECC level Q, as vector graphics."""

import io
from dataclasses import dataclass
from typing import Final

import segno

from registry.kernel.errors import RuleRefusal

QUIET_ZONE: Final = 4
"""Modules of white on each side (ISO/IEC 18004)."""
SMALLEST_SIDE_MM: Final = 26.0
_SMALLEST_MODULE_MM: Final = 0.8
"""At 72 dpi such a module is 2.3 pixels wide."""
_LARGEST_VERSION: Final = 10


class AddressTooLong(RuleRefusal):
    """The public address is too long for a code that a telephone reads from paper."""

    code = "delivery/address-too-long"

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__(f"expected an address that fits a QR code of version {_LARGEST_VERSION}, got {len(address)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class QrCode:
    """A drawn code with its quiet zone."""

    address: str
    svg: str
    side_mm: float
    """Of the whole picture, quiet zone included."""


def qr_code(address: str) -> QrCode:
    """Draw an address. Raises AddressTooLong."""
    try:
        code = segno.make(address, error="q", boost_error=False, micro=False)
    except segno.DataOverflowError as error:
        raise AddressTooLong(address) from error
    if int(code.version) > _LARGEST_VERSION:
        raise AddressTooLong(address)
    modules = code.symbol_size(scale=1, border=0)[0]
    module = max(SMALLEST_SIDE_MM / modules, _SMALLEST_MODULE_MM)
    picture = io.BytesIO()
    code.save(
        picture, kind="svg", border=QUIET_ZONE, dark="#000", light="#fff", xmldecl=False, svgclass=None, lineclass=None
    )
    return QrCode(address=address, svg=picture.getvalue().decode(), side_mm=(modules + 2 * QUIET_ZONE) * module)
