"""Writes the vector files of this folder from fixed keys and salts: `python -m tests.vectors.generate [--check]`.

credential/accepted/   documents that every version of the software must accept, byte for byte as they are
credential/refused/    documents that every version must refuse, each with the code and the kind of refusal
credential/judged/     unaltered documents that the calendar decides on
merkle/trees.json      heads and paths of small trees

With --check nothing is written: a file that is missing, differs or is not made here fails. Files of accepted/ and
judged/ are permanent: a change that makes one differ is wrong, however good its reason.
"""

import argparse
import base64
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

from registry.credential.v1 import (
    Award,
    Bilingual,
    Coded,
    IdentityType,
    IssuedCredential,
    full_presentation,
    parse,
    public_presentation,
)
from registry.kernel.encoding import unb64url
from registry.kernel.merkle import InclusionProof, MerkleTree, leaf_hash
from tests.vectors.material import (
    BUNDLE,
    ENTRY,
    FULL,
    HOLDER,
    KEY,
    MINIMAL,
    MINIMAL_ENTRY,
    MINIMAL_HOLDER,
    MINIMAL_TERMS,
    RECEIPT,
    TERMS,
    Json,
    bundle,
    fixed,
    issue,
    receipt,
)
from tests.vectors.refused import REFUSED, UNREADABLE

HERE = Path(__file__).resolve().parent


def accepted() -> Iterator[tuple[str, str, str]]:
    """Give name, what it is, document."""
    yield "all-members", "every member there is, all disclosed", full_presentation(FULL)
    yield "public", "as printed: no identity number, no Latin name", public_presentation(FULL)
    yield "public-without-portrait", "as printed, no portrait", public_presentation(FULL, portrait=False)
    yield "nothing-disclosed", "the JWT alone", f"{FULL.jwt}~"
    yield "number-and-mask", "number and mask together", present(FULL, *NUMBER_AND_MASK)
    yield "disclosures-in-another-order", "the order says nothing", present(FULL, *reversed(FULL.disclosures))
    yield "minimal", "no optional member, no result, decoys", full_presentation(MINIMAL)
    masked_passport = replace(HOLDER, identity_type=IdentityType.PASSPORT, identity_number="E12345678")
    yield "passport", "a mask of nine characters", present(issue("passport", TERMS, ENTRY, masked_passport))
    until = replace(TERMS, last_valid_day=date(2028, 6, 19))
    yield "with-end-of-validity", "exp is the midnight after the last day", present(issue("exp", until, ENTRY, HOLDER))
    yield "portrait-is-a-decoy", "no portrait, no grade", present(issue("decoys", TERMS, ENTRY, WITHOUT_PORTRAIT))
    yield "one-result-missing", "a decoy among the results", present(issue("one", TERMS, ENTRY, ONE_RESULT))
    contest = replace(
        MINIMAL_TERMS,
        certificate_type=Coded(code="competition-award", name=Bilingual(zh="竞赛奖励证书")),
        achievement=replace(MINIMAL_TERMS.achievement, programme="EDGE-AI-CONTEST", name=Bilingual(zh="边缘计算竞赛")),
    )
    award = Award(contest="全国人工智能边缘计算竞赛", edition="第二届", event="团体赛", rank="一等奖")
    yield (
        "competition",
        "award, no level",
        present(issue("contest", contest, replace(MINIMAL_ENTRY, award=award), MINIMAL_HOLDER)),
    )
    rare = replace(HOLDER, name="𠮷田·阿卜杜拉", name_latin="Abdulla O\u2019Neill-Çelik")
    yield "rare-characters", "beyond the basic plane, middle dot, accents", present(issue("rare", TERMS, ENTRY, rare))
    local = replace(MINIMAL_TERMS, base_url="http://localhost:8000")
    yield "localhost", "the one origin without https", present(issue("local", local, MINIMAL_ENTRY, MINIMAL_HOLDER))
    yield "bundle", "public presentation, receipt, key", BUNDLE.decode()
    yield "bundle-full", "full presentation, receipt, key", bundle(full_presentation(FULL), RECEIPT).decode()
    alone = parse(full_presentation(MINIMAL))
    yield "bundle-of-one", "a batch of one leaf", bundle(full_presentation(MINIMAL), receipt(alone, 1)).decode()


NUMBER_AND_MASK = ("identityType", "nationalIdentityNumber", "nationalIdentityNumberMasked")
WITHOUT_PORTRAIT = replace(HOLDER, portrait=None, grade=None, name_latin=None)
ONE_RESULT = replace(HOLDER, results=(None, HOLDER.results[1]))


def present(credential: IssuedCredential, *members: str) -> str:
    """The JWT with the disclosures named, or with all of them."""
    chosen = members or tuple(credential.disclosures)
    return "~".join((credential.jwt, *(credential.disclosures[member] for member in chosen), ""))


def judged() -> Iterator[tuple[str, str, str, str]]:
    """Give name, what it is, document, time of judging."""
    until = replace(TERMS, last_valid_day=date(2025, 6, 30))
    text = full_presentation(issue("judged", until, ENTRY, HOLDER))
    document = bundle(text, receipt(parse(text))).decode()
    yield "last-second", "one second before exp: within validity", document, "2025-06-30T23:59:59+08:00"
    yield "expired", "at exp: expired", document, "2025-07-01T00:00:00+08:00"
    yield "not-yet-valid", "one second before nbf: not yet valid", document, "2025-06-19T23:59:59+08:00"
    yield "first-second", "at nbf: within validity", document, "2025-06-20T00:00:00+08:00"


def trees() -> Json:
    """Heads of the trees over the first n of eleven entries, all paths, all proofs from one size to a later one."""
    entries = [fixed(f"entry {index}", index * 7) for index in range(11)]
    tree = MerkleTree(leaf_hash(entry) for entry in entries)

    def path(proof: InclusionProof) -> Json:
        return {"index": proof.index, "size": proof.size, "path": [item.hex() for item in proof.path]}

    sizes = range(1, len(entries) + 1)
    return {
        "entries": [entry.hex() for entry in entries],
        "roots": [tree.root_at(size).hex() for size in range(len(entries) + 1)],
        "inclusion": [path(tree.proof(index, size)) for size in sizes for index in range(size)],
        "consistency": [
            {"first": first, "second": second, "path": [item.hex() for item in tree.consistency(first, second)]}
            for second in sizes
            for first in range(1, second + 1)
        ],
    }


def files() -> dict[str, Json]:
    """All files of this folder that are made here, by path."""
    made: dict[str, Json] = {"merkle/trees.json": trees()}
    key = KEY.public_key().jwk()
    for name, says, document in accepted():
        text = json.loads(document)["credential"] if document.startswith("{") else document
        credential = parse(text)
        made[f"credential/accepted/{name}.json"] = {
            "says": says,
            "document": document,
            "key": key,
            "digest": credential.digest.hex(),
            "leaf": credential.leaf.hex(),
            "payload": json.loads(unb64url(credential.jwt.split(".")[1])),
            "disclosed": {
                member: json.loads(unb64url(content))[-1] for member, content in credential.disclosures.items()
            },
        }
    for name, says, document, at in judged():
        made[f"credential/judged/{name}.json"] = {"says": says, "at": at, "document": document}
    for group in REFUSED:
        for name, says, code, content in group():
            path = f"credential/refused/{name}.json"
            if path in made:
                raise SystemExit(f"two vectors are called {name}")
            made[path] = {
                "says": says,
                "kind": "unreadable" if code in UNREADABLE else "altered",
                "code": code,
                "key": key,
                **_as_text(content),
            }
    return made


def _as_text(content: str | bytes) -> dict[str, str]:
    if isinstance(content, str):
        return {"document": content}
    try:
        return {"document": content.decode()}
    except UnicodeDecodeError:
        return {"documentBase64": base64.b64encode(content).decode()}


def main() -> int:
    """Write the files, or compare them. Returns the exit code."""
    arguments = argparse.ArgumentParser(description="write the vector files")
    arguments.add_argument("--check", action="store_true", help="compare, write nothing")
    check = arguments.parse_args().check
    made = {
        HERE / path: json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n" for path, value in files().items()
    }
    wrong = [path for path, data in made.items() if not path.is_file() or path.read_bytes() != data]
    stale = [
        path
        for folder in ("accepted", "judged", "refused")
        for path in sorted((HERE / "credential" / folder).glob("*"))
        if path not in made
    ]
    if check:
        for path in (*wrong, *stale):
            sys.stderr.write(f"differs from what is generated: {path.relative_to(HERE)}\n")
        return 1 if wrong or stale else 0
    for path in wrong:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(made[path])
    for path in stale:
        path.unlink()
    sys.stderr.write(f"{len(made)} vector files, {len(wrong)} written, {len(stale)} removed\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
