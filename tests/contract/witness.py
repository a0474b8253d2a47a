"""What must hold whatever the rules are: judged from raw storage, events and real signatures, knowing no model.

A witness looks at the contract's storage before and after each transaction. It keeps one ledger of its own: which
member's vote stands on which ballot since when. Each promise has a name, by which a broken one is reported.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

from eth_account import Account as Wallet
from eth_account.messages import encode_typed_data
from eth_utils import keccak, to_checksum_address

from contracts import BatchFlag, IssuerState, KeyKind, Kind, Outcome, typed_data
from registry.kernel.identifiers import RootHash
from registry.kernel.merkle import Frontier, MerkleTree, leaf_hash, require_consistent
from tests.contract.things import Address, Decision, Word, is_address, padded, text
from tests.contract.world import CHAIN_ID, DAY, Contract, Receipt, record_of, slot_of

Place: TypeAlias = tuple[Any, ...]
"""What a storage slot holds: a kind of thing, then whose."""

PLANE = 2**128 - 1
TIME = 2**40 - 1
WAITING = {
    Kind.ADMIT,
    Kind.REMOVE,
    Kind.THRESHOLD,
    Kind.WITHDRAW,
    Kind.SET_CONTROLLER,
    Kind.KEY_COMPROMISED,
    Kind.LIFT_BATCH_SUSPENSION,
    Kind.REVOKE_BATCH,
    Kind.REVOKE_WORD,
    Kind.MIGRATE,
}
APPROVED = {
    "addKey": "ApproverKey",
    "anchorBatch": "Anchor",
    "revoke": "Revoke",
    "reinstate": "Reinstate",
    "supersede": "Supersede",
    "reinstateBatches": "ReinstateBatch",
}
BALLOTS = ("vote", "enact")


class Broken(AssertionError):
    """The contract broke one of its promises."""

    def __init__(self, promise: str, detail: object) -> None:
        self.promise = promise
        super().__init__(f"{promise}: {detail}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One transaction: who sent what, and the receipt unless it was refused."""

    by: Address
    function: str
    arguments: Sequence[Any]
    time: int
    receipt: Receipt | None


class Sight:
    """All of a contract's storage by what it holds; zero where nothing was ever written."""

    def __init__(self, slots: Mapping[Place, int], values: Mapping[int, int]) -> None:
        self._slots, self._values = slots, values

    def __getitem__(self, place: Place) -> int:
        return self._values.get(self._slots[place], 0)

    def get(self, place: Place) -> int:
        """As above, and zero for a place that is not in play."""
        return self._values.get(self._slots.get(place, -1), 0)


class Witness:
    """Looks at one contract; told of the words in play, so that it knows what each slot holds."""

    def __init__(
        self,
        contract: Contract,
        *,
        delay: int,
        people: Iterable[Address],
        issuers: Sequence[Word],
        scopes: Sequence[Word],
        keys: Sequence[Word],
        batch_ids: Sequence[Word],
        words: Sequence[int],
    ) -> None:
        self._contract, self._delay = contract, delay
        self._layout = contract.artefact.layout["storage_layout"]
        self._slots: dict[Place, int] = {
            ("head",): self._slot("history.head"),
            ("council",): self._slot("governance.council"),
            ("successor",): self._slot("governance.successor"),
            ("scope count",): self._slot("accreditation.scope_count"),
        }
        for level in range(40):
            self._slots["frontier", level] = self._slot("history.frontier") + level
        for number in range(1, len(scopes) + 1):
            place = self._slot("accreditation.scope_codes", number.to_bytes(32, "big"))
            self._slots["scope code", number] = place
        for scope in scopes:
            self._slots["scope id", scope] = self._slot("accreditation.scope_ids", scope)
        for who in people:
            self._slots["seat", who] = self._slot("governance.seats", who)
        for issuer in issuers:
            self._slots["issuer", issuer] = self._slot("accreditation.issuers", issuer)
            for scope in scopes:
                self._slots["scope", issuer, scope] = self._slot("accreditation.scopes", issuer, scope)
            for key in keys:
                self._slots["key", issuer, key] = self._slot("accreditation.keys", issuer, key)
            for batch_id in batch_ids:
                batch = keccak(issuer + batch_id)
                self._slots["root", issuer, batch_id] = self._slot("status.batches", batch)
                self._slots["batch", issuer, batch_id] = self._slot("status.batches", batch) + 1
                for word in words:
                    place = self._slot("status.statuses", batch, word.to_bytes(32, "big"))
                    self._slots["word", issuer, batch_id, word] = place
        self._places = {slot: place for place, slot in self._slots.items()}
        self._values: dict[int, int] = {}
        self._votes: dict[Decision, set[tuple[Address, int]]] = {}
        self._reached: dict[Decision, int] = {}
        self._leaves = [leaf_hash(record_of(event)) for event in contract.history]
        self._frontier = Frontier()
        for leaf in self._leaves:
            self._frontier = self._frontier.append(leaf)
        self._checkpoints: list[tuple[int, bytes]] = [contract.call("checkpoint")]
        self._look()

    @property
    def checkpoint(self) -> tuple[int, bytes]:
        """What the contract gave last as its log's size and root."""
        return self._checkpoints[-1]

    def _slot(self, variable: str, *keys: bytes) -> int:
        module, name = variable.split(".")
        return slot_of(self._layout[module][name]["slot"], *keys)

    def _look(self) -> set[Place]:
        """Take in what was written; return the places that hold something else than before."""
        evm, address = self._contract.evm, self._contract.address
        changed = set()
        for slot in evm.written(address):
            value = evm.storage(address, slot)
            if value != self._values.get(slot, 0):
                self._values[slot] = value
                changed.add(self._places.get(slot, ("slot", slot)))
        return changed

    def watch(self, deed: Deed) -> None:
        """Judge one transaction. Raises Broken."""
        if deed.function in ("vote", "withdrawVote", "enact"):
            ballot = Decision(*deed.arguments).id
            slot = self._slot("governance.ballots", ballot)
            self._slots["ballot", ballot], self._places[slot] = slot, ("ballot", ballot)
        before = Sight(self._slots, dict(self._values))
        changed = self._look()
        after = Sight(self._slots, self._values)
        if deed.receipt is None:
            self._require("a refusal changes nothing", not changed, changed)
            return
        self._require_finals_kept(changed, before, after)
        self._require_only_named(deed, changed, before, after)
        self._require_batches_kept(deed, changed, before, after)
        self._require_keys_kept(deed, changed, before, after)
        self._require_hands(deed, changed, before, after)
        self._count_vote(deed, before)
        self._require_coalition(deed, deed.receipt, changed, before, after)
        self._keep_clocks(deed, changed, after)
        self._require_rare_pauses(deed, changed, before, after)
        self._grow(deed.receipt)

    def _require(self, promise: str, kept: bool, detail: object = "") -> None:
        if not kept:
            raise Broken(promise, detail)

    # The log

    def _grow(self, receipt: Receipt) -> None:
        for event in receipt.events:
            self._require("each record has the next number", event.fields["seq"] == len(self._leaves), event)
            leaf = leaf_hash(record_of(event))
            self._leaves.append(leaf)
            self._frontier = self._frontier.append(leaf)
        self._require("every operation is recorded", bool(receipt.events))
        checkpoint = self._contract.call("checkpoint")
        rebuilt = (self._frontier.size, self._frontier.root)
        self._require("events rebuild the root", checkpoint == rebuilt, checkpoint)
        self._checkpoints.append(checkpoint)

    def require_append_only(self) -> None:
        """Each checkpoint is proven to continue the one before it. Raises ProofMismatch."""
        tree = MerkleTree(self._leaves)
        for (first, first_root), (second, second_root) in pairwise(self._checkpoints):
            path = tree.consistency(first, second)
            require_consistent(first, RootHash(first_root), second, RootHash(second_root), path)

    # Certificates and batches

    def _require_finals_kept(self, changed: set[Place], before: Sight, after: Sight) -> None:
        for place in changed:
            if place[0] == "word":
                old, new = before[place], after[place]
                final = old & PLANE
                kept = (old ^ new) & (final | final << 128) == 0
                self._require("final statuses never change", kept, place)

    @staticmethod
    def _named(deed: Deed) -> dict[Place, int]:
        """Places of the words of status that a transaction names, each with its mask."""
        changes: Iterable[int] = ()
        arguments = deed.arguments
        if deed.function in ("suspend", "revoke", "reinstate"):
            issuer, batch_id, changes = arguments[:3]
        elif deed.function == "supersede":
            issuer, batch_id = arguments[:2]
            changes = [index // 128 << 128 | 1 << index % 128 for index in arguments[2]]
        elif deed.function in BALLOTS and arguments[0] == Kind.REVOKE_WORD:
            issuer, batch_id = arguments[1], arguments[3]
            changes = [arguments[2] & 2**192 - 1]
        named: dict[Place, int] = {}
        for change in changes:
            place = ("word", issuer, batch_id, change >> 128)
            named[place] = named.get(place, 0) | change & PLANE
        return named

    def _require_only_named(self, deed: Deed, changed: set[Place], before: Sight, after: Sight) -> None:
        unknown = [place for place in changed if place[0] == "slot"]
        self._require("only what is in play changes", not unknown, unknown)
        ballots = {place[1] for place in changed if place[0] == "ballot"}
        own = {Decision(*deed.arguments).id} if deed.function in (*BALLOTS, "withdrawVote") else set()
        self._require("votes change their own ballot", ballots <= own, ballots)
        named = self._named(deed)
        for place in changed:
            if place[0] == "word":
                mask = named.get(place, 0)
                kept = (before[place] ^ after[place]) & ~(mask | mask << 128) == 0
                self._require("statuses of others never move", kept, place)
        if deed.function in ("suspend", "suspendBatch", "revoke", "reinstate", "supersede"):
            batches = {tuple(deed.arguments[:2])}
        elif deed.function == "reinstateBatches":
            batches = {(deed.arguments[0], batch_id) for batch_id in deed.arguments[1]}
        elif deed.function == "anchorBatch":
            batches = {tuple(deed.arguments[:2])}
        elif deed.function in BALLOTS:
            batches = {(deed.arguments[1], deed.arguments[3])}
        else:
            batches = set()
        moved = {place[1:3] for place in changed if place[0] in ("root", "batch")}
        self._require("nobody touches another's batch", moved <= batches, moved - batches)

    def _require_batches_kept(self, deed: Deed, changed: set[Place], before: Sight, after: Sight) -> None:
        for place in changed:
            if place[0] == "root":
                self._require("a batch's root never changes", before[place] == 0, place)
                self._require("only anchoring makes a batch", deed.function == "anchorBatch", place)
            elif place[0] == "batch" and before[place]:
                old, new = before[place], after[place]
                fixed = (old ^ new) & ~((2**40 - 1) << 136) == 0
                self._require("what was anchored never changes", fixed, place)
                self._require("the status nonce never falls", (new >> 136) & 2**32 - 1 >= (old >> 136) & 2**32 - 1)
                lost = (old >> 168) & ~(new >> 168) & 0b1100
                self._require("a batch's revocation is final", not lost, place)

    # Keys

    def _require_keys_kept(self, deed: Deed, changed: set[Place], before: Sight, after: Sight) -> None:
        for place in changed:
            if place[0] != "key":
                continue
            old, new = before[place], after[place]
            issuer = deed.arguments[0] if deed.function not in BALLOTS else deed.arguments[1]
            self._require("nobody touches another's key", place[1] == issuer, place)
            if old:
                self._require("a key has one kind and one life", (old ^ new) & 2**64 - 1 == 0, place)
                self._require("a window never grows", (new >> 64) & TIME <= (old >> 64) & TIME, place)
                since, earlier = old >> 104, new >> 104
                self._require("a compromise is never forgotten", not since or 0 < earlier <= since, place)
            if deed.function not in BALLOTS:
                controller = before["issuer", place[1]] >> 24
                self._require("only the controller keeps keys", controller == int.from_bytes(deed.by, "big"), place)

    def _require_hands(self, deed: Deed, changed: set[Place], before: Sight, after: Sight) -> None:
        """The issuer's sender alone suspends; all else takes the sender and another's true signature."""
        if deed.function in BALLOTS:
            return
        pair = []
        for place in changed:
            old, new = before[place], after[place]
            if place[0] == "root":
                open_ = not before["head",] >> 80 and deed.time >= (before["head",] >> 40) & TIME
                self._require("nothing is anchored while closed", open_, place)
                self._require("only active issuers anchor", before["issuer", place[1]] & 255 == IssuerState.ACTIVE)
                pair.append(place)
            pairs = {
                "word": new & ~old & PLANE or (old & ~new) >> 128,
                "batch": (old & ~new) >> 168 & BatchFlag.SUSPENDED_BY_ISSUER,
                "key": not old and new & 255 == KeyKind.APPROVER,
            }
            if pairs.get(place[0]):
                pair.append(place)
            if place[0] == "word" and (new & ~old) >> 128 and not new & ~old & PLANE:
                stale = self._nonce(*place[1:3], after) > self._nonce(*place[1:3], before)
                self._require("a suspension makes older approvals stale", stale, place)
            if place[0] in ("root", "word", "batch"):
                sent = self._good(before["key", place[1], Word(padded(deed.by))], KeyKind.SENDER, deed.time)
                self._require("a good sender of the issuer sent it", sent, place)
        if not pair:
            return
        self._require("a single key never issues or revokes", deed.function in APPROVED, pair)
        issuer = deed.arguments[0]
        self._require("a suspended issuer only suspends", before["issuer", issuer] & 1 == 1, pair)
        signer = self._signer(deed, before)
        self._require("sender and approver are two", signer != deed.by, pair)
        key = before.get(("key", issuer, Word(padded(signer))))
        self._require("an approver's signature stands behind it", self._good(key, KeyKind.APPROVER, deed.time), pair)

    @staticmethod
    def _good(slot: int, kind: KeyKind, now: int) -> bool:
        start, until, since = (slot >> 24) & TIME, (slot >> 64) & TIME, slot >> 104
        return slot & 255 == kind and start <= now < until and not (since and since <= now)

    def _signer(self, deed: Deed, before: Sight) -> Address:
        """Who truly signed what was sent, on this chain, for this contract; anybody where nobody did."""
        issuer, *rest = deed.arguments[:-1]
        deadline, v, r, s = deed.arguments[-1]
        names = {
            "anchorBatch": ("batchId", "root", "size", "scope", "evidence", "credentialKey"),
            "revoke": ("batchId", "changes", "count", "reason"),
            "reinstate": ("batchId", "changes", "count", "reason"),
            "supersede": (
                "batchId",
                "indices",
                "targetContract",
                "targetIssuer",
                "newBatchId",
                "newIndices",
                "reason",
            ),
            "reinstateBatches": ("batchIds", "reason"),
            "addKey": ("kind", "key", "from", "until"),
        }[deed.function]
        message: dict[str, Any] = dict(zip(names, rest, strict=True))
        message |= {"issuer": text(issuer), "deadline": deadline}
        message |= {name: text(message[name]) for name in ("scope", "targetIssuer") if name in message}
        if deed.function == "supersede":
            message["targetContract"] = to_checksum_address(message["targetContract"])
        elif deed.function == "addKey":
            del message["kind"]
            self._require("an approver is an address", is_address(message["key"]))
            message["key"] = to_checksum_address(message["key"][12:])
        elif deed.function == "reinstate":
            message["statusNonce"] = self._nonce(issuer, message["batchId"], before)
        elif deed.function == "reinstateBatches":
            message["statusNonces"] = [self._nonce(issuer, batch_id, before) for batch_id in message["batchIds"]]
        document = typed_data(
            primary_type=APPROVED[deed.function],
            message=message,
            chain_id=CHAIN_ID,
            contract=to_checksum_address(self._contract.address),
        )
        who = Wallet.recover_message(encode_typed_data(full_message=document), vrs=(v, r, s))
        return Address(bytes.fromhex(who[2:]))

    @staticmethod
    def _nonce(issuer: Word, batch_id: Word, sight: Sight) -> int:
        return (sight["batch", issuer, batch_id] >> 136) & 2**32 - 1

    # Members

    @staticmethod
    def _seat(who: Address, sight: Sight) -> int | None:
        """The seat that an address holds as a member, or none."""
        seat = sight.get(("seat", who))
        if not seat or not sight["council",] >> 88 >> (seat & 255) & 1:
            return None
        return seat & 255

    def _count_vote(self, deed: Deed, before: Sight) -> None:
        if deed.function not in ("vote", "withdrawVote"):
            return
        seat = self._seat(deed.by, before)
        if seat is None:
            raise Broken("only members vote", deed.by)
        votes = self._votes.setdefault(Decision(*deed.arguments), set())
        if deed.function == "vote":
            self._require("one vote a member", (deed.by, seat) not in votes, deed.by)
            votes.add((deed.by, seat))
        else:
            self._require("only one's own vote is withdrawn", (deed.by, seat) in votes, deed.by)
            votes.remove((deed.by, seat))

    def _supporters(self, decision: Decision, sight: Sight) -> int:
        return sum(self._seat(who, sight) == seat for who, seat in self._votes.get(decision, ()))

    def _keep_clocks(self, deed: Deed, changed: set[Place], after: Sight) -> None:
        """Since when the members' votes on a ballot have reached the threshold, at the earliest."""
        touched = [Decision(*deed.arguments)] if deed.function in ("vote", "withdrawVote") else []
        for decision in self._votes if ("council",) in changed else touched:
            if self._supporters(decision, after) < after["council",] & 255:
                self._reached.pop(decision, None)
            elif ("council",) in changed:
                self._reached[decision] = deed.time
            else:
                self._reached.setdefault(decision, deed.time)

    @staticmethod
    def _protected(changed: set[Place], before: Sight, after: Sight) -> list[Place]:
        """Changes that only members together may make."""

        def protects(place: Place) -> bool:
            old, new = before[place], after[place]
            match place[0]:
                case "issuer":  # all but the number of its keys
                    return (old ^ new) & ~(0xFFFF << 8) != 0
                case "head":  # a migration, or a pause cut short
                    return (old ^ new) >> 80 != 0 or (new >> 40) & TIME < (old >> 40) & TIME
                case "batch":  # all flags but the issuer's own
                    return old != 0 and (old ^ new) >> 168 & 0b1110 != 0
                case "seat":  # all but the time of its last pause
                    return (old ^ new) & 0xFFFF != 0
            return place[0] in ("council", "successor", "scope count", "scope code", "scope id", "scope")

        return [place for place in changed if protects(place)]

    def _require_coalition(
        self, deed: Deed, receipt: Receipt, changed: set[Place], before: Sight, after: Sight
    ) -> None:
        """Protected state changes by the votes of a majority of members, and what is dangerous after its delay."""
        protected = self._protected(changed, before, after)
        if deed.function not in BALLOTS:
            self._require("few never change what all decide", not protected, protected)
            return
        effects = [*protected, *(place for place in changed if place[0] not in ("head", "frontier", "ballot"))]
        if receipt.event.fields["outcome"] != Outcome.ENACTED:
            self._require("a vote that does not decide changes nothing", not effects, effects)
            return
        decision = Decision(*deed.arguments)
        threshold, members = before["council",] & 255, (before["council",] >> 88).bit_count()
        supporters = self._supporters(decision, before)
        self._require("a threshold is a majority", members < 2 * threshold <= 2 * members, threshold)
        self._require("few never change what all decide", supporters >= threshold, effects)
        if decision.kind in WAITING:
            self._require("dangerous decisions are enacted, not voted", deed.function == "enact", decision)
            waited = deed.time - self._reached.get(decision, deed.time)
            self._require("dangerous decisions wait", waited >= self._delay, waited)

    def _require_rare_pauses(self, deed: Deed, changed: set[Place], before: Sight, after: Sight) -> None:
        until, now = (before["head",] >> 40) & TIME, (after["head",] >> 40) & TIME
        if now > until:
            self._require("only a member's pause stops anchoring", deed.function == "pause", deed.function)
            self._require("a pause ends within 72 hours", now <= deed.time + 3 * DAY, now)
            last = before["seat", deed.by] >> 16
            self._require("nobody pauses twice in 30 days", not last or deed.time >= last + 30 * DAY, last)
        for place in changed:
            if place[0] == "seat" and (before[place] ^ after[place]) >> 16:
                self._require("only one's own pause counts", place[1] == deed.by, place)
