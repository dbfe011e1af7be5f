package protect

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestTracesOfRFC8448 opens the records of application data of the simple handshake (section 3).
func TestTracesOfRFC8448(t *testing.T) {
	for _, c := range []struct{ side, secret, key, iv, record string }{
		{"client",
			`9e 40 64 6c e7 9a 7f 9d c0 5a f8 88 9b ce 65 52 87 5a fa 0b 06 df 00 87 f7 92 eb b7 c1 75 04 a5`,
			`17 42 2d da 59 6e d5 d9 ac d8 90 e3 c6 3f 50 51`, `5b 78 92 3d ee 08 57 90 33 e5 23 d9`,
			`17 03 03 00 43 a2 3f 70 54 b6 2c 94 d0 af fa fe 82 28 ba 55 cb ef ac ea 42 f9 14 aa 66 bc ab 3f 2b 98 19 a8
			a5 b4 6b 39 5b d5 4a 9a 20 44 1e 2b 62 97 4e 1f 5a 62 92 a2 97 70 14 bd 1e 3d ea e6 3a ee bb 21 69 49 15 e4`},
		{"server",
			`a1 1a f9 f0 55 31 f8 56 ad 47 11 6b 45 a9 50 32 82 04 b4 f4 4b fb 6b 3a 4b 4f 1f 3f cb 63 16 43`,
			`9f 02 28 3b 6c 9c 07 ef c2 6b b9 f2 ac 92 e3 56`, `cf 78 2b 88 dd 83 54 9a ad f1 e9 84`,
			`17 03 03 00 43 2e 93 7e 11 ef 4a c7 40 e5 38 ad 36 00 5f c4 a4 69 32 fc 32 25 d0 5f 82 aa 1b 36 e3 0e fa f9
			7d 90 e6 df fc 60 2d cb 50 1a 59 a8 fc c4 9c 4b f2 e5 f0 a2 1c 00 47 c2 ab f3 32 54 0d d0 32 e1 67 c2 95 5d`},
	} {
		k, err := New13(ByNumber(0x1301), unhex(t, c.secret))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(k.key, unhex(t, c.key)) || !bytes.Equal(k.iv[:], unhex(t, c.iv)) {
			t.Errorf("%s: another key or IV", c.side)
		}
		var want []byte
		for i := range byte(50) {
			want = append(want, i)
		}
		record := unhex(t, c.record)
		header, body := record[:5], record[5:]
		// The server sent a ticket before, with sequence number 0.
		seq, ok := k.Sequence(header, body)
		if wantSeq := map[string]uint64{"client": 0, "server": 1}[c.side]; !ok || seq != wantSeq {
			t.Fatalf("%s: sequence number %d, %v", c.side, seq, ok)
		}
		if content, typ, ok := k.Open(nil, header, body, seq); !ok || typ != 23 || !bytes.Equal(content, want) {
			t.Errorf("%s: content %x of type %d, %v", c.side, content, typ, ok)
		}
		if got := k.OpenPart(nil, header, body[:20], seq); !bytes.Equal(got, want[:20]) {
			t.Errorf("%s: part %x", c.side, got)
		}
	}
}

// TestPRFOfTLS12 is the vector for SHA-256 that the TLS working group's list has of 2009, which libraries test with.
func TestPRFOfTLS12(t *testing.T) {
	secret := unhex(t, "9b be 43 6b a9 40 f0 17 b1 76 52 84 9a 71 db 35")
	seed := append([]byte("test label"), unhex(t, "a0 ba 9f 93 6c da 31 18 27 a6 f7 96 ff d5 19 8c")...)
	want := unhex(t, `e3 f2 29 ba 72 7b e1 7b 8d 12 26 20 55 7c d4 53 c2 aa b2 1d 07 c3 d4 95 32 9b 52 d4 e6 1e db 5a
		6b 30 17 91 e9 0d 35 c9 c9 a4 6b 4e 14 ba f9 af 0f a0 22 f7 07 7d ef 17 ab fd 37 97 c0 56 4b ab 4f bc 91 66 6e 9d ef 9b
		97 fc e3 4f 79 67 89 ba a4 80 82 d1 22 ee 42 c5 a7 2e 5a 51 10 ff f7 01 87 34 7b 66`)
	if got := prf(ByNumber(0xc02f).hash(), secret, seed, len(want)); !bytes.Equal(got, want) {
		t.Errorf("%x", got)
	}
}
