"""Who the workers of a training are, and how they are connected."""

import json
import socket
import threading
from contextlib import suppress

import numpy as np
import pytest

from gcn_tf.cli import main
from gcn_tf.errors import UserError
from gcn_tf.training import link as links
from gcn_tf.training.link import WorkerLost, connect
from gcn_tf.training.workers import Workers, hosts, of_slurm, of_tf_config, workers_of
from gcn_tf.training.workers import _is_here as is_here

TWO = "10.0.0.1:2222,10.0.0.2:2223"


def tf_config(task=("worker", 0), **cluster):
    return json.dumps({"cluster": cluster, "task": {"type": task[0], "index": task[1]}})


def slurm(**more):
    step = {
        "SLURM_JOB_ID": "123456",
        "SLURM_PROCID": "1",
        "SLURM_NTASKS": "2",
        "SLURM_JOB_NODELIST": "n[01-02]",
    }
    return step | more


def test_without_flags_and_variables_a_training_is_alone():
    assert workers_of("", None, {}) is None
    assert workers_of("", None, slurm()) is None  # a task of Slurm may do something of its own
    assert workers_of("", None, {"TF_CONFIG": tf_config(worker=["a:1"])}) is None


def test_flags_name_all_workers_and_this_one():
    workers = workers_of(TWO, 1, {"TF_CONFIG": "no JSON"})
    assert workers == Workers(("10.0.0.1:2222", "10.0.0.2:2223"), 1)
    assert (workers.is_chief, workers.named(0)) == (False, "worker 0 (10.0.0.1:2222)")
    assert workers_of("[::1]:2222,node-2:2222", 0, {}).addresses == ("[::1]:2222", "node-2:2222")


@pytest.fixture(autouse=True)
def only_loopback_is_here(monkeypatch):
    monkeypatch.setattr("gcn_tf.training.workers._is_here", lambda host: host == "127.0.0.1")


def test_the_place_is_found_by_the_host():
    assert workers_of("10.0.0.1:2222,127.0.0.1:2222", None, {}).place == 1


def test_an_address_is_here_if_it_can_be_bound():
    assert is_here("127.0.0.1")
    assert not is_here("203.0.113.77")  # an address for documentation
    assert not is_here("no host")


@pytest.mark.parametrize(
    "given, place, said",
    [
        ("10.0.0.1:2222", 0, "that is one worker"),
        ("10.0.0.1:2222,10.0.0.2", 0, "10.0.0.2 is not host:port"),
        ("10.0.0.1:2222,10.0.0.2:x", 0, "10.0.0.2:x is not host:port"),
        ("10.0.0.1:2222,10.0.0.2:65536", 0, "a port from 1 to 65535"),
        ("10.0.0.1:0,10.0.0.2:2222", 0, "10.0.0.1:0 is not host:port"),
        ("10.0.0.1:2222,", 0, "an empty address is not"),
        ("10.0.0.1:2222,10.0.0.1:2222", 0, "10.0.0.1:2222 is there twice"),
        (TWO, 2, "--worker 2: the list of --workers has places 0 to 1"),
        (TWO, -1, "--worker -1: the list"),
        ("10.0.0.1:2222,10.0.0.2:2222", None, "none of its hosts is this machine; say which"),
        ("127.0.0.1:2222,127.0.0.1:2223", None, "places 0, 1 are on this machine; say which"),
        ("", 1, "--worker 1: it is a place in the list of --workers, which is missing"),
        ("slurm", 1, "leave --worker out"),
    ],
)
def test_flags_that_name_no_workers_are_refused(given, place, said):
    with pytest.raises(UserError, match=said):
        workers_of(given, place, slurm())


def test_tf_config_names_them_as_tensorflow_documents_it():
    cluster = {"chief": ["a:1"], "worker": ["b:1", "c:1"]}
    assert of_tf_config(tf_config(("worker", 1), **cluster)) == Workers(("a:1", "b:1", "c:1"), 2)
    assert of_tf_config(tf_config(("chief", 0), **cluster)).place == 0
    assert of_tf_config(tf_config(("worker", "1"), **cluster)).place == 2  # as Kubernetes' variables give it


@pytest.mark.parametrize(
    "text, said",
    [
        ("{", "TF_CONFIG is no JSON"),
        ("[1]", "TF_CONFIG is not of the form"),
        (tf_config(worker=["a:1", 2]), "TF_CONFIG is not of the form"),
        (tf_config(("worker", True), worker=["a:1", "b:1"]), "TF_CONFIG is not of the form"),
        (tf_config(worker=["a:1", "b"]), "TF_CONFIG: b is not host:port"),
        (tf_config(("worker", 2), worker=["a:1", "b:1"]), "its task is worker 2, which its cluster lacks"),
        (tf_config(("chief", 0), worker=["a:1", "b:1"]), "its task is chief 0"),
        (tf_config(worker=["a:1", "b:1"], ps=["c:1"]), "names tasks of the type ps"),
    ],
)
def test_a_tf_config_that_names_none_is_refused(text, said):
    with pytest.raises(UserError, match=said):
        of_tf_config(text)


def test_slurms_tasks_are_the_workers():
    assert of_slurm(slurm()) == Workers(("n01:23456", "n02:23456"), 1)
    several = slurm(SLURM_NTASKS="5", SLURM_TASKS_PER_NODE="2(x2),1", SLURM_JOB_NODELIST="n[1-2],gpu")
    assert of_slurm(several).addresses == ("n1:23456", "n1:23457", "n2:23456", "n2:23457", "gpu:23456")
    step = slurm(SLURM_STEP_NODELIST="n[7,9]", SLURM_STEP_NUM_TASKS="2", SLURM_NTASKS="8")
    assert of_slurm(step).addresses == ("n7:23456", "n9:23456")
    assert workers_of("slurm", None, slurm(TF_CONFIG="no JSON")).place == 1


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"SLURM_PROCID": ""}, "SLURM_PROCID is not set; start gcn-tf with srun"),
        ({"SLURM_NTASKS": "1"}, "the step has one task"),
        ({"SLURM_NTASKS": "two"}, "SLURM_NTASKS is two, not a number"),
        ({"SLURM_JOB_NODELIST": "n[1-x]"}, r"cannot read the list of nodes n\[1-x\]"),
        ({"SLURM_TASKS_PER_NODE": "2x"}, "cannot read the tasks per node 2x"),
        ({"SLURM_TASKS_PER_NODE": "1"}, "2 nodes, but the tasks of 1"),
        ({"SLURM_TASKS_PER_NODE": "2(x2)"}, "the nodes have 4"),
        ({"SLURM_NODEID": "0"}, "task 1 is not on n02:23456; give srun --distribution=block"),
    ],
)
def test_variables_of_slurm_that_name_none_are_refused(changed, said):
    with pytest.raises(UserError, match=said):
        of_slurm(slurm(**changed))


def test_a_list_of_nodes_is_expanded_as_slurm_does():
    assert hosts("a,b[3],c[09-11,1]") == ("a", "b3", "c09", "c10", "c11", "c1")


def test_the_command_refuses_bad_workers_in_one_line(capsys, monkeypatch):
    for words, variable, said in (
        (["--workers", "a:1"], "", "--workers a:1: that is one worker"),
        (["--workers", TWO, "--worker", "2"], "", "--worker 2: the list"),
        (
            ["--workers", TWO, "--worker", "0", "--dry-run"],
            "",
            "--dry-run describes a training on one machine",
        ),
        ([], "{", "TF_CONFIG is no JSON"),
    ):
        monkeypatch.setenv("TF_CONFIG", variable)
        with pytest.raises(SystemExit) as stop:
            main(["train", *words])
        assert stop.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line


def free_ports(count):
    with_ports = [socket.create_server(("", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in with_ports]
    for server in with_ports:
        server.close()
    return ports


@pytest.fixture
def connected(monkeypatch):
    """Connects workers in threads of this process; what one of them raises is in its place. No loss ends the process."""
    monkeypatch.setattr(links, "GRACE", 0)
    monkeypatch.setattr(links.os, "_exit", lambda code: None)
    monkeypatch.setattr(links, "BEAT", 0.1)
    made = []

    def start(count, change=lambda workers: workers):
        addresses = tuple(f"127.0.0.1:{port}" for port in free_ports(count))
        found = [None] * count

        def one(place):
            try:
                found[place] = connect(change(Workers(addresses, place)), say=lambda line: None)
                made.append(found[place])
            except UserError as error:
                found[place] = error

        threads = [threading.Thread(target=one, args=[place]) for place in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        return found

    yield start
    for link in made:
        link.release()
        for peer in link.peers.values():
            peer.connection.close()


def test_workers_exchange_messages_and_arrays(connected):
    chief, one, two = connected(3)
    chief.tell(settings={"steps": 5})
    assert one.hear("settings") == two.hear("settings") == {"steps": 5}
    array = np.array([[-0.0, np.nan, 1e-45]], np.float32)
    chief.send_array(array)
    for link in (one, two):
        assert link.receive_array("float32", (1, 3)).tobytes() == array.tobytes()
    one.tell(agreed=1)
    two.tell(agreed=2)
    assert chief.hear_all("agreed") == {1: 1, 2: 2}
    chief.tell(done=True)
    assert two.hear("settings", or_else="done") is None


def test_a_worker_that_is_gone_is_named_to_all(connected, capsys):
    chief, one, two = connected(3)
    told = []
    chief.on_loss = told.append
    one.peers[0].connection.shutdown(socket.SHUT_RDWR)
    for link in (chief, two):
        with pytest.raises(
            WorkerLost, match=rf"worker 1 \({one.workers.addresses[1]}\) is gone; the same command"
        ):
            link.wait_for_loss()


def test_a_worker_that_says_nothing_is_gone(connected, monkeypatch):
    monkeypatch.setattr(links, "SILENCE", 0.5)
    chief, one = connected(2)
    one.release()  # gives no sign of life any longer, but stays connected
    chief.watch_closely()
    with pytest.raises(WorkerLost, match=r"worker 1 .*: it has given no sign of life"):
        chief.hear("agreed", place=1)


def test_an_error_of_one_worker_is_told_to_all(connected):
    chief, one, two = connected(3)
    with pytest.raises(UserError, match="no pictures"), one:
        raise UserError("no pictures there")
    for link in (chief, two):
        with pytest.raises(WorkerLost, match=r"worker 1 .* has ended: no pictures there"):
            link.wait_for_loss()


def test_workers_with_other_lists_are_refused(connected):
    found = connected(2, lambda w: w if w.is_chief else Workers((*w.addresses, "127.0.0.1:1"), 1))
    assert all(isinstance(error, UserError) for error in found)
    assert {str(error).partition(" is ")[0] for error in found} == {"workers differ: workers"}


def test_a_port_in_use_is_refused(connected):
    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]
        workers = Workers((f"127.0.0.1:{port}", "127.0.0.1:1"), 0)
        with pytest.raises(UserError, match=f"worker 0 .*: cannot listen on port {port}"):
            connect(workers, say=lambda line: None)


def test_a_stranger_at_the_port_of_the_chief_disturbs_nothing(connected):
    def after_stranger(workers):
        while not workers.is_chief:
            with suppress(ConnectionRefusedError):
                host, port = workers.addresses[0].split(":")
                socket.create_connection((host, int(port))).sendall(b"GET / HTTP/1.1\r\n\r\n")
                break
        return workers

    chief, one = connected(2, after_stranger)
    chief.tell(hello=1)
    assert one.hear("hello") == 1
