#!/bin/sh
# Installs the Debian packages that a job needs and that are missing: `packages.sh build`, `packages.sh test`.
# Asks for nothing where all is there, so it needs neither root nor a network then.
set -eu
case "${1:-}" in
    build) wanted="libssl-dev libnghttp2-dev libhiredis-dev zlib1g-dev pkg-config" ;;
    test) wanted="python3 python3-venv curl openssl nghttp2-client redis-server nginx-light chromium rsyslog rsyslog-gnutls logrotate prometheus systemd strace golang-go golang-github-aws-aws-sdk-go-v2-dev e2fsprogs util-linux procps" ;;
    *)
        echo "usage: packages.sh build|test" >&2
        exit 64
        ;;
esac
missing=""
for package in $wanted; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
echo "Installing Debian packages:$missing"
privilege=""
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "Run as root: apt-get install$missing" >&2; exit 69; }
    privilege=sudo
fi
$privilege apt-get update -q
# Services that come with a package must not be started by its installation: tests start their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $privilege tee "$policy" >/dev/null
    $privilege chmod 755 "$policy"
    trap '$privilege rm -f "$policy"' EXIT
fi
# shellcheck disable=SC2086
$privilege env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
