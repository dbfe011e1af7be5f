//go:build libpcap || (cgo && (darwin || dragonfly || freebsd || netbsd || openbsd))

package capture

import (
	"errors"
	"testing"
)

func TestLinkOfDLT(t *testing.T) {
	for _, tt := range []struct {
		dlt    int
		system string
		want   LinkType
	}{
		{1, "linux", LinkEthernet},
		{113, "linux", LinkSLL},
		{0, "darwin", LinkNull},
		{12, "darwin", LinkRawOld},
		{12, "openbsd", LinkLoop},
		{14, "openbsd", LinkRawBSD},
		{108, "netbsd", LinkLoop},
	} {
		if got := linkOfDLT(tt.dlt, tt.system); got != tt.want {
			t.Errorf("%d on %s is %v, want %v", tt.dlt, tt.system, got, tt.want)
		}
	}
}

// TestAllInterfacesNeedLinux: what a system has no device for must not be asked of libpcap, whose error would be "no such
// device".
func TestAllInterfacesNeedLinux(t *testing.T) {
	if liveAny {
		t.Skip("this system has such a device")
	}
	if _, err := OpenLive(LiveOptions{}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("OpenLive: %v", err)
	}
}
