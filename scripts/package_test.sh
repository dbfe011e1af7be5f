#!/usr/bin/env bash
# Makes the release for this machine twice, compares the bytes, and installs, runs and removes the .deb. Needs root on a Debian
# system. What is not there to test with is said.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '%s\n' "- $*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

[ "$(id -u)" -eq 0 ] && command -v dpkg >/dev/null || fail "wants root on a Debian system"
work=$(mktemp -d)
trap 'dpkg --purge respsniff >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
chmod 755 "$work"
arch=$(go env GOHOSTARCH)

scripts/release.sh --only "linux/$arch" "$work/a" >"$work/log" 2>&1 || { cat "$work/log"; fail "scripts/release.sh"; }
scripts/release.sh --only "linux/$arch" "$work/b" >"$work/log" 2>&1 || { cat "$work/log"; fail "scripts/release.sh"; }
diff "$work/a/SHA256SUMS" "$work/b/SHA256SUMS" || fail "two runs made different bytes"
(cd "$work/a" && sha256sum --check --quiet SHA256SUMS)
say "made twice, the same bytes: $(wc -l <"$work/a/SHA256SUMS") files"

commit=$(git rev-parse --short=12 HEAD)
for file in "$work"/a/*.cdx.json; do
	grep -q '"bomFormat": "CycloneDX"' "$file" && grep -q github.com/spf13/cobra "$file" || fail "$file is no bill of materials"
done

dpkg --install "$work"/a/*.deb >/dev/null
say "installed: $(dpkg-query -W -f '${Package} ${Version} ${Architecture}, ${Installed-Size} KiB' respsniff)"
[ "$(command -v respsniff)" = /usr/bin/respsniff ] || fail "another respsniff comes before it: $(command -v respsniff)"
respsniff version | grep -q "commit $commit" || fail "version does not tell the commit $commit: $(respsniff version)"
respsniff version | sed 's/^/  /'
case $(file -L /usr/bin/respsniff 2>/dev/null || echo unknown) in
*dynamically*) fail "the program is not static" ;;
esac

code=0
respsniff analyze testdata/captures/lab_j2.pcap.gz >"$work/report" || code=$?
[ "$code" -eq 1 ] && grep -q '^DESYNC: 4 calls' "$work/report" || fail "analyze: exit code $code"
head -n 1 "$work/report" | sed 's/^/  /'

for page in respsniff respsniff-analyze respsniff-live respsniff-split; do
	[ -e "/usr/share/man/man1/$page.1.gz" ] || grep -qs 'path-exclude=/usr/share/man' /etc/dpkg/dpkg.cfg.d/* || fail "no man page $page"
done
! command -v man >/dev/null || [ ! -e /usr/share/man/man1/respsniff-live.1.gz ] || man respsniff-live 2>/dev/null | grep 'CAP_NET_RAW' >/dev/null || fail "man respsniff-live"
bash -c '. /usr/share/bash-completion/completions/respsniff; complete -p respsniff' >/dev/null || fail "completion of bash"

# As the unit does it: a user without rights but CAP_NET_RAW, and the settings of /etc.
code=0
setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps -all,+net_raw --ambient-caps -all,+net_raw --bounding-set -all,+net_raw --no-new-privs \
	respsniff live --config /etc/respsniff/live.yaml --metrics 127.0.0.1:0 -a duration:2 --allow-empty >"$work/live" 2>"$work/err" || code=$?
[ "$code" -eq 0 ] && grep -q '"type":"summary"' "$work/live" || { cat "$work/err"; fail "live with CAP_NET_RAW alone: exit code $code"; }
say "captured as user 65534 with CAP_NET_RAW alone"

if command -v systemd-analyze >/dev/null; then
	systemd-analyze verify /usr/lib/systemd/system/respsniff.service || fail "systemd-analyze verify"
	level=$(systemd-analyze security --offline=true --no-pager /usr/lib/systemd/system/respsniff.service | grep -o 'Overall exposure level.*') || fail "systemd-analyze security"
	say "${level/* for/systemd:}"
	systemd-analyze security --offline=true --threshold=30 --no-pager /usr/lib/systemd/system/respsniff.service >/dev/null || fail "$level: want 3.0 at most"
else
	say "no systemd-analyze: the unit is not checked"
fi

dpkg --remove respsniff >/dev/null
[ ! -e /usr/bin/respsniff ] && [ ! -e /usr/lib/systemd/system/respsniff.service ] || fail "removed, but still there"
[ -e /etc/respsniff/live.yaml ] || fail "the settings went with the package"
dpkg --purge respsniff >/dev/null
[ ! -e /etc/respsniff ] || fail "purged, but the settings are still there"
say "removed and purged: nothing is left"
say "not tested here: the .rpm is made, and not installed"
