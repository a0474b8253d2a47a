"""Ten thousand blocks: opening and asking stay quick."""

import time

import pytest

BLOCKS = 10_000


@pytest.mark.deep
def test_ten_thousand_blocks_open_at_once_and_answer_log_questions_well_under_a_second(
    chain, alice, table, reopen
) -> None:
    for number in range(BLOCKS):
        chain.send(alice.put(table, number, 1))
        assert len(chain.seal_pending()) == 1
    chain.close()

    started = time.perf_counter()
    with reopen() as opened:
        assert opened.head().number == BLOCKS + 1
        assert time.perf_counter() - started < 0.5
        everything = {"fromBlock": "0x2", "toBlock": hex(BLOCKS + 1)}
        rare = "0x" + (77).to_bytes(32, "big").hex()
        for wanted, expected in (
            (everything | {"address": table}, BLOCKS),
            (everything | {"address": table, "topics": [None, None, rare]}, 1),
            (everything | {"topics": [None, None, rare]}, 1),
            (everything | {"address": "0x" + "99" * 20}, 0),
        ):
            started = time.perf_counter()
            assert len(opened.rpc.dispatch("eth_getLogs", [wanted])) == expected
            assert time.perf_counter() - started < 1
        for number in range(0, BLOCKS + 1, 997):
            opened.check_block(number)
