package tlsrecord

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/respsniff/respsniff/internal/tlsrecord/protect"
)

// TestSearchBehindKeyUpdates: a record of ChaCha20 is found from the secret of the log, however many keys before its own were updated, as far as
// they are looked for.
func TestSearchBehindKeyUpdates(t *testing.T) {
	expand := func(secret []byte, label string, n int) []byte {
		info := append(binary.BigEndian.AppendUint16(nil, uint16(n)), byte(len("tls13 "+label)))
		p, err := hkdf.Expand(sha256.New, secret, string(info)+"tls13 "+label+"\x00", n)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	first := []byte("the first secret of this sender.")
	secret := first
	for g := range generations {
		for _, seq := range []uint64{0, 63, updated - 1} {
			aead, err := chacha20poly1305.New(expand(secret, "key", 32))
			if err != nil {
				t.Fatal(err)
			}
			nonce := expand(secret, "iv", 12)
			binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(nonce[4:])^seq)
			content := []byte("PING\r\n\x17")
			head := []byte{typeApplicationData, 3, 3, 0, byte(len(content) + 16)}
			body := aead.Seal(nil, nonce, content, head)
			s, c := newStage(""), &conn{}
			c.hello.server, c.hello.suite = true, 0x1303
			r := &record{head: head, body: body, length: len(body)}
			var k *protect.Keys
			var at uint64
			var ok bool
			for _, wide := range []bool{false, true} {
				if k, at, ok = s.fits(c, first, r, wide); ok {
					break
				}
			}
			if !ok || at != seq || k == nil {
				t.Errorf("record %d behind %d updates: found %v, as %d", seq, g, ok, at)
			}
		}
		secret = expand(secret, "traffic upd", 32)
	}
}
