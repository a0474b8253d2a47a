"""Present: how certificates and batches stand by the records read so far."""

from registry.anchor.facts import batch_flags, joint_status, own_status
from registry.anchor.history import BatchFlag
from registry.anchor.progress import Batch
from registry.kernel.identifiers import BatchId, IssuerCode
from registry.ports.storage import StoredCertificate, UnitOfWork
from registry.status import Status


def present_status(unit: UnitOfWork, certificate: StoredCertificate) -> Status:
    """Give a certificate's own status."""
    batch, leaf = certificate.batch, certificate.reservation.leaf
    records = unit.projection.concerning(batch.issuer, batch.batch, leaf)
    return own_status(records, batch.issuer, batch.batch, leaf)


def present_standing(unit: UnitOfWork, certificate: StoredCertificate) -> Status:
    """Give a certificate's status together with its batch's, as a verdict does."""
    return standing_at(unit, certificate.batch.issuer, certificate.batch.batch, certificate.reservation.leaf)


def standing_at(unit: UnitOfWork, issuer: IssuerCode, batch: BatchId, leaf: int) -> Status:
    """Give the same of whatever certificate stands at a leaf of a batch on the chain."""
    records = unit.projection.concerning(issuer, batch, leaf)
    return joint_status(own_status(records, issuer, batch, leaf), batch_flags(records, issuer, batch))


def present_flags(unit: UnitOfWork, batch: Batch) -> BatchFlag:
    """Give what holds for a batch as a whole."""
    return batch_flags(unit.projection.of_batch(batch.issuer, batch.batch), batch.issuer, batch.batch)
