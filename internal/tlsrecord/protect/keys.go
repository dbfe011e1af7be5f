package protect

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"encoding/binary"
	"fmt"
	"hash"

	"golang.org/x/crypto/chacha20poly1305"
)

// Keys open the records of one direction of a connection. They are used by one goroutine.
type Keys struct {
	suite  Suite
	secret []byte // of TLS 1.3, for Next
	key    []byte
	iv     [chacha20poly1305.NonceSize]byte // of AES-GCM in TLS 1.2 only the first four bytes are given
	aead   cipher.AEAD
	block  cipher.Block // AES
	ghash  *ghash       // of Sequence; nil until it is needed

	nonce [chacha20poly1305.NonceSize]byte
	data  [13]byte // additional data of a record of TLS 1.2
	trial []byte   // what a trial decrypts to
}

// Format keeps keys out of whatever is printed.
func (*Keys) Format(s fmt.State, _ rune) { fmt.Fprint(s, "(keys)") }

// New13 derives the keys of one direction of TLS 1.3 from its traffic secret.
func New13(suite Suite, secret []byte) (*Keys, error) {
	if !suite.Readable || !suite.TLS13 {
		return nil, fmt.Errorf("%s is no cipher suite of TLS 1.3 that can be read", suite.Name)
	}
	if size := suite.hash()().Size(); len(secret) != size {
		return nil, fmt.Errorf("a traffic secret of %d bytes: those of %s have %d", len(secret), suite.Name, size)
	}
	mac := hmac.New(suite.hash(), secret)
	k, err := newKeys(suite, expand(mac, "key", suite.key), expand(mac, "iv", chacha20poly1305.NonceSize))
	if err != nil {
		return nil, err
	}
	k.secret = append([]byte(nil), secret...)
	return k, nil
}

// New12 derives the keys of both directions of TLS 1.2 from the master secret and the randoms of both Hellos (RFC 5246 section 6.3).
func New12(suite Suite, master, clientRandom, serverRandom []byte) (client, server *Keys, err error) {
	if !suite.Readable || suite.TLS13 {
		return nil, nil, fmt.Errorf("%s is no cipher suite of TLS 1.2 that can be read", suite.Name)
	}
	if len(master) != 48 || len(clientRandom) != 32 || len(serverRandom) != 32 {
		return nil, nil, fmt.Errorf("a master secret of %d bytes and randoms of %d and %d: they have 48 and 32", len(master), len(clientRandom), len(serverRandom))
	}
	iv := 4
	if suite.chacha {
		iv = chacha20poly1305.NonceSize
	}
	seed := append(append([]byte("key expansion"), serverRandom...), clientRandom...)
	block := prf(suite.hash(), master, seed, 2*(suite.key+iv))
	keys, ivs := block[:2*suite.key], block[2*suite.key:]
	if client, err = newKeys(suite, keys[:suite.key], ivs[:iv]); err != nil {
		return nil, nil, err
	}
	server, err = newKeys(suite, keys[suite.key:], ivs[iv:])
	return client, server, err
}

func newKeys(suite Suite, key, iv []byte) (*Keys, error) {
	k := &Keys{suite: suite, key: key}
	copy(k.iv[:], iv)
	var err error
	if suite.chacha {
		k.aead, err = chacha20poly1305.New(key)
		return k, err
	}
	if k.block, err = aes.NewCipher(key); err != nil {
		return nil, err
	}
	k.aead, err = cipher.NewGCM(k.block)
	return k, err
}

// Next returns the keys that follow on a KeyUpdate (RFC 8446 section 7.2), whose first record has sequence number 0. TLS 1.2 has
// none: nil.
func (k *Keys) Next() *Keys {
	if !k.suite.TLS13 {
		return nil
	}
	next, err := New13(k.suite, expand(hmac.New(k.suite.hash(), k.secret), "traffic upd", len(k.secret)))
	if err != nil {
		return nil
	}
	return next
}

// Suite returns the suite of the keys.
func (k *Keys) Suite() Suite { return k.suite }

// Overhead is that of the suite.
func (k *Keys) Overhead() int { return k.suite.Overhead() }

// ContentLength is that of the suite.
func (k *Keys) ContentLength(record int) int { return k.suite.ContentLength(record) }

// expand is HKDF-Expand-Label with an empty context (RFC 8446 section 7.1), for lengths up to that of the hash. mac is an HMAC
// with the secret: all that are derived of one share its key.
func expand(mac hash.Hash, label string, length int) []byte {
	const prefix = "tls13 "
	info := make([]byte, 0, 32)
	info = binary.BigEndian.AppendUint16(info, uint16(length))
	info = append(info, byte(len(prefix)+len(label)))
	info = append(info, prefix+label...)
	info = append(info, 0, 1) // no context; the first block of HKDF-Expand (RFC 5869 section 2.3)
	mac.Reset()
	mac.Write(info)
	return mac.Sum(nil)[:length]
}

// prf is P_hash of RFC 5246 section 5, whose seed begins with the label.
func prf(h func() hash.Hash, secret, seed []byte, length int) []byte {
	mac := hmac.New(h, secret)
	sum := func(parts ...[]byte) []byte {
		mac.Reset()
		for _, p := range parts {
			mac.Write(p)
		}
		return mac.Sum(nil)
	}
	var out []byte
	for a := sum(seed); len(out) < length; a = sum(a) {
		out = append(out, sum(a, seed)...)
	}
	return out[:length]
}
