#!/usr/bin/env bash
# Makes a release of the commit that is checked out, in dist/ or the folder given: static programs for Linux, macOS and
# Windows, one with libpcap for this machine, .deb and .rpm, man pages, completions, a Homebrew formula, bills of materials and
# checksums. What is not committed is not in it. A second run of the same commit, with the same Go, makes the same bytes.
#
#   scripts/release.sh [--only OS/ARCH] [DIR]
set -euo pipefail
cd "$(dirname "$0")/.."

NFPM=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0
TARGETS="linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64"
only=
if [ "${1-}" = --only ]; then
	only=$2 TARGETS=$2
	shift 2
fi
out=$(mkdir -p "${1:-dist}" && cd "${1:-dist}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A clone, so that nothing but the commit is built, and Go records which one it was.
git clone --quiet --no-hardlinks . "$work/src"
cd "$work/src"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH TZ=UTC LC_ALL=C
tag=$(git describe --tags --exact-match 2>/dev/null || true)
commit=$(git rev-parse --short=12 HEAD)
version=${tag#v}
version=${version:-0.0.0~git$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d).$commit}
built=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
label=${version/\~/-}

build() { # GOOS GOARCH CGO TAGS FILE
	GOOS=$1 GOARCH=$2 CGO_ENABLED=$3 go build -trimpath -buildvcs=true -tags "$4" -ldflags '-s -w -buildid=' -o "$5" ./cmd/respsniff
}

archive() { # FILE FOLDER NAME...: the same bytes for the same files
	tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --format=ustar -C "$2" -cf - "${@:3}" | gzip -n9 >"$1"
}

# What is the same for all systems is made by the program of this one.
mkdir -p "$work/stage/man" "$work/stage/completions"
build "$(go env GOHOSTOS)" "$(go env GOHOSTARCH)" 0 "" "$work/host"
"$work/host" man "$work/stage/man"
gzip -n9 "$work/stage/man/"*.1
for shell in bash zsh fish; do "$work/host" completion "$shell" >"$work/stage/completions/respsniff.$shell"; done
cp README.md LICENSE packaging/respsniff.yaml packaging/live.yaml packaging/respsniff.service "$work/stage/"
gzip -n9c CHANGELOG.md >"$work/stage/CHANGELOG.md.gz"

rm -f "$out"/respsniff[-_.]* "$out/SHA256SUMS"
for target in $TARGETS; do
	os=${target%/*} arch=${target#*/} exe=respsniff
	[ "$os" = windows ] && exe=respsniff.exe
	echo "$target"
	rm -f "$work/stage/respsniff" "$work/stage/respsniff.exe"
	build "$os" "$arch" 0 "" "$work/stage/$exe"
	name=respsniff_${label}_${os}_$arch
	go run ./scripts/sbom "$work/stage/$exe" >"$out/$name.cdx.json"
	archive "$out/$name.tar.gz" "$work/stage" "$exe" README.md LICENSE respsniff.yaml live.yaml respsniff.service man completions
	[ "$os" = linux ] || continue
	sed -e "s|\${STAGE}|$work/stage|" -e "s/\${ARCH}/$arch/" -e "s/\${PACKAGE_VERSION}/$version/" -e "s/\${BUILD_DATE}/$built/" packaging/nfpm.yaml >"$work/nfpm.yaml"
	for kind in deb rpm; do
		go run "$NFPM" package --config "$work/nfpm.yaml" --packager "$kind" --target "$out/$name.$kind"
	done
done

if [ -n "$only" ]; then
	echo "only $only: no libpcap build, no formula"
elif [ -e /usr/include/pcap/pcap.h ]; then
	echo "linux/$(go env GOHOSTARCH) with libpcap"
	mkdir "$work/libpcap"
	build linux "$(go env GOHOSTARCH)" 1 libpcap "$work/libpcap/respsniff"
	archive "$out/respsniff_${label}_linux_$(go env GOHOSTARCH)_libpcap.tar.gz" "$work/libpcap" respsniff
else
	echo "no libpcap here: there is no build with it" >&2
fi

if [ -z "$only" ]; then
	fill=(-e "s/@VERSION@/$label/" -e "s/@TAG@/${tag:-v$label}/")
	for target in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64; do
		file=respsniff_${label}_${target/\//_}.tar.gz key=$(tr a-z/ A-Z_ <<<"$target")
		fill+=(-e "s/@${key}_FILE@/$file/" -e "s/@${key}_SHA256@/$(sha256sum <"$out/$file" | cut -d' ' -f1)/")
	done
	sed "${fill[@]}" packaging/homebrew/respsniff.rb.in >"$out/respsniff.rb"
fi
(cd "$out" && sha256sum respsniff[_.]* >SHA256SUMS)
ls -l "$out"
