package protect

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestSuitesHaveNames(t *testing.T) {
	for _, c := range []struct {
		id   uint16
		want Suite
	}{
		{0x1301, Suite{Name: "TLS_AES_128_GCM_SHA256", Readable: true, TLS13: true, key: 16}},
		{0x1302, Suite{Name: "TLS_AES_256_GCM_SHA384", Readable: true, TLS13: true, key: 32, sha384: true}},
		{0x1303, Suite{Name: "TLS_CHACHA20_POLY1305_SHA256", Readable: true, TLS13: true, key: 32, chacha: true}},
		{0x1305, Suite{Name: "TLS_AES_128_CCM_8_SHA256", TLS13: true}},
		{0x009d, Suite{Name: "TLS_RSA_WITH_AES_256_GCM_SHA384", Readable: true, key: 32, sha384: true}},
		{0xc02f, Suite{Name: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", Readable: true, key: 16}},
		{0xcca9, Suite{Name: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", Readable: true, key: 32, chacha: true}},
		{0xc027, Suite{Name: "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"}},
		{0xc05d, Suite{Name: "TLS_ECDHE_ECDSA_WITH_ARIA_256_GCM_SHA384"}},
		{0xffff, Suite{Name: "0xFFFF"}},
		{0xc0de, Suite{Name: "0xC0DE"}},
	} {
		c.want.ID = c.id
		if got := ByNumber(c.id); got != c.want {
			t.Errorf("%#04x: %+v", c.id, got)
		}
	}
	for i := range names[1:] {
		if names[i].id >= names[i+1].id {
			t.Errorf("%s and %s are not in order", names[i].name, names[i+1].name)
		}
	}
}

func TestOverheadIsKnownWithoutKeys(t *testing.T) {
	for id, want := range map[uint16]int{0x1301: 17, 0x1303: 17, 0xc02f: 24, 0xcca8: 16, 0xc013: 0} {
		s := ByNumber(id)
		if s.Overhead() != want || s.ContentLength(100) != 100-want || s.ContentLength(3) != max(0, 3-want) {
			t.Errorf("%s: %d", s.Name, s.Overhead())
		}
	}
}

func TestWrongSecretsAreRefused(t *testing.T) {
	gcm12, gcm13, cbc := ByNumber(0xc02f), ByNumber(0x1302), ByNumber(0xc013)
	r := make([]byte, 32)
	for name, err := range map[string]error{
		"short secret":         second(New13(gcm13, r)),
		"suite of TLS 1.2":     second(New13(gcm12, r)),
		"CCM":                  second(New13(ByNumber(0x1304), r)),
		"suite of TLS 1.3":     third(New12(gcm13, make([]byte, 48), r, r)),
		"CBC":                  third(New12(cbc, make([]byte, 48), r, r)),
		"short master secret":  third(New12(gcm12, r, r, r)),
		"short random":         third(New12(gcm12, make([]byte, 48), r[1:], r)),
		"short server random":  third(New12(gcm12, make([]byte, 48), r, r[1:])),
		"nothing of a suite":   second(New13(Suite{}, r)),
		"nothing of a suite 2": third(New12(Suite{}, make([]byte, 48), r, r)),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	client, _, err := New12(gcm12, make([]byte, 48), r, r)
	if err != nil || client.Next() != nil {
		t.Errorf("%v; TLS 1.2 has no KeyUpdate", err)
	}
}

func second[A any](_ A, err error) error      { return err }
func third[A, B any](_ A, _ B, e error) error { return e }

func TestKeysAreNotPrinted(t *testing.T) {
	k := keysOf(t, 0x1301)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if text := fmt.Sprintf(verb+verb, k, []any{k}); strings.Contains(text, fmt.Sprintf(strings.Trim(verb, "+#"), k.key[:2])) || !strings.Contains(text, "(keys)") {
			t.Errorf("%s prints %s", verb, text)
		}
	}
}

// keysOf are any keys of a suite.
func keysOf(t testing.TB, id uint16) *Keys {
	t.Helper()
	suite := ByNumber(id)
	var k *Keys
	var err error
	if suite.TLS13 {
		k, err = New13(suite, bytes.Repeat([]byte{7}, suite.hash()().Size()))
	} else {
		k, _, err = New12(suite, bytes.Repeat([]byte{1}, 48), bytes.Repeat([]byte{2}, 32), bytes.Repeat([]byte{3}, 32))
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// sealed encrypts any content with any sequence number, in TLS 1.2 behind any explicit nonce: OpenSSL begins with a random one.
func sealed(k *Keys, seq uint64, typ byte, content []byte, padding int) record {
	header := []byte{23, 3, 3, 0, 0}
	data, plain, explicit := header, content, []byte(nil)
	if k.suite.TLS13 {
		plain = append(append(bytes.Clone(content), typ), make([]byte, padding)...)
	} else {
		header[0] = typ
		data = binary.BigEndian.AppendUint64(nil, seq)
		data = append(data, typ, 3, 3, byte(len(content)>>8), byte(len(content)))
		explicit = binary.BigEndian.AppendUint64(nil, rand.Uint64())[:k.suite.prefix()]
	}
	binary.BigEndian.PutUint16(header[3:], uint16(len(explicit)+len(plain)+tagLen))
	nonce := bytes.Clone(k.nonceOf(append(bytes.Clone(explicit), make([]byte, 8)...), seq))
	return record{header, k.aead.Seal(explicit, nonce, plain, data)}
}

func TestPaddingIsStripped(t *testing.T) {
	const seq = 1<<40 + 5
	for _, id := range []uint16{0x1301, 0x1302, 0x1303} {
		k := keysOf(t, id)
		r := sealed(k, seq, 22, []byte{24, 0, 0}, 50)
		if content, typ, ok := k.Open(nil, r.header, r.body, seq); !ok || typ != 22 || !bytes.Equal(content, []byte{24, 0, 0}) {
			t.Errorf("%x of type %d, %v", content, typ, ok)
		}
		r = sealed(k, seq, 0, nil, 50)
		if content, _, ok := k.Open([]byte("kept"), r.header, r.body, seq); ok || string(content) != "kept" {
			t.Errorf("a record of padding alone opens to %x", content)
		}
	}
}

// TestSequenceIsFoundAnywhere: of any number, for any length, without trials.
func TestSequenceIsFoundAnywhere(t *testing.T) {
	for _, id := range []uint16{0x1301, 0x1302, 0xc02f, 0xc030} {
		k, other := keysOf(t, id), keysOf(t, id)
		other.iv[1] ^= 1
		for n := range 70 {
			seq := rand.Uint64() >> (n % 64)
			r := sealed(k, seq, 23, bytes.Repeat([]byte{byte(n)}, n), 0)
			if got, ok := k.Sequence(r.header, r.body); !ok || got != seq {
				t.Errorf("%s, %d bytes: %d is found for %d, %v", k.suite.Name, n, got, seq, ok)
			}
			if _, ok := other.Sequence(r.header, r.body); ok {
				t.Errorf("%s: other keys find a number", k.suite.Name)
			}
		}
	}
}

// FuzzKeys: what is sealed opens in every way, whatever it is; whatever is no record does not open.
func FuzzKeys(f *testing.F) {
	f.Add(uint16(0x1301), uint64(3), byte(23), []byte("*1\r\n$4\r\nPING\r\n"), uint16(3))
	f.Add(uint16(0xc02f), uint64(1)<<63, byte(21), []byte{1, 0}, uint16(9))
	f.Add(uint16(0xcca8), uint64(0), byte(22), []byte{}, uint16(40))
	f.Fuzz(func(t *testing.T, id uint16, seq uint64, typ byte, content []byte, cut uint16) {
		suite := ByNumber(id)
		if !suite.Readable || len(content) > 1<<14 {
			return
		}
		k := keysOf(t, id)
		typ = max(typ, 1)
		r := sealed(k, seq, typ, content, int(cut%100))
		got, gotType, ok := k.Open(nil, r.header, r.body, seq)
		if !ok || gotType != typ || !bytes.Equal(got, content) {
			t.Fatalf("%q of type %d, %v", got, gotType, ok)
		}
		if found, ok := k.Search(r.header, r.body, seq, seq+1); seq+1 != 0 && (!ok || found != seq) {
			t.Fatalf("sequence number %d, %v", found, ok)
		}
		part := r.body[:int(cut)%(len(r.body)+1)]
		if got := k.OpenPart(nil, r.header, part, seq); !bytes.HasPrefix(append(bytes.Clone(content), typ), got[:min(len(got), len(content)+1)]) {
			t.Fatalf("%d bytes open to %q", len(part), got)
		}
		// The content itself is no record, and a part of one neither.
		for _, body := range [][]byte{content, part} {
			if _, _, ok := k.Open(nil, r.header, body, seq); ok && len(body) < len(r.body) {
				t.Fatal("what is no record opens")
			}
			if _, ok := k.Search(r.header, body, 0, 3); ok && len(body) < len(r.body) {
				t.Fatal("what is no record has a sequence number")
			}
			k.OpenPart(nil, r.header[:cut%6], body, seq)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	for _, id := range []uint16{0x1301, 0x1302, 0x1303, 0xc02f} {
		for _, n := range []int{64, 1024, 16384} {
			b.Run(fmt.Sprintf("%s/%d", ByNumber(id).Name, n), func(b *testing.B) {
				k := keysOf(b, id)
				r := sealed(k, 5, 23, make([]byte, n), 0)
				dst := make([]byte, 0, n+1)
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					if _, _, ok := k.Open(dst, r.header, r.body, 5); !ok {
						b.Fatal("does not open")
					}
				}
			})
		}
	}
}

func BenchmarkSequence(b *testing.B) {
	for _, id := range []uint16{0x1301, 0xc02f} {
		b.Run(ByNumber(id).Name, func(b *testing.B) {
			k := keysOf(b, id)
			r := sealed(k, 5, 23, make([]byte, 1024), 0)
			b.SetBytes(1024)
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := k.Sequence(r.header, r.body); !ok {
					b.Fatal("not found")
				}
			}
		})
	}
}
