"""A holder's copy on paper (加注): the certificate with the fields that its holder chose, stamped at the foot.

What travels inside is the copy itself (bundle and signed statement), and nothing beside it: whoever drops the file
anywhere is told for whom it was made. The QR code leads to the holder's link for this copy, never to the certificate's
own key, which would show what the holder left out.
"""

from registry.delivery.bundle import parse_bundle
from registry.delivery.certificate_pdf import Press, paper_values
from registry.delivery.copies import COPY_SUFFIX, copy_bytes
from registry.delivery.typesetting import Attachment, typeset
from registry.kernel.statements import Statement

STAMPED_SUFFIX = "-copy.pdf"


def stamped_pdf(
    press: Press,
    bundle: bytes,
    statement: Statement,
    address: str,
    *,
    until: str,
    photograph: bytes | None = None,
) -> bytes:
    """Draw a copy: page and attachment hold the bundle's fields, the foot what the statement says.

    `statement` is of type holder-copy+jwt, `address` what the QR code holds, `until` the last day as YYYY-MM-DD.
    `photograph` is drawn where the holder chose to show it. Raises GlyphMissing; for a bundle as parse_bundle.
    """
    document = parse_bundle(bundle)
    credential = document.credential
    values = paper_values(press, credential, document.anchor, address, photograph)
    stamp = {"audience": statement.claims["audience"], "purpose": statement.claims["purpose"], "until": until}
    return typeset(
        f"certificate-{credential.terms.certificate_type.code}",
        {**values, "stamp": stamp},
        attachments=(
            Attachment(
                name=credential.entry.license_number + COPY_SUFFIX,
                media_type="application/json",
                relationship="supplement",
                description="The copy: the certificate with the chosen fields, and for whom, for what and until when",
                data=copy_bytes(bundle, statement),
            ),
        ),
        at=statement.issued_at,
        fonts=press.fonts,
    )
