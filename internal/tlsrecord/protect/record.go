package protect

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"slices"

	"golang.org/x/crypto/chacha20"
)

// Open decrypts the body of a record with the header before it, five bytes, and appends the content to dst, which it must not
// overlap. typ is the type of the content: in TLS 1.3 the one within, behind which the padding ended. ok: the tag says that key and
// sequence number are right and that nothing was altered; otherwise dst comes back as it was.
func (k *Keys) Open(dst, header, body []byte, seq uint64) (content []byte, typ byte, ok bool) {
	prefix := k.suite.prefix()
	if len(header) != headerLen || len(body) < prefix+tagLen {
		return dst, 0, false
	}
	data := header
	if !k.suite.TLS13 {
		binary.BigEndian.PutUint64(k.data[:], seq)
		copy(k.data[8:11], header)
		binary.BigEndian.PutUint16(k.data[11:], uint16(len(body)-prefix-tagLen))
		data = k.data[:]
	}
	out, err := k.aead.Open(dst, k.nonceOf(body, seq), body[prefix:], data)
	if err != nil {
		return dst, 0, false
	}
	if !k.suite.TLS13 {
		return out, header[0], true
	}
	n := len(out)
	for n > len(dst) && out[n-1] == 0 {
		n--
	}
	if n == len(dst) {
		return dst, 0, false // padding only, which is none
	}
	return out[:n-1], out[n-1], true
}

// nonceOf returns the nonce of a record, which is valid until the next one: that of AES-GCM in TLS 1.2 stands before the record.
func (k *Keys) nonceOf(body []byte, seq uint64) []byte {
	k.nonce = k.iv
	if k.suite.prefix() > 0 {
		copy(k.nonce[4:], body[:explicitLen])
		return k.nonce[:]
	}
	binary.BigEndian.PutUint64(k.nonce[4:], seq^binary.BigEndian.Uint64(k.iv[4:]))
	return k.nonce[:]
}

// OpenPart decrypts the first part of the body of a record whose rest was not captured, and appends what it has of the content to
// dst, which it must not overlap. Nothing tells whether key and sequence number are right. The header's length says where the
// content ends; padding, and in TLS 1.3 so the type, is not known.
func (k *Keys) OpenPart(dst, header, part []byte, seq uint64) []byte {
	prefix := k.suite.prefix()
	if len(header) != headerLen || len(part) <= prefix {
		return dst
	}
	length := k.ContentLength(int(binary.BigEndian.Uint16(header[3:])))
	sealed := part[prefix:]
	sealed = sealed[:min(len(sealed), length)]
	nonce := k.nonceOf(part, seq)
	var stream cipher.Stream
	if k.suite.chacha {
		c, err := chacha20.NewUnauthenticatedCipher(k.key, nonce)
		if err != nil {
			return dst
		}
		c.SetCounter(1) // block 0 is the key of the tag (RFC 8439 section 2.8)
		stream = c
	} else {
		var first [aes.BlockSize]byte
		copy(first[:], nonce)
		first[aes.BlockSize-1] = 2 // block 1 encrypts the tag
		stream = cipher.NewCTR(k.block, first[:])
	}
	n := len(dst)
	dst = slices.Grow(dst, len(sealed))[:n+len(sealed)]
	stream.XORKeyStream(dst[n:], sealed)
	return dst
}
