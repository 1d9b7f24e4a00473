#!/bin/sh
# Creates the virtual environments of the peer tests next to this file. Safe to run again: an environment whose
# requirements have not changed is left alone.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
python=${PYTHON:-python3}

environment() {
    target=$here/$1
    requirements=$here/$2
    if [ -f "$target/requirements.installed" ] && cmp -s "$requirements" "$target/requirements.installed"; then
        return 0
    fi
    rm -rf "$target"
    "$python" -m venv "$target"
    "$target/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements"
    cp "$requirements" "$target/requirements.installed"
}

environment .venv requirements.txt
environment .venv-botocore-1.44 requirements-botocore-1.44.txt
