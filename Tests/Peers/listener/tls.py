"""Configurations and clients of TLS listeners."""

import ssl

from support.process import basic_config, more_routes

FAST = {"head": "1s", "body": "1s", "idle": "2s"}


def tls_listener(authority, name="server", **changes):
    """A listener of its own, with the certificate `name` of `authority`."""
    tls = {"certificate": authority.path(f"{name}.pem"), "privateKey": authority.path(f"{name}.key")}
    return {"bind": "127.0.0.1:0", "tls": tls | changes}


def tls_config(upstream, *listeners, **changes):
    changes = {"drain": {"delay": "1ms", "timeout": "10s"}} | changes
    return more_routes(basic_config(upstream.url, listeners=list(listeners), **changes))


def client_context(authority, identity=None, protocols=("http/1.1",)):
    """Trusts `authority`; shows the certificate whose (file, key file) `identity` is."""
    context = ssl.create_default_context(cafile=authority.path("ca.pem"))
    if protocols:
        context.set_alpn_protocols(list(protocols))
    if identity:
        context.load_cert_chain(*identity)
    return context
