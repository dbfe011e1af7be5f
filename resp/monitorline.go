package resp

import (
	"bytes"
	"strconv"
)

// IsMonitorLine recognises the status lines that MONITOR sends: +1339518083.107412 [0 127.0.0.1:60866] "keys" "*"
func IsMonitorLine(text []byte) bool {
	i := bytes.IndexByte(text, ' ')
	if i < 3 || i+1 >= len(text) || text[i+1] != '[' {
		return false
	}
	_, err := strconv.ParseFloat(string(text[:i]), 64)
	return err == nil
}
