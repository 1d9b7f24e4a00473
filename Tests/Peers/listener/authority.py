"""A certificate authority made with the openssl command, which also revokes."""

import pathlib
import subprocess

_CONFIG = """
[ca]
default_ca = here
[here]
dir = {directory}
database = {directory}/index.txt
serial = {directory}/serial
crlnumber = {directory}/crlnumber
new_certs_dir = {directory}
default_md = sha256
default_crl_days = 5
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
"""

LOCAL = "DNS:localhost,IP:127.0.0.1"


class Authority:
    """PEM files in `directory`: ca.pem, NAME.pem and NAME.key for each `issue`, crl.pem after `publish_crl`."""

    def __init__(self, directory, name):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir()
        (self.directory / "index.txt").touch()
        (self.directory / "serial").write_text("1000\n")
        (self.directory / "crlnumber").write_text("01\n")
        (self.directory / "ca.cnf").write_text(_CONFIG.format(directory=self.directory))
        _openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", f"/CN={name}",
            "-keyout", self.path("ca.key"), "-out", self.path("ca.pem"),
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip

    def path(self, name):
        return str(self.directory / name)

    def issue(self, name, names=LOCAL, period=None, usage="clientAuth,serverAuth"):
        """`names` is a subjectAltName as openssl spells it; `period` is (start, end), else ten days from now. Returns the pair of files."""
        _openssl(
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-keyout", self.path(f"{name}.key"), "-out", self.path(f"{name}.csr"),
            "-addext", f"subjectAltName={names}", "-addext", f"extendedKeyUsage={usage}",
        )  # fmt: skip
        dates = ["-startdate", period[0], "-enddate", period[1]] if period else ["-days", "10"]
        self._ca("-notext", "-in", self.path(f"{name}.csr"), "-out", self.path(f"{name}.pem"), *dates)
        return self.path(f"{name}.pem"), self.path(f"{name}.key")

    def revoke(self, name):
        self._ca("-revoke", self.path(f"{name}.pem"))

    def publish_crl(self, seconds=None):
        """Good for five days, or for so many seconds."""
        self._ca("-gencrl", "-out", self.path("crl.pem"), *(["-crlsec", str(seconds)] if seconds else []))
        return self.path("crl.pem")

    def _ca(self, *arguments):
        _openssl(
            "ca", "-batch", "-config", self.path("ca.cnf"), "-cert", self.path("ca.pem"), "-keyfile", self.path("ca.key"), *arguments
        )


def _openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
