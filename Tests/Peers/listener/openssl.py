"""A TLS client on OpenSSL's own functions, for what Python's `ssl` cannot be made to do."""

import ctypes
import ctypes.util
import socket

_library = ctypes.CDLL(ctypes.util.find_library("ssl") or "libssl.so.3")
_POINTER, _SIZE, _INT, _BYTES = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_char_p
for _name, _result, _arguments in [
    ("TLS_client_method", _POINTER, []),
    ("SSL_CTX_new", _POINTER, [_POINTER]),
    ("SSL_CTX_free", None, [_POINTER]),
    ("SSL_CTX_ctrl", ctypes.c_long, [_POINTER, _INT, ctypes.c_long, _POINTER]),
    ("SSL_new", _POINTER, [_POINTER]),
    ("SSL_free", None, [_POINTER]),
    ("SSL_set_fd", _INT, [_POINTER, _INT]),
    ("SSL_set_session", _INT, [_POINTER, _POINTER]),
    ("SSL_get_session", _POINTER, [_POINTER]),
    ("SSL_SESSION_dup", _POINTER, [_POINTER]),
    ("SSL_SESSION_set_max_early_data", _INT, [_POINTER, ctypes.c_uint32]),
    ("SSL_connect", _INT, [_POINTER]),
    ("SSL_do_handshake", _INT, [_POINTER]),
    ("SSL_key_update", _INT, [_POINTER, _INT]),
    ("SSL_renegotiate", _INT, [_POINTER]),
    ("SSL_read", _INT, [_POINTER, _BYTES, _INT]),
    ("SSL_write", _INT, [_POINTER, _BYTES, _INT]),
    ("SSL_write_early_data", _INT, [_POINTER, _BYTES, _SIZE, ctypes.POINTER(_SIZE)]),
    ("SSL_get_early_data_status", _INT, [_POINTER]),
]:
    getattr(_library, _name).restype = _result
    getattr(_library, _name).argtypes = _arguments

_SET_MAX_PROTO_VERSION, TLS_1_2 = 124, 0x0303
_UPDATE_REQUESTED, _EARLY_DATA_REJECTED = 1, 1


class OpenSSLClient:
    """One connection. It checks no certificate: the server is not what is tested here."""

    def __init__(self, address, version=None, session=None, early=None, timeout=60):
        self.socket = socket.create_connection(address, timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # OpenSSL reads and writes the descriptor itself, so it must block; the system keeps the time.
        self.socket.setblocking(True)
        limit = timeout.to_bytes(8, "little") + bytes(8)
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self.socket.setsockopt(socket.SOL_SOCKET, option, limit)
        self._context = _library.SSL_CTX_new(_library.TLS_client_method())
        if version:
            _library.SSL_CTX_ctrl(self._context, _SET_MAX_PROTO_VERSION, version, None)
        self._ssl = _library.SSL_new(self._context)
        _library.SSL_set_fd(self._ssl, self.socket.fileno())
        if session:
            _library.SSL_set_session(self._ssl, session)
        if early:
            written = _SIZE()
            assert _library.SSL_write_early_data(self._ssl, early, len(early), ctypes.byref(written)) == 1
        self.is_connected = _library.SSL_connect(self._ssl) == 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        _library.SSL_free(self._ssl)
        _library.SSL_CTX_free(self._context)
        self.socket.close()

    @property
    def early_data_was_rejected(self):
        return _library.SSL_get_early_data_status(self._ssl) == _EARLY_DATA_REJECTED

    def session_that_pretends_to_allow_early_data(self):
        # A copy, because the session itself is spent when its connection ends without close_notify.
        session = _library.SSL_SESSION_dup(_library.SSL_get_session(self._ssl))
        assert _library.SSL_SESSION_set_max_early_data(session, 1 << 20) == 1
        return session

    def write(self, data):
        return _library.SSL_write(self._ssl, data, len(data)) == len(data)

    def read(self):
        """What comes next, or b"" at the end."""
        area = ctypes.create_string_buffer(65536)
        count = _library.SSL_read(self._ssl, area, len(area))
        return area.raw[:count] if count > 0 else b""

    def update_keys(self):
        """False once the server takes no more."""
        return _library.SSL_key_update(self._ssl, _UPDATE_REQUESTED) == 1 and _library.SSL_do_handshake(self._ssl) == 1

    def renegotiate(self):
        return _library.SSL_renegotiate(self._ssl) == 1 and _library.SSL_do_handshake(self._ssl) == 1
