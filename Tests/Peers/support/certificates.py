"""Certificates made with the openssl command: an authority, a good certificate, and the bad ones."""

import pathlib
import ssl
import subprocess

_CA_CONFIG = """
[ca]
default_ca = here
[here]
dir = {directory}
database = {directory}/index.txt
serial = {directory}/serial
new_certs_dir = {directory}
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
"""


class Certificates:
    """PEM files in `directory`: ca.pem, other-ca.pem, and NAME.pem with NAME.key for good, wrong-name, expired, untrusted."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self._authority("ca")
        self._authority("other-ca")
        local = "DNS:localhost,IP:127.0.0.1,IP:::1"
        self._leaf("good", local)
        self._leaf("wrong-name", "DNS:elsewhere.example")
        self._leaf("expired", local, start="20200101000000Z", end="20200201000000Z")
        self._leaf("untrusted", local, authority="other-ca")

    def path(self, name):
        return str(self.directory / name)

    def server_context(self, name="good"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path(f"{name}.pem"), self.path(f"{name}.key"))
        return context

    def _authority(self, name):
        self._openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", f"/CN={name}",
            "-keyout", self.path(f"{name}.key"), "-out", self.path(f"{name}.pem"),
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip

    def _leaf(self, name, names, authority="ca", start=None, end=None):
        work = self.directory / f"{name}-work"
        work.mkdir()
        (work / "index.txt").touch()
        (work / "serial").write_text("01\n")
        (work / "ca.cnf").write_text(_CA_CONFIG.format(directory=work))
        self._openssl(
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-keyout", self.path(f"{name}.key"), "-out", str(work / "request.pem"), "-addext", f"subjectAltName={names}",
        )  # fmt: skip
        period = ["-startdate", start, "-enddate", end] if start else ["-days", "10"]
        self._openssl(
            "ca", "-batch", "-notext", "-config", str(work / "ca.cnf"), "-cert", self.path(f"{authority}.pem"),
            "-keyfile", self.path(f"{authority}.key"), "-in", str(work / "request.pem"), "-out", self.path(f"{name}.pem"), *period,
        )  # fmt: skip

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)
