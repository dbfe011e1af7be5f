package protect

import (
	"crypto/aes"
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
	if k.field == nil {
		var h [aes.BlockSize]byte
		k.block.Encrypt(h[:], h[:])
		k.field = newField(load(h[:]))
	}
	sealed, tag := body[prefix:len(body)-tagLen], load(body[len(body)-tagLen:])
	var block [aes.BlockSize]byte
	if k.suite.TLS13 {
		copy(block[:], header)
		tag.add(k.field.hash(load(block[:]), headerLen, sealed))
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
		tag.add(k.field.hash(element{}, len(k.data), sealed))
		data := k.field.divide(tag, 2+(len(sealed)+aes.BlockSize-1)/aes.BlockSize)
		known := uint64(header[0])<<56 | uint64(header[1])<<48 | uint64(header[2])<<40 | uint64(len(sealed)&0xffff)<<24
		if data.lo != known {
			return 0, false
		}
		seq = data.hi
	}
	return seq, k.opens(header, body, seq)
}

// Search finds the sequence number of a whole record. What Sequence cannot find is tried, from a number up to, not with, another.
func (k *Keys) Search(header, body []byte, from, to uint64) (seq uint64, ok bool) {
	if !k.suite.chacha {
		return k.Sequence(header, body)
	}
	for seq = from; seq < to; seq++ {
		if k.opens(header, body, seq) {
			return seq, true
		}
	}
	return 0, false
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

// field multiplies by the key of GHASH, four bits at a time.
type field struct {
	h, inverse element     // inverse is zero until it is needed
	products   [16]element // of four coefficients, that of 1 first, with h
	overflow   [16]uint64  // what the four highest coefficients become, times x^4
}

func newField(h element) *field {
	f := &field{h: h}
	for i := range f.products {
		f.products[i] = h.times(element{hi: uint64(i) << 60})
		f.overflow[i] = element{lo: uint64(i)}.double().double().double().double().hi
	}
	return f
}

// timesH returns the product with h: Horner's rule from the highest coefficients on.
func (f *field) timesH(e element) (product element) {
	for _, word := range [2]uint64{e.lo, e.hi} {
		for range 16 {
			over := f.overflow[product.lo&15]
			product = element{product.hi>>4 ^ over, product.hi<<60 | product.lo>>4}
			product.add(f.products[word&15])
			word >>= 4
		}
	}
	return product
}

// hash is GHASH of additional data that fill one block at most and of a ciphertext (SP 800-38D section 6.4).
func (f *field) hash(data element, dataLen int, sealed []byte) element {
	sum := f.timesH(data)
	n := len(sealed)
	for ; len(sealed) >= aes.BlockSize; sealed = sealed[aes.BlockSize:] {
		sum.add(load(sealed))
		sum = f.timesH(sum)
	}
	if len(sealed) > 0 {
		var last [aes.BlockSize]byte
		copy(last[:], sealed)
		sum.add(load(last[:]))
		sum = f.timesH(sum)
	}
	sum.add(element{uint64(dataLen) * 8, uint64(n) * 8})
	return f.timesH(sum)
}

// divide returns e / h^n.
func (f *field) divide(e element, n int) element {
	if f.inverse == (element{}) {
		// h^(2^128 - 2), the product of h^2, h^4, ... h^(2^127)
		power := f.h.times(f.h)
		f.inverse = power
		for range 126 {
			power = power.times(power)
			f.inverse = f.inverse.times(power)
		}
	}
	for power := f.inverse; n > 0; n >>= 1 {
		if n&1 != 0 {
			e = e.times(power)
		}
		power = power.times(power)
	}
	return e
}
