"""An index in Milvus while its server and its writers are killed, and while others read it. `python -m
benchmarks.shared_store_faults` does the same for longer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.milvus_server import MilvusProcess
from tests.shared_faults import change_at_random, kill_servers, kill_writers, read_while_written

pytestmark = pytest.mark.slow


@pytest.fixture
def own_milvus(tmp_path: Path) -> Iterator[MilvusProcess]:
    """A server of the test's own."""
    server = MilvusProcess(tmp_path / "milvus")
    server.start()
    yield server
    server.kill()


def test_a_server_that_is_killed_loses_nothing_that_was_acknowledged(tmp_path: Path, own_milvus: MilvusProcess) -> None:
    done = kill_servers(tmp_path, own_milvus, kills=2)
    assert done["acknowledged"] > 2
    assert done["embedded again"] == 0


def test_a_writer_that_is_killed_at_any_step_leaves_nothing_to_be_seen_and_nothing_to_be_embedded_again(
    tmp_path: Path, own_milvus: MilvusProcess
) -> None:
    done = kill_writers(tmp_path, own_milvus, steps=iter(range(0, 100, 3)), most=8)
    assert done["killed"] > 4
    assert done["embedded again"] == 0


def test_statistics_equal_a_recount_after_changes_and_kills(tmp_path: Path, own_milvus: MilvusProcess) -> None:
    done = change_at_random(tmp_path, own_milvus, changes=8, servers=1)
    assert done["killed"] > 1


def test_readers_in_other_processes_see_one_generation(tmp_path: Path, own_milvus: MilvusProcess) -> None:
    for answer in read_while_written(tmp_path, own_milvus, generations=4):
        assert answer["wrong"] == []
        assert answer["generations"] > 2
