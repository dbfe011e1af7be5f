package protect

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

// Sequence finds the sequence number of a whole record that was encrypted with these keys, wherever it stands, without trials. It
// works for AES-GCM only:
//
//  1. A tag is GHASH(additional data, ciphertext) XOR E(nonce || 1), and the key is known.
//  2. In TLS 1.3 the additional data are too: decrypting the tag XOR GHASH gives the nonce, which is the sequence number XOR the IV.
//  3. In TLS 1.2 the nonce is, and GHASH is linear in the additional data, which begin with the sequence number: solve for them.
//  4. 64 bits of the result are known already, and Open checks all.
func (k *Keys) Sequence(header, body []byte) (seq uint64, ok bool) {
	prefix := k.suite.prefix()
	if k.suite.chacha || len(header) != headerLen || len(body) < prefix+tagLen {
		return 0, false
	}
	if k.ghash == nil {
		k.ghash = newGHASH(k.block)
	}
	sealed, tag := body[prefix:len(body)-tagLen], load(body[len(body)-tagLen:])
	var block [aes.BlockSize]byte
	if k.suite.TLS13 {
		copy(block[:], header)
		tag.add(k.ghash.sum(k.aead, block, headerLen, sealed))
		tag.store(block[:])
		k.block.Decrypt(block[:], block[:])
		if [4]byte(block[:4]) != [4]byte(k.iv[:4]) || binary.BigEndian.Uint32(block[12:]) != 1 {
			return 0, false
		}
		seq = binary.BigEndian.Uint64(block[4:]) ^ binary.BigEndian.Uint64(k.iv[4:])
	} else {
		copy(block[:], k.nonceOf(body, 0))
		block[aes.BlockSize-1] = 1
		k.block.Encrypt(block[:], block[:])
		tag.add(load(block[:]))
		tag.add(k.ghash.sum(k.aead, [aes.BlockSize]byte{}, len(k.data), sealed))
		data := k.ghash.divide(tag, 2+(len(sealed)+aes.BlockSize-1)/aes.BlockSize)
		known := uint64(header[0])<<56 | uint64(header[1])<<48 | uint64(header[2])<<40 | uint64(len(sealed)&0xffff)<<24
		if data.lo != known {
			return 0, false
		}
		seq = data.hi
	}
	ok = k.opens(header, body, seq)
	k.release()
	return seq, ok
}

// Search finds the sequence number of a whole record. What Sequence cannot find is tried, from a number up to, not with, another.
func (k *Keys) Search(header, body []byte, from, to uint64) (seq uint64, ok bool) {
	if !k.suite.chacha {
		return k.Sequence(header, body)
	}
	defer k.release()
	for seq = from; seq < to; seq++ {
		if k.opens(header, body, seq) {
			return seq, true
		}
	}
	return 0, false
}

// keptBuffer is how many bytes of a buffer are kept for the next trial.
const keptBuffer = 1 << 10

// release frees what a trial on a large record took.
func (k *Keys) release() {
	if cap(k.trial) > keptBuffer {
		k.trial = nil
	}
}

// opens reports whether a record opens with a sequence number.
func (k *Keys) opens(header, body []byte, seq uint64) bool {
	if cap(k.trial) < len(body) {
		k.trial = make([]byte, 0, len(body))
	}
	_, _, ok := k.Open(k.trial[:0], header, body, seq)
	return ok
}

// element is one of GF(2^128) as GCM writes it: the first bit of hi is the coefficient of 1, the last one of lo that of x^127.
type element struct{ hi, lo uint64 }

func load(b []byte) element {
	return element{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

func (e element) store(b []byte) {
	binary.BigEndian.PutUint64(b, e.hi)
	binary.BigEndian.PutUint64(b[8:], e.lo)
}

func (e *element) add(o element) { e.hi, e.lo = e.hi^o.hi, e.lo^o.lo }

// double multiplies by x.
func (e element) double() element {
	const polynomial = 0xe1 << 56 // 1 + x + x^2 + x^7; x^128 is what it stands for
	return element{e.hi>>1 ^ polynomial*(e.lo&1), e.hi<<63 | e.lo>>1}
}

func (e element) times(o element) (product element) {
	for _, word := range [2]uint64{o.hi, o.lo} {
		for bit := uint64(1) << 63; bit != 0; bit >>= 1 {
			if word&bit != 0 {
				product.add(e)
			}
			e = e.double()
		}
	}
	return product
}

// ghash is GHASH under one key (SP 800-38D section 6.4).
type ghash struct {
	h       element // the key: E(0)
	mask    element // E(nonce || 1) of a nonce of zeros
	inverse element // of h; zero until it is needed
	nonce   [12]byte
	tag     [tagLen]byte
	buf     []byte
}

func newGHASH(block cipher.Block) *ghash {
	g := &ghash{}
	var b [aes.BlockSize]byte
	block.Encrypt(g.tag[:], b[:])
	g.h = load(g.tag[:])
	b[aes.BlockSize-1] = 1
	block.Encrypt(g.tag[:], b[:])
	g.mask = load(g.tag[:])
	return g
}

// sum is GHASH of additional data that fill one block at most and of a ciphertext. The AEAD does the work: its tag of both as
// additional data of nothing is the same sum but for the last block, that of the lengths.
func (g *ghash) sum(aead cipher.AEAD, data [aes.BlockSize]byte, dataLen int, sealed []byte) element {
	g.buf = append(append(g.buf[:0], data[:]...), sealed...)
	for len(g.buf)%aes.BlockSize != 0 {
		g.buf = append(g.buf, 0)
	}
	sum := load(aead.Seal(g.tag[:0], g.nonce[:], nil, g.buf))
	sum.add(g.mask)
	lengths := element{uint64(dataLen^len(g.buf)) * 8, uint64(len(sealed)) * 8}
	sum.add(lengths.times(g.h))
	if cap(g.buf) > keptBuffer {
		g.buf = nil
	}
	return sum
}

// divide returns e / h^n.
func (g *ghash) divide(e element, n int) element {
	if g.inverse == (element{}) {
		// h^(2^128 - 2), the product of h^2, h^4, ... h^(2^127)
		power := g.h.times(g.h)
		g.inverse = power
		for range 126 {
			power = power.times(power)
			g.inverse = g.inverse.times(power)
		}
	}
	for power := g.inverse; n > 0; n >>= 1 {
		if n&1 != 0 {
			e = e.times(power)
		}
		power = power.times(power)
	}
	return e
}
