package capture

import (
	"regexp"
	"strconv"
	"sync"
)

// Drops is what a capturing side reports of its own losses, in packets.
type Drops struct {
	Known     bool  // some figure was reported; without it the zeros below mean nothing
	Captured  int64 // taken by the capturing program; only in text
	Received  int64 // seen by the interface or passed by the filter (isb_ifrecv, "received by filter")
	Kernel    int64 // dropped by the operating system (isb_osdrop, epb_dropcount, "dropped by kernel")
	Interface int64 // dropped by the interface (isb_ifdrop, "dropped by interface")
}

// add sums two reports of different interfaces or files; sums saturate.
func (d *Drops) add(e Drops) {
	d.Known = d.Known || e.Known
	d.Captured = addSat(d.Captured, e.Captured)
	d.Received = addSat(d.Received, e.Received)
	d.Kernel = addSat(d.Kernel, e.Kernel)
	d.Interface = addSat(d.Interface, e.Interface)
}

// Plus returns the sum of two reports, of different interfaces, files or runs; sums saturate.
func (d Drops) Plus(e Drops) Drops {
	d.add(e)
	return d
}

// dropLine matches a line with which tcpdump ends; a count stands before each figure.
var dropLine = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?m)(?:^|[\s,/])(\d{1,18}) packets? (captured|received by filter|dropped by kernel|dropped by interface)\b`)
})

// dumpcapLine matches dumpcap's line for an interface. Of its figures the second is all that libpcap and dumpcap lost.
var dumpcapLine = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`Packets received/dropped on interface '[^']{0,256}': (\d{1,18})/(\d{1,18})(?: \([^)]{0,200}ps_ifdrop:(\d{1,18})\))?`)
})

// ParseDrops finds the closing statistics of tcpdump or dumpcap anywhere in text, in lines of their own or run together:
//
//	4492851 packets captured
//	4675218 packets received by filter
//	182367 packets dropped by kernel
//
// Figures found twice are added: they are of two runs. It is false if there is none.
func ParseDrops(text string) (Drops, bool) {
	var d Drops
	for _, m := range dropLine().FindAllStringSubmatch(text, -1) {
		n := count(m[1])
		one := Drops{Known: true}
		switch m[2] {
		case "captured":
			one.Captured = n
		case "received by filter":
			one.Received = n
		case "dropped by kernel":
			one.Kernel = n
		case "dropped by interface":
			one.Interface = n
		}
		d.add(one)
	}
	for _, m := range dumpcapLine().FindAllStringSubmatch(text, -1) {
		d.add(Drops{Known: true, Received: count(m[1]), Kernel: count(m[2]), Interface: count(m[3])})
	}
	return d, d.Known
}

// count reads digits that the pattern has bounded to what an int64 holds; no digits are 0.
func count(digits string) int64 {
	n, _ := strconv.ParseInt(digits, 10, 64)
	return n
}
