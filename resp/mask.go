package resp

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// MaskKey replaces a key by a token that is the same for the same key and hashes to the same cluster slot. A hash tag
// stays as it is.
func MaskKey(key []byte) string {
	h := sha256.Sum256(key)
	token := "key-" + hex.EncodeToString(h[:5])
	if i := bytes.IndexByte(key, '{'); i >= 0 {
		if j := bytes.IndexByte(key[i+1:], '}'); j > 0 {
			return token + "{" + TextOf(key[i+1:i+1+j]).String() + "}"
		}
	}
	slot := Slot(key)
	buf := append([]byte(token), '.')
	for n := int64(0); ; n++ { // 16,384 tries on average
		if try := strconv.AppendInt(buf, n, 36); Slot(try) == slot {
			return string(try)
		}
	}
}
