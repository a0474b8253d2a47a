"""`vermilion cert claim --batch`: claim links for the holders of a batch, in a file that nobody else may read."""

import csv
import io
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from api.commands.account import invitation_link
from api.commands.options import FileUnreadable, cause_of
from api.terminal import OUT, note, print_json, progress, said
from api.wiring import Home
from registry.access import WayIn
from registry.kernel.errors import MalformedInput
from registry.verification.list_result import inert
from registry.workflows.access.sign_in import INVITED_FOR
from registry.workflows.holders.claim_links import ClaimLink, invite_holders_of

_WORDS = {
    WayIn.PASSWORD: ("已设密码", "with a password"),
    WayIn.LINK: ("已有有效链接", "with an open link"),
    WayIn.CLOSED: ("账号已关闭", "with a closed account"),
    WayIn.ERASED: ("资料已删除", "erased"),
}


class ClaimUnclear(MalformedInput):
    """Neither one certificate nor a batch with a file for its links is named, or both are."""

    code = "invitation/whose"

    def __init__(self) -> None:
        super().__init__("expected one certificate's number, or --batch with --out")


def claim_batch(found: Home, batch: str, out: Path, *, by: str, as_json: bool) -> None:
    """Make the links of a batch and write them. Raises NotHere, BatchNotFinal, FileUnreadable."""
    _require_new(out)
    written: list[Path] = []

    def hand_over(links: Sequence[ClaimLink]) -> None:
        _write_whole(out, _links_csv(found, links))
        written.append(out)

    try:
        with progress(said("读证书", "read")) as update:
            made = invite_holders_of(found.store, found.clock, batch=batch, by=by, hand_over=hand_over, progress=update)
    except BaseException:
        for path in written:  # its links open nothing
            path.unlink(missing_ok=True)
        raise
    if as_json:
        print_json(
            {
                "batch": batch,
                "links": made.made,
                "file": str(out) if written else None,
                "left_out": {way.value: count for way, count in made.left_out.items()},
                "days": INVITED_FOR.days,
            }
        )
        return
    if written:
        OUT.print(said(f"{made.made:,}个领取链接写到{out}", f"{made.made:,} claim links written to {out}"))
    else:
        OUT.print(said("没有要生成的链接，没有写文件", "no links to make, and no file written"))
    for way, count in made.left_out.items():
        zh, en = _WORDS[way]
        note(said(f"未生成：{count:,}人{zh}", f"left out: {count:,} {en}"))
    if written:
        note(
            said(
                f"每个链接只交给本人：{INVITED_FOR.days}天内有效，只能用一次。交完就删除这个文件",
                f"hand each to its owner alone: good for {INVITED_FOR.days} days, and once. Then delete the file",
            )
        )


def _links_csv(found: Home, links: Sequence[ClaimLink]) -> bytes:
    text = io.StringIO()
    text.write("\ufeff")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["编号 number", "姓名 name", "链接 link"])
    for one in links:
        writer.writerow([one.number, inert(one.name), invitation_link(found, one.token)])
    return text.getvalue().encode("utf-8", "replace")


def _require_new(path: Path) -> None:
    if os.path.lexists(path):
        raise FileUnreadable(path, said("已有这个文件，不会覆盖", "it is there already and is not written over"))


def _write_whole(path: Path, data: bytes) -> None:
    """Write a new file that only its owner may read, whole and on the disk. Raises FileUnreadable."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.link(temporary, path)  # as a renaming would not, it takes the place of nothing
        finally:
            Path(temporary).unlink(missing_ok=True)
    except FileExistsError:
        _require_new(path)
        raise
    except OSError as error:
        raise FileUnreadable(path, cause_of(error, said("写不了", "cannot be written"))) from error
