"""Where a server listens: a port from the command line, and the socket of it, bound before minutes are spent on loading.

listening("serve", "127.0.0.1", 8080)   ->  a socket; or: serve: port 8080 of 127.0.0.1 is taken; …
"""

import argparse
import errno
import socket

from stages.command import Failure


def port(text: str) -> int:
    """A port number, for argparse; 0 is any that is free."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port; take one from 1 to 65535, or 0 for any that is free")
    return int(text)


def listening(command: str, host: str, number: int) -> socket.socket:
    """A socket, bound.

    Raises:
        Failure: the port is taken or not allowed, or the host is not this machine's.
    """
    try:
        family = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0][0]
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, number))
    except socket.gaierror as error:
        raise Failure(f"{command}: no host {host!r}; take 127.0.0.1") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Failure(
                f"{command}: port {number} of {host} is taken; end what listens there, or take another: --port N"
            ) from error
        raise Failure(f"{command}: cannot listen at {host}, port {number}: {error.strerror}; take another: --port N") from error
    return found
