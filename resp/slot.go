package resp

// Slots is the number of hash slots of a Redis cluster.
const Slots = 16384

// Slot returns the cluster slot of a key: CRC-16/XMODEM modulo Slots, over the text between the first '{' and the first
// '}' behind it where that is not empty, else over the whole key (Redis cluster specification, "Hash tags").
func Slot(key []byte) uint16 {
	for i, c := range key {
		if c != '{' {
			continue
		}
		for j := i + 1; j < len(key); j++ {
			if key[j] == '}' {
				if j > i+1 {
					key = key[i+1 : j]
				}
				break
			}
		}
		break
	}
	return crc16(key) % Slots
}

// crc16 is CRC-16/XMODEM: polynomial 0x1021, start 0, not reflected, no final xor.
func crc16(b []byte) uint16 {
	var crc uint16
	for _, c := range b {
		crc = crc<<8 ^ crc16Table[byte(crc>>8)^c]
	}
	return crc
}

var crc16Table = func() (table [256]uint16) {
	for i := range table {
		crc := uint16(i) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
		table[i] = crc
	}
	return table
}()
