import socket

import pytest


@pytest.fixture
def connections(monkeypatch):
    """Connections that somebody tried to open: all are refused."""
    tried = []

    def refuse(self, address):
        tried.append(address)
        raise ConnectionRefusedError(f"no connection to {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *args, **kwargs: refuse(None, host))
    return tried
