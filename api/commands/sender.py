"""`vermilion sender`: the account that sends to the chain, what of it waits, and replacing what waits too long."""

from typing import Annotated, Any

import typer

from api.commands.options import HomeOption, JsonOption, NodeOption, PersonOption, person
from api.terminal import OUT, moment, note, print_fields, print_json, print_table, said
from api.wiring import Home
from registry.anchor.operations import SignedTransaction
from registry.ports.sending import KeptTransaction
from registry.workflows.chain.anchor import Desk
from registry.workflows.chain.fee_bump import replace_transaction
from registry.workflows.chain.sender_standing import Lot, SenderStanding, Standing, standing

app = typer.Typer(no_args_is_help=True, help="The account that sends to the chain, and what of it waits.")

_LOTS = {
    Lot.UNSENT: ("未发出", "unsent"),
    Lot.WAITING: ("等待入块", "waiting"),
    Lot.INCLUDED: ("已入块", "included"),
    Lot.FINAL: ("已终局", "final"),
    Lot.REVERTED: ("合约拒绝", "reverted"),
    Lot.REPLACED: ("由另一笔替代", "replaced"),
    Lot.DISPLACED: ("位置被他人占用", "displaced"),
}


@app.command(epilog="Example: vermilion sender status")
def status(
    subject: Annotated[
        str | None, typer.Argument(help="All that was signed for this batch or request. Default: what waits.")
    ] = None,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say who sends for the account, which nonce comes next, and what waits for a block."""
    from node.client.transactions import offer_of

    found = Home.find(home)
    with found.chain(node=node) as ledger:
        seen = standing(
            found.store, ledger, found.clock, lambda transaction: offer_of(transaction.raw), subject=subject
        )
    if as_json:
        print_json(None if seen is None else _document(seen))
    elif subject is not None and (seen is None or not seen.transactions):
        OUT.print(said(f"还没有为{subject}签过交易", f"no transaction was signed for {subject} yet"))
    elif seen is None:
        OUT.print(said("还没有发送过任何交易", "nothing was ever sent"))
    else:
        _print(seen)
    for one in () if seen is None else seen.transactions:
        if one.overdue or one.offers_too_little:
            note(
                said(
                    f"{one.kept.subject}的交易已久等；可替换：vermilion sender replace {one.kept.subject} --as NAME",
                    f"the transaction of {one.kept.subject} waits too long; to replace it: "
                    f"vermilion sender replace {one.kept.subject} --as NAME",
                )
            )


@app.command(epilog="Example: vermilion sender replace B-2026-11-0001 --as operator-1")
def replace(
    subject: Annotated[str, typer.Argument(help="Batch or request, such as B-2026-11-0001.")],
    fee: Annotated[
        int | None, typer.Option("--fee", help="Most wei for a unit of gas in all. Default: an eighth more.", min=0)
    ] = None,
    tip: Annotated[
        int | None, typer.Option("--tip", help="Wei of it for the sealer. Default: an eighth more.", min=0)
    ] = None,
    gas: Annotated[int | None, typer.Option("--gas", help="Most gas. Default: as before.", min=21_000)] = None,
    by: PersonOption = None,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign what waits once more with the same nonce and a better offer; one of the two can happen, never both."""
    found = Home.find(home)
    sender = found.sender()
    with found.chain(writing=True, node=node) as ledger:
        desk = Desk(store=found.store, ledger=ledger, sender=sender, clock=found.clock)
        kept = replace_transaction(desk, subject, person=person(by), gas=gas, ceiling=fee, tip=tip)
    offer = sender.offer_of(kept.transaction)
    if as_json:
        terms = {"gas": offer.gas, "fee": offer.ceiling, "tip": offer.tip}
        print_json(_identity(kept.transaction) | terms | {"replaces": _replaced(kept)})
        return
    note(
        said(
            f"{subject}的交易已换为出价{offer.ceiling} wei的一笔，序号仍为{kept.transaction.nonce}；只会有一笔入块。",
            f"{subject} has another transaction with nonce {kept.transaction.nonce}, offering {offer.ceiling} wei; "
            "a block takes one of them.",
        )
    )


def _identity(transaction: SignedTransaction) -> dict[str, Any]:
    return {"transaction": "0x" + transaction.hash.hex(), "nonce": transaction.nonce}


def _replaced(kept: KeptTransaction) -> str | None:
    return None if kept.replaces is None else "0x" + kept.replaces.hex()


def _document(seen: SenderStanding) -> dict[str, Any]:
    return {
        "account": seen.account,
        "held_until": seen.lease.leased_until.isoformat() if seen.lease.leased_until is not None else None,
        "term": seen.lease.term,
        "next_nonce": seen.next_nonce,
        "settled": seen.settled,
        "final": seen.final,
        "base_fee": seen.base_fee,
        "transactions": [_row(one) for one in seen.transactions],
    }


def _row(one: Standing) -> dict[str, Any]:
    return _identity(one.kept.transaction) | {
        "subject": one.kept.subject,
        "kept_at": one.kept.kept_at.isoformat(),
        "gas": one.offer.gas,
        "fee": one.offer.ceiling,
        "tip": one.offer.tip,
        "lot": one.lot.value,
        "overdue": one.overdue,
        "offers_too_little": one.offers_too_little,
        "replaces": _replaced(one.kept),
    }


def _print(seen: SenderStanding) -> None:
    until = seen.lease.leased_until
    free = said("空闲", "free")
    print_fields(
        {
            said("账户", "account"): seen.account,
            said("占用", "held"): free if until is None else said(f"至{moment(until)}", f"until {moment(until)}"),
            said("下一序号", "next nonce"): seen.next_nonce,
            said("链上已有", "in blocks"): said(
                f"{seen.settled}笔，其中已终局{seen.final}笔", f"{seen.settled}, {seen.final} of them final"
            ),
            said("基本费", "base fee"): f"{seen.base_fee} wei",
        }
    )
    if not seen.transactions:
        OUT.print(said("没有交易在等", "no transaction waits"))
        return
    print_table(
        [
            said("序号", "nonce"),
            said("用于", "for"),
            said("交易", "transaction"),
            said("出价", "offer"),
            said("结果", "lot"),
            said("签于", "signed"),
        ],
        [
            [
                str(one.kept.transaction.nonce),
                one.kept.subject,
                "0x" + one.kept.transaction.hash.hex()[:16] + "…",
                f"{one.offer.ceiling} wei",
                said(*_LOTS[one.lot]),
                moment(one.kept.kept_at),
            ]
            for one in seen.transactions
        ],
    )
