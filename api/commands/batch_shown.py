"""Batches as commands print them: where each stands, what is safe, the one next command."""

from typing import Any, Final

from api.commands.replacing_shown import print_supersessions, supersessions
from api.errors import advice
from api.situations import WORDS, command_for
from api.terminal import OUT, counted, moment, next_command, print_fields, print_json, said, shown, with_home
from api.wiring import Home
from registry.anchor.history import BatchFlag
from registry.anchor.progress import Batch
from registry.anchor.states import AnchorState
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import b64url
from registry.workflows.issuance.stand import Standing, standing
from registry.workflows.lineage.present import present_flags
from registry.workflows.lineage.succession import lacks_bundles

_FLAGS: Final = {
    BatchFlag.SUSPENDED_BY_ISSUER: ("本机构已暂停", "suspended by issuer"),
    BatchFlag.SUSPENDED_BY_MEMBERS: ("联盟成员已暂停", "suspended by members"),
    BatchFlag.REVOKED: ("联盟成员已撤销", "revoked by members"),
    BatchFlag.REAFFIRMED: ("联盟成员已重新确认", "reaffirmed by members"),
}
"""What may hold for a batch as a whole."""


def flag_words(flags: BatchFlag) -> list[str]:
    """Name what holds for a batch as a whole."""
    return [said(*_FLAGS[flag]) for flag in BatchFlag if flag & flags]


def undelivered_word(batch: Batch) -> list[str]:
    """Say of a recorded batch that it is not delivered yet; nothing of any other."""
    delivering = batch.state is AnchorState.FINAL and batch.delivered_at is None
    return [said("未交付", "not delivered")] if delivering else []


def undelivered(home: Home) -> list[str]:
    """Name the batches that are recorded, of which bundles were never all written, and that nothing holds back."""
    with home.store.read() as unit:
        return [one.id for one in unit.batches.batches(AnchorState.FINAL) if lacks_bundles(unit, one)]


def standing_of(home: Home, batch: Batch) -> Standing:
    """Say where a batch stands."""
    from api.desk import desk_is_running

    with home.store.read() as unit:
        return standing(unit, batch, home.clock.now(), desk_runs=desk_is_running(home))


def batch_document(home: Home, batch: Batch, *, flags: BatchFlag | None = None) -> dict[str, Any]:
    """Write a batch as plain values; `flags` where it was read what holds for it as a whole."""
    placement, stands = batch.placement, standing_of(home, batch)
    words = WORDS[stands.situation]
    held = {} if flags is None else {"flags": [_FLAGS[flag][1].replace(" ", "-") for flag in BatchFlag if flag & flags]}
    return held | {
        "id": batch.id,
        "batch": b64url(batch.batch),
        "issuer": batch.issuer,
        "scope": batch.scope,
        "size": batch.size,
        "state": batch.state.value,
        "root": b64url(batch.root) if batch.root else None,
        "proposed_by": batch.proposed_by,
        "approved_by": batch.approved_by,
        "transaction": "0x" + batch.transaction.hex() if batch.transaction else None,
        "block": placement.block_number if placement else None,
        "block_time": placement.block_time.astimezone(CHINA_TIME).isoformat() if placement else None,
        "seq": placement.seq if placement else None,
        "delivered": batch.delivered_at is not None,
        "failure": batch.failure,
        "situation": stands.situation.value,
        "happened": {"zh": words.happened_zh, "en": words.happened_en},
        "safe": {"zh": words.safe_zh, "en": words.safe_en},
        "next": with_home(command_for(stands.next)),
    }


def show_batch(home: Home, batch: Batch, *, as_json: bool, with_flags: bool = False) -> None:
    """Print a batch, what happened, what is safe and what comes next; of successors also what they replace."""
    with home.store.read() as unit:
        flags = present_flags(unit, batch) if with_flags else None
        replaced = supersessions(unit, batch)
    if as_json:
        document = batch_document(home, batch, flags=flags)
        print_json({**document, "supersedes": replaced} if replaced else document)
        return
    stands = standing_of(home, batch)
    words = WORDS[stands.situation]
    size = said(f"{batch.size:,}张", counted(batch.size, "certificate"))
    fields: dict[str, object] = {
        said("批次", "batch"): f"{batch.id}  {batch.scope}  {size}",
        said("状态", "state"): "  ".join(
            (said(words.happened_zh, words.happened_en), *flag_words(flags or BatchFlag(0)))
        ),
        said("不会丢", "safe"): said(words.safe_zh, words.safe_en),
    }
    if batch.root is not None:
        fields[said("根", "root")] = b64url(batch.root)
    if batch.placement is not None:
        fields[said("区块", "block")] = f"{batch.placement.block_number}  {moment(batch.placement.block_time)}"
    if batch.failure is not None:
        texts = advice().get(batch.failure)
        cause = batch.failure if texts is None else said(texts.cause_zh, texts.cause_en)
        fields[said("原因", "cause")] = cause if texts is None else f"{cause}  [{batch.failure}]"
    fields[said("怎么办", "what to do")] = said(words.do_zh, words.do_en).rstrip("：:")
    print_fields(fields)
    print_supersessions(replaced, batch.id)
    next_command(command_for(stands.next))


def show_unfinished(home: Home, *, as_json: bool) -> None:
    """Print what every batch that has not come to its end waits for."""
    with home.store.read() as unit:
        batches = [one for one in unit.batches.batches() if not _is_over(one)]
    if as_json:
        print_json([batch_document(home, one) for one in batches])
        return
    if not batches:
        OUT.print(said("没有未完成的批次。", "no batch is unfinished"))
    for one in batches:
        stands = standing_of(home, one)
        words = WORDS[stands.situation]
        OUT.print(f"[bold]{one.id}[/bold]  {shown(one.scope)}  {shown(said(words.happened_zh, words.happened_en))}")
        OUT.print(f"  → {shown(with_home(command_for(stands.next)))}")


def _is_over(batch: Batch) -> bool:
    return batch.state.value == "cancelled" or batch.delivered_at is not None
