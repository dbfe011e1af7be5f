package tlsrecord

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/reassembly"
)

var suites12 = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
}

// conversations are connections of all kinds that crypto/tls makes.
func conversations(t testing.TB) map[string][]*talk {
	lines, answer := []string{"PING\r\n", "GET big\r\n", "GET " + strings.Repeat("k", 40_000) + "\r\n", "PING\r\n", "GET x\r\n"}, func(i int) string {
		return []string{"+PONG\r\n", "$50000\r\n" + strings.Repeat("v", 50_000) + "\r\n", "$-1\r\n", "+PONG\r\n", ":1\r\n"}[i]
	}
	all := map[string][]*talk{
		"TLS 1.3":              speak(t, 1, &tls.Config{}, &tls.Config{}, lines, answer),
		"TLS 1.3 resumed":      speak(t, 3, &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(8), ServerName: "x"}, &tls.Config{}, lines, answer),
		"TLS 1.3 retried":      speak(t, 1, &tls.Config{CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP384}}, &tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP384}}, lines, answer),
		"TLS 1.3 certificates": speak(t, 1, &tls.Config{Certificates: []tls.Certificate{certificate()}}, &tls.Config{ClientAuth: tls.RequireAnyClientCert}, lines, answer),
	}
	for _, id := range suites12 {
		client := &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{id}, ClientSessionCache: tls.NewLRUClientSessionCache(8), ServerName: "x"}
		all["TLS 1.2 resumed "+tls.CipherSuiteName(id)] = speak(t, 3, client, &tls.Config{}, lines, answer)
	}
	return all
}

// TestContentIsWhatWasSaid: whatever the pieces in which the network carries the records, the content comes out whole, each of its
// places once.
func TestContentIsWhatWasSaid(t *testing.T) {
	for name, talks := range conversations(t) {
		for _, size := range []int{0, 1, 4, 7, 536, 1448, 9000} {
			t.Run(fmt.Sprint(name, "/", size), func(t *testing.T) {
				keys := ""
				for _, k := range talks {
					keys += k.keys
				}
				stage := newStage(keys)
				for i, k := range talks {
					list := k.segments(int64(i+1), size, nil, 0)
					h := listen(t, stage, list)
					for side := range h.content {
						if h.content[side] != k.said[side] || h.missing[side] > 0 {
							t.Fatalf("connection %d, side %d: %d bytes of content, want %d; %d missing", i+1, side, len(h.content[side]), len(k.said[side]), h.missing[side])
						}
					}
					e := list[0].Conn.Encryption
					if e == nil || e.Unread != "" || e.Records != e.Read || e.Version != name[:7] || e.Resumed != (i > 0) || e.Broken {
						t.Fatalf("connection %d: %+v", i+1, e)
					}
				}
			})
		}
	}
}

// TestEachPieceLost: whichever piece is lost, the records beside it come out, nothing else does, and in most cases it is known to the
// byte how much content is missing.
func TestEachPieceLost(t *testing.T) {
	for name, talks := range conversations(t) {
		t.Run(name, func(t *testing.T) {
			k := talks[0]
			pieces := len(k.segments(1, 1448, nil, 0)) - 1
			hellos := (len(k.writes[0].p) + 1447) / 1448 // pieces of the ClientHello
			exact, all := 0, 0
			defer func() {
				if exact*2 < all {
					t.Errorf("in %d of %d streams it is known how much of the content is missing", exact, all)
				}
			}()
			for lost := range pieces {
				h := listen(t, newStage(k.keys), k.segments(1, 1448, func(n int) bool { return n == lost }, 0))
				if lost < hellos || strings.HasPrefix(name, "TLS 1.2") && h.sealed > 0 {
					continue // a part of a Hello is lost: no key can be made, or it is not seen that there is TLS
				}
				for side, said := range k.said {
					got := h.content[side]
					if len(got) == len(said) {
						exact++
					}
					all++
					if n := strings.Count(got, "\x00"); n > 2*16384+2*1448 {
						t.Errorf("piece %d: %d bytes of side %d are missing", lost, n, side)
					}
					for i, j := 0, 0; i < len(got); i++ { // what is there is in order
						if got[i] == 0 {
							continue
						}
						for j < len(said) && said[j] != got[i] {
							j++
						}
						if j++; j > len(said) {
							t.Fatalf("piece %d: side %d has what was not said, from byte %d on", lost, side, i)
						}
					}
				}
			}
		})
	}
}

// TestCutRecords: of a record of which the snapshot length left the first bytes, these are read, and said to be unverified.
func TestCutRecords(t *testing.T) {
	for name, talks := range conversations(t) {
		k := talks[0]
		list := k.segments(1, 1448, nil, 400)
		h := listen(t, newStage(k.keys), list)
		e := list[0].Conn.Encryption
		if e.Read == 0 || e.Unverified == 0 || !strings.HasPrefix(h.content[reassembly.B], "+PONG\r\n$50000\r\nvvv") || !strings.HasSuffix(h.content[reassembly.B], "+PONG\r\n:1\r\n") {
			t.Errorf("%s: %+v\n%.60q", name, e, h.content[reassembly.B])
		}
	}
}

// TestWithoutKeys: no byte of content comes out, the lengths are those of the content, and the reason is said.
func TestWithoutKeys(t *testing.T) {
	for name, talks := range conversations(t) {
		k := talks[0]
		for reason, stage := range map[string]*Stage{
			noKeys:    New(nil, &bound.Set{}),
			wrongKeys: newStage(mixed(k.keys)),
		} {
			list := k.segments(1, 0, nil, 0)
			h := listen(t, stage, list)
			if h.content != [2]string{} || h.sealed == 0 {
				t.Errorf("%s, %s: %d sealed segments, content %.40q", name, reason, h.sealed, h.content)
			}
			if e := list[0].Conn.Encryption; e.Unread != reason || e.Read != 0 {
				t.Errorf("%s: %+v, want %q", name, e, reason)
			}
		}
	}
}

// mixed replaces each secret of a key log by another one of its length.
func mixed(keys string) string {
	lines := strings.Split(strings.TrimSpace(keys), "\n")
	for i, l := range lines {
		f := strings.Fields(l)
		f[2] = strings.Repeat("5a", len(f[2])/2)
		lines[i] = strings.Join(f, " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// TestContradictingLines: of two lines under one random that do not agree, the one that opens the records counts, in any order.
func TestContradictingLines(t *testing.T) {
	for name, talks := range conversations(t) {
		k := talks[0]
		for _, keys := range []string{k.keys + mixed(k.keys), mixed(k.keys) + k.keys} {
			if h := listen(t, newStage(keys), k.segments(1, 1448, nil, 0)); h.content != k.said {
				t.Errorf("%s: not all was read", name)
			}
		}
	}
}
