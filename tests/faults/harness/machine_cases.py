"""Faults 24 to 33: the disk, the database's lock, clocks, files handed in, power, copies, and two at once."""

import fcntl
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

from registry.enrolment import RowsRefused
from registry.kernel.errors import RegistryError
from registry.workflows.enrolment.enrol import check_roster, import_roster
from tests.faults.demo_stage import SILENCE_SECONDS
from tests.faults.harness.catalogue import CannotBeTried, single
from tests.faults.harness.invariants import broken, nothing_half_done
from tests.faults.harness.scene import Scene, refused_for_now
from tests.faults.harness.world import World, roster_of

DISK_MEGABYTES, FLOOR_MEGABYTES = 24, 4
NO_ROOM = ("store/disk-low", "store/unavailable", "system/file", "system/disk-full", "embedded/file-unavailable")
BUSY = ("store/busy",)
STOP = signal.SIGSTOP


# --- the disk


@contextmanager
def small_disk(scene: Scene) -> Iterator["Disk"]:
    """Move the scene to a small file system of its own, until the block ends."""
    where = scene.folder / "disk"
    where.mkdir()
    mounting = ("mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "tmpfs", str(where))
    if subprocess.run(mounting, check=False).returncode != 0:
        raise CannotBeTried("a file system of its own needs root")
    stayed = scene.world
    try:
        scene.world = stayed.copied(where / "home")
        scene.world.set_floor(FLOOR_MEGABYTES)
        with _served(scene.world):
            yield Disk(where)
        moved = scene.world
        shutil.rmtree(stayed.path)
        scene.world = moved.copied(stayed.path)
    finally:
        subprocess.run(["umount", "-l", str(where)], check=True)


@contextmanager
def _served(world: World) -> Iterator[None]:
    """Have the database open, as a server has it: what SQLite needs beside it to be read at all is there."""
    with closing(sqlite3.connect(world.path / "registry.db", isolation_level=None)) as connection:
        connection.execute("SELECT count(*) FROM batch").fetchone()
        yield


class Disk:
    """A file system that can be filled to its last byte."""

    def __init__(self, path: Path) -> None:
        self._ballast = path / "ballast"

    def fill(self) -> None:
        """Leave no room at all."""
        with self._ballast.open("ab", buffering=0) as file:
            for piece in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        file.write(bytes(piece))
                except OSError:
                    continue

    def leave(self, megabytes: int) -> None:
        """Leave so much room."""
        self.fill()
        os.truncate(self._ballast, self._ballast.stat().st_size - (megabytes << 20))

    def free(self) -> None:
        """Give the room back."""
        self._ballast.unlink(missing_ok=True)


def empty_log(world: World) -> None:
    """Let the database's log begin anew, so that the next change needs room."""
    with world.home() as home:
        home.store.settle()


@single(
    24,
    "disk full before a request is accepted",
    how=f"a file system of {DISK_MEGABYTES} MB, filled to its last byte, then to just below the floor",
    expected="refused for now, every row as it was; done once there is room",
)
def disk_full_at_first(scene: Scene) -> None:
    with small_disk(scene) as disk:
        empty_log(scene.world)
        disk.fill()
        with nothing_half_done(scene.world):
            refused_for_now(scene.world.proposes("K-1"), *NO_ROOM)
        disk.free()
        disk.leave(FLOOR_MEGABYTES - 1)
        with nothing_half_done(scene.world):
            refused_for_now(scene.world.proposes("K-1"), "store/disk-low")
        disk.free()
        scene.still_right()
        assert scene.world.asks("K-1").exit_code == 0


@single(
    "24a",
    "disk full in the middle",
    how="the process halts before it keeps the transaction, a block, a bundle; the disk is filled; it goes on",
    expected="ends with what is kept; done once there is room",
)
def disk_full_in_the_middle(scene: Scene) -> None:
    with small_disk(scene) as disk:
        for instant in ("commit batches.sign", "before block", "before file bundle#1"):
            playing = scene.world.asking("K-1", wait=2, strike=instant, how=STOP)
            assert playing.reaches(), instant
            disk.fill()
            playing.go_on()
            ended = playing.wait()
            assert ended.exit_code in (0, 3), (instant, ended)
            disk.free()
            scene.still_right()
        scene.comes_to_its_end()


# --- the database's lock


@contextmanager
def locked(world: World, *, by_turn: bool) -> Iterator[None]:
    """Hold the database as another writer would: one of ours that has the turn, or a foreign program."""
    if by_turn:
        handle = os.open(world.path / "registry.db-turn", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)
        return
    with closing(sqlite3.connect(world.path / "registry.db", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@single(
    25,
    "database locked",
    how="another process holds the turn to write, then SQLite's own lock",
    expected="a bounded wait, then refused for now with nothing changed; readers go on; done afterwards",
)
def database_locked(scene: Scene) -> None:
    for by_turn in (True, False):
        with locked(scene.world, by_turn=by_turn), nothing_half_done(scene.world):
            began = time.monotonic()
            refused_for_now(scene.world.proposes("K-1"), *BUSY)
            assert time.monotonic() - began < 4 * SILENCE_SECONDS, "waited longer than its own limit"
            assert scene.world.play("batch", "list").exit_code == 0, "readers must go on"
    assert scene.world.asks("K-1").exit_code == 0


@single(
    "25a",
    "database locked in the middle",
    how="the process halts right before it keeps the transaction sent, the lock is taken for longer than it waits",
    expected="ends with what is kept; done afterwards",
)
def database_locked_in_the_middle(scene: Scene) -> None:
    playing = scene.world.asking("K-1", strike="after send", how=STOP)
    assert playing.reaches()
    with locked(scene.world, by_turn=True):
        playing.go_on()
        refused_for_now(playing.wait(), *BUSY)
    scene.still_right()


# --- two at once


@single(
    26,
    "asked twice",
    how="two processes ask under one key at the same instant; then the key comes with another level",
    expected="one batch, both get it; another body is a conflict and changes nothing",
)
def asked_twice(scene: Scene) -> None:
    both = [scene.world.proposing("K-1") for _ in range(2)]
    ends = [one.wait() for one in both]
    assert [end.exit_code for end in ends] == [0, 0], ends
    assert len({json.loads(end.stdout)["id"] for end in ends}) == 1, ends
    with nothing_half_done(scene.world):
        other = scene.world.play("fulfil", "2", "K-1")
        assert (other.exit_code, "[store/idempotency-key-reused]" in other.stderr) == (1, True), other


@single(
    27,
    "three workers race",
    how="three processes on each of three requests at once, through one node; a third of them killed",
    expected="one winner a step; each batch once",
)
def three_workers(scene: Scene) -> None:
    chance = random.Random(27)
    with scene.node():
        racing = [scene.world.asking(f"K-{level}", level) for level in ("1", "2", "3") for _ in range(3)]
        for doomed in chance.sample(racing, 3):
            time.sleep(chance.uniform(0, 0.4))
            doomed.kill()
        ends = [one.wait() for one in racing]
        assert all(end.killed or end.exit_code in (0, 1, 3) for end in ends), ends
        assert not [end for end in ends if "Traceback" in end.stderr], ends
        scene.still_right()


# --- clocks


@single(
    28,
    "clock wrong",
    how="the process's clock is a day behind the chain, then a day ahead, then right",
    expected=(
        "behind: refused, nothing kept; ahead: an alarm once it is recorded, delivered once a person has lifted it, "
        "not valid before its day, the event's time is the chain's"
    ),
)
def clock_wrong(scene: Scene) -> None:
    assert scene.world.asks("K-1", "1").exit_code == 0  # from here on it is known how late it is on the chain
    with nothing_half_done(scene.world):
        behind = scene.world.play("fulfil", "2", "K-2", clock=-86_400.0)
        assert (behind.exit_code, "[batch/clock-behind]" in behind.stderr) == (3, True), behind
    ahead = scene.world.asks("K-2", "2", wait=2, clock=86_400.0)
    assert "Traceback" not in ahead.stderr, ahead
    assert ahead.exit_code in (0, 1, 3), ahead
    with scene.world.home() as home, home.store.read() as unit:
        now = home.clock.now()
        batches = unit.batches.batches()
        times = [one.placement.block_time for one in batches if one.placement is not None]
        assert all(abs((time - now).total_seconds()) < 3600 for time in times)
        recorded = [one for one in batches if one.proposed_at > now + timedelta(hours=1) and one.placement is not None]
        assert [alarm.code for alarm in unit.alarms.open()] == ["reconcile/dated-ahead" for _ in recorded]
        assert all(one.delivered_at is None for one in recorded)
        scene.world.dated_ahead = sum(one.size for one in batches if one.proposed_at > now + timedelta(hours=1))
    scene.still_right()
    assert set(scene.world.lift_alarms()) <= {"reconcile/dated-ahead"}


# --- files handed in


@single(
    29,
    "roster cut off, or in two encodings",
    how="a roster cut at every byte; GBK, BOM and bare line ends; the second half in another encoding",
    expected="refused whole with the rows at fault and nothing stored; or read with exactly the whole rows",
)
def roster_spoilt(scene: Scene) -> None:
    whole = roster_of(2, {"3": 2})
    text = whole.decode()
    with scene.world.home() as home:
        programme = home.catalogue.programme("AIGC-APP-ENG")
        read = len(check_roster(home.store, home.clock, programme, whole).candidates)
        refused = 0
        with nothing_half_done(scene.world):
            for cut in range(len(whole)):
                piece = whole[:cut]
                try:
                    problems = check_roster(home.store, home.clock, programme, piece).problems
                except RegistryError:
                    problems = ("unreadable",)
                complete = piece.count(b"\r\n") - 1 + (not piece.endswith(b"\n"))
                if not problems:
                    assert complete <= read, "more rows than were handed in"
                    continue
                refused += 1
                if cut % 10 == 0:
                    _refused(home, programme, piece)
            half = len(text) // 2
            _refused(home, programme, text[:half].encode() + text[half:].encode("gbk"))
        assert refused > len(whole) // 3, "hardly a cut was noticed"
        for good in (text.encode("gb18030"), b"\xef\xbb\xbf" + whole, text.replace("\r\n", "\n").encode()):
            assert len(check_roster(home.store, home.clock, programme, good).candidates) == read


def _refused(home: object, programme: object, data: bytes) -> None:
    try:
        import_roster(home.store, home.clock, programme, data, person="clerk-1")  # type: ignore[attr-defined,arg-type]
    except (RowsRefused, RegistryError):
        return
    raise AssertionError("a spoilt roster was taken")


# --- power, copies, a changed programme


@single(
    31,
    "power lost",
    how="the process is killed after a commit; the database's log is then cut off at 40 random bytes after what that "
    "commit had brought to the disk, and at 40 before it",
    expected="the first: nothing that was acknowledged is missing; the second: a whole database of an earlier moment",
)
def power_lost(scene: Scene) -> None:
    chance = random.Random(31)
    world = scene.world
    empty_log(world)
    assert world.asks("K-1", strike="committed batches.sign").killed
    log = (world.path / "registry.db-wal").read_bytes()
    kept = world.contents()["outbox"]
    assert kept
    for _ in range(40):
        tail = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 9000)))
        assert _after_power(scene, log + tail)["outbox"] == kept, "what was acknowledged is gone"
    for _ in range(40):
        rows = _after_power(scene, log[: chance.randrange(len(log))])
        assert len(rows["outbox"]) <= len(kept)
        assert len(rows["batch"]) <= 1
    with world.home() as home, home.store.read() as unit:
        modes = unit.journal._session.connection.exec_driver_sql("PRAGMA synchronous").scalar_one()  # type: ignore[attr-defined]
    assert modes == 2, "commits are not brought to the disk before they are acknowledged"


def _after_power(scene: Scene, log: bytes) -> dict[str, list[tuple[object, ...]]]:
    """Open a copy of the database with another log beside it, as after power came back; it must be whole."""
    copy = scene.folder / "powerless"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    shutil.copy(scene.world.path / "registry.db", copy / "registry.db")
    (copy / "registry.db-wal").write_bytes(log)
    with closing(sqlite3.connect(copy / "registry.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return World(copy, scene.world.stage).contents()


@single(
    32,
    "backup taken while it runs",
    how="registry.db and then chain.db are copied through SQLite again and again while two requests are worked on",
    expected="each copy can be restored: consistent, and what was under way goes on in it and is done once",
)
def backup_while_running(scene: Scene) -> None:
    world = scene.world
    racing = [world.asking("K-1", "1"), world.asking("K-2", "2")]
    copies: list[World] = []
    for turn in range(6):
        copies.append(_backup(scene, turn))
        time.sleep(0.15)
    assert [one.wait().exit_code for one in racing] == [0, 0]
    for copy in copies[::2]:
        wrong = broken(copy, complete=False)
        assert not wrong, f"a restored copy: {wrong}"
        for key, level in world.requests.items():
            ended = copy.asks(key, level)
            assert ended.exit_code == 0, ended
        wrong = broken(copy, complete=True)
        assert not wrong, f"a restored copy that went on: {wrong}"


def _backup(scene: Scene, turn: int) -> World:
    path = scene.folder / f"copy-{turn}"
    path.mkdir()
    for name in ("registry.db", "chain.db"):
        with (
            closing(sqlite3.connect(scene.world.path / name)) as live,
            closing(sqlite3.connect(path / name)) as copy,
        ):
            live.backup(copy)
    for one in ("vermilion.toml", "trust-root.json", "public-keys.json"):
        shutil.copy(scene.world.path / one, path / one)
    shutil.copytree(scene.world.path / "keys", path / "keys")
    if (scene.world.path / "delivered").exists():
        shutil.copytree(scene.world.path / "delivered", path / "delivered")
    return World(path, scene.world.stage, dict(scene.world.requests))


@single(
    33,
    "programme changed in the middle of a batch",
    how="killed between reservation and signing; the programme's file then says something else under the same version",
    expected="the batch goes on under the bytes that it was reserved with, or is refused; never a mixture",
)
def programme_changed(scene: Scene) -> None:
    world = scene.world
    assert world.asks("K-1", strike="committed batches.reserve").killed
    with world.home() as home:
        programme = home.catalogue.programme("AIGC-APP-ENG")
        from importlib.resources import files

        source = files("registry.programme").joinpath("data", programme.code, f"{programme.version}.toml")
        changed = world.path / "programmes" / programme.code
        changed.mkdir(parents=True)
        text = source.read_bytes().decode().replace("AIGC应用工程师", "AIGC应用大师")
        assert text.encode() != source.read_bytes()
        (changed / f"{programme.version}.toml").write_text(text, "utf-8")
        pinned = programme.digest
    played = world.asks("K-1")
    assert played.exit_code in (0, 1, 2, 3), played
    checked = world.play("audit", "fsck")
    assert (checked.exit_code, "fsck/programme-file" in checked.stdout + checked.stderr) == (1, True), checked
    shutil.rmtree(world.path / "programmes")
    assert world.asks("K-1").exit_code == 0
    with world.home() as home, home.store.read() as unit:
        assert {one.programme_digest for one in unit.batches.batches()} == {pinned}
        for one in unit.batches.certificates():
            assert one.jwt is not None
