package resp

import "bytes"

// Slots is the number of hash slots of a Redis cluster.
const Slots = 16384

// Slot returns the cluster slot of a key: CRC-16/XMODEM modulo Slots, over the text between the first '{' and the first
// '}' behind it where that is not empty, else over the whole key (Redis cluster specification, "Hash tags").
func Slot(key []byte) uint16 {
	if open := bytes.IndexByte(key, '{'); open >= 0 {
		if n := bytes.IndexByte(key[open+1:], '}'); n > 0 {
			key = key[open+1 : open+1+n]
		}
	}
	return crc16(key) % Slots
}

// crc16 is CRC-16/XMODEM: polynomial 0x1021, start 0, not reflected, no final xor. It takes 8 bytes a step ("slicing by
// 8"). With a table of words behind a pointer each byte after the second is two instructions: 82 for a key of 16 bytes,
// where shifting the bytes out of a number and indexing a table of uint16 took 129.
func crc16(b []byte) uint16 {
	t := crc16Table
	crc := uint32(0)
	i := 0
	for ; i+8 <= len(b); i += 8 {
		p := b[i : i+8 : i+8]
		crc = t[7][byte(crc>>8)^p[0]] ^ t[6][byte(crc)^p[1]] ^ t[5][p[2]] ^ t[4][p[3]] ^
			t[3][p[4]] ^ t[2][p[5]] ^ t[1][p[6]] ^ t[0][p[7]]
	}
	if i+4 <= len(b) {
		p := b[i : i+4 : i+4]
		crc = t[3][byte(crc>>8)^p[0]] ^ t[2][byte(crc)^p[1]] ^ t[1][p[2]] ^ t[0][p[3]]
		i += 4
	}
	for ; i < len(b); i++ {
		crc = crc<<8&0xffff ^ t[0][byte(crc>>8)^b[i]]
	}
	return uint16(crc)
}

// crcTable has at n the checksums of each byte with n zero bytes behind it.
type crcTable [8][256]uint32

var crc16Table = func() *crcTable {
	var table crcTable
	for i := range table[0] {
		crc := uint32(i) << 8
		for range 8 {
			crc <<= 1
			if crc>>16 != 0 {
				crc ^= 0x11021
			}
		}
		table[0][i] = crc
	}
	for n := 1; n < len(table); n++ {
		for i, crc := range table[n-1] {
			table[n][i] = crc<<8&0xffff ^ table[0][crc>>8]
		}
	}
	return &table
}()
