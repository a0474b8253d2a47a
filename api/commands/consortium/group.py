"""The commands, under one name."""

import typer

from api.commands.consortium.keys import app as keys
from api.commands.consortium.showing import ballots, issuers, members, scopes
from api.commands.consortium.voting import enact, pause, propose, record, vote, withdraw

app = typer.Typer(
    no_args_is_help=True,
    help="Members, ballots, issuing bodies and their keys, as the contract has them.",
)
app.command(epilog="Example: vermilion consortium members")(members)
app.command(epilog="Example: vermilion consortium ballots --all")(ballots)
app.command(
    epilog="Example: vermilion consortium propose grant-scope --issuer GD-SKILLS --scope AIGC-APP-ENG/3 "
    "--from 2026-12-01 --until 2029-11-30 --key member-1"
)(propose)
app.command(epilog="Example: vermilion consortium vote 3f9a01c2 --key member-2")(vote)
app.command(epilog="Example: vermilion consortium withdraw 3f9a01c2 --key member-2")(withdraw)
app.command(epilog="Example: vermilion consortium enact 3f9a01c2 --key member-1")(enact)
app.command(epilog="Example: vermilion consortium pause --key member-3")(pause)
app.command(
    epilog="Example: vermilion consortium record --chain-id 1 --checkpoint checkpoint.json --transaction 0x… --key me"
)(record)
app.command(epilog="Example: vermilion consortium issuers")(issuers)
app.command(epilog="Example: vermilion consortium scopes --issuer DEMO-EEC")(scopes)
app.add_typer(keys, name="keys")
