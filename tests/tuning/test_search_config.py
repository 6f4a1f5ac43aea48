import socket

import pytest

from gcn_tf.commands.tune import SearchFlags, parse
from gcn_tf.errors import ConfigError
from gcn_tf.tuning.config import check_free, is_loopback, parse_address


@pytest.mark.parametrize("text", ["", "here", ":80", "host:", "host:0", "host:70000", "host:x"])
def test_an_address_is_a_host_and_a_port(text):
    with pytest.raises(ConfigError, match="write HOST:PORT"):
        parse_address(text)
    assert parse_address("10.0.0.1:8754") == ("10.0.0.1", 8754)


def test_the_chief_listens_to_this_machine_alone_by_default():
    host, _ = parse_address(SearchFlags.chief_address)
    assert is_loopback(host)
    assert not is_loopback("0.0.0.0")


def test_a_port_that_is_taken_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(ConfigError, match=f"127.0.0.1:{port}: Address already in use; take another port"):
            check_free("127.0.0.1", port)


@pytest.mark.parametrize(
    "flag, value, message",
    [
        ("--trials", "1", "--trials 1: give a number from 2"),
        ("--psnr-weight", "nan", "--psnr-weight nan"),
        ("--psnr-weight", "-1", "--psnr-weight -1"),
        ("--executions", "0", "--executions 0"),
        ("--max-parameters", "0", "--max-parameters 0"),
        ("--chief-address", "here", "--chief-address here: write HOST:PORT"),
    ],
)
def test_flags_that_make_no_sense_are_named(flag, value, message):
    with pytest.raises(ConfigError, match=message):
        parse([flag, value])
