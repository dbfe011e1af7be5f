// Package protect opens the records of TLS (RFC 8446 section 5, RFC 5288, RFC 7905) with secrets that the user has.
package protect

import (
	"cmp"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"slices"
	"strings"
)

// Suite is a cipher suite of TLS.
type Suite struct {
	ID       uint16
	Name     string // of IANA, or the number as "0xC0FF"
	Readable bool   // its records can be opened
	TLS13    bool   // one of TLS 1.3, which say nothing of the key exchange

	chacha bool // ChaCha20-Poly1305; AES in GCM
	key    int  // length in bytes
	sha384 bool // the hash function of the key schedule; SHA-256
}

// ByNumber returns the suite with a number, known or not. How keys are exchanged makes no difference to who has the secret: all with
// AES in GCM and with ChaCha20-Poly1305 are Readable.
func ByNumber(id uint16) Suite {
	s := Suite{ID: id, TLS13: id>>8 == 0x13}
	i, ok := slices.BinarySearchFunc(names[:], id, func(row struct {
		id   uint16
		name string
	}, id uint16) int {
		return cmp.Compare(row.id, id)
	})
	if !ok {
		s.Name = fmt.Sprintf("0x%04X", id)
		return s
	}
	s.Name = names[i].name
	switch {
	case strings.HasSuffix(s.Name, "_AES_128_GCM_SHA256"):
		s.Readable, s.key = true, 16
	case strings.HasSuffix(s.Name, "_AES_256_GCM_SHA384"):
		s.Readable, s.key, s.sha384 = true, 32, true
	case strings.HasSuffix(s.Name, "_CHACHA20_POLY1305_SHA256"):
		s.Readable, s.key, s.chacha = true, 32, true
	}
	return s
}

const (
	tagLen      = 16
	explicitLen = 8 // of the nonce that stands before an AES-GCM record of TLS 1.2
	headerLen   = 5 // type, version, length
)

// prefix is how many bytes of a record stand before what is encrypted.
func (s Suite) prefix() int {
	if s.TLS13 || s.chacha {
		return 0
	}
	return explicitLen
}

// Overhead is how many bytes a record is longer than its content, if that is not padded; 0 of a suite that is not Readable.
func (s Suite) Overhead() int {
	switch {
	case !s.Readable:
		return 0
	case s.TLS13:
		return 1 + tagLen // the type of the content
	}
	return s.prefix() + tagLen
}

// ContentLength is the length of the content of a record of so many bytes behind its header, if it is not padded. It is never
// negative.
func (s Suite) ContentLength(record int) int { return max(0, record-s.Overhead()) }

func (s Suite) hash() func() hash.Hash {
	if s.sha384 {
		return sha512.New384
	}
	return sha256.New
}
