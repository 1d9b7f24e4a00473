"""Peers of the gateway for its tests: an upstream that misbehaves on demand, a client on bare sockets, certificates."""
