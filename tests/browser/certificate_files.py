"""Real certificates as files, a site that judges them, and PDFs that carry them as ours do."""

import io
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache

import pikepdf

from registry.delivery.certificate_pdf import Press, certificate_pdf
from registry.kernel.identifiers import CertificateKey
from registry.verification import Claimed, Report, judge_claimed
from registry.verification.model import Outcome
from tests.http.sample_reports import REPORTS
from tests.unit.registry.verification.scene import NOW, Chain, chain_in_order


@dataclass(slots=True)
class SceneVerifier:
    """Judges real documents by a chain that tests write."""

    chain: Chain = field(default_factory=chain_in_order)
    asked: list[Claimed] = field(default_factory=list)
    """What was asked by place alone."""
    as_of: datetime | None = None

    def at(self, moment: datetime) -> "SceneVerifier":
        return replace(self, as_of=moment)

    def by_document(self, data: bytes) -> Report:
        return self.chain.judge_document(data, as_of=self.as_of)

    def by_claim(self, claimed: Claimed, *, checked: bool) -> Report:
        self.asked.append(claimed)
        return judge_claimed(claimed, self.chain.circumstances(as_of=self.as_of), checked=checked)

    def by_key(self, key: str) -> Report:  # noqa: ARG002 - this site keeps nothing
        return replace(REPORTS[Outcome.NOT_FOUND], judged_at=NOW)

    def by_number_and_name(self, number: str, name: str) -> Report:  # noqa: ARG002 - it keeps nothing
        return replace(REPORTS[Outcome.NOT_FOUND], judged_at=NOW)


@cache
def printed() -> bytes:
    """The certificate of the scene as the PDF that its holder has."""
    submission = chain_in_order().submission()
    assert submission.receipt is not None
    assert submission.key is not None
    return certificate_pdf(
        Press(base_url="https://zs.example.cn"),
        submission.credential,
        submission.receipt,
        submission.key,
        CertificateKey("A" * 26),
    )


def pdf_with(*attachments: tuple[str, bytes], password: str = "", compress: bool = True) -> bytes:
    """Write a PDF of one page with embedded files, as they lie in our certificates."""
    document = pikepdf.new()
    document.add_blank_page(page_size=(595, 842))
    for name, data in attachments:
        document.attachments[name] = pikepdf.AttachedFileSpec(document, data, filename=name)
    written = io.BytesIO()
    encryption = pikepdf.Encryption(owner=password, user=password) if password else False
    document.save(
        written,
        encryption=encryption,
        compress_streams=compress,
        object_stream_mode=pikepdf.ObjectStreamMode.generate if compress else pikepdf.ObjectStreamMode.disable,
    )
    return written.getvalue()
