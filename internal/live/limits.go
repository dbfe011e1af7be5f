package live

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Ring takes the words of -b, as dumpcap has them, into the options: filesize:KB, duration:SECONDS, files:N.
func (o *RecordOptions) Ring(words []string) error {
	for _, word := range words {
		what, value, _ := strings.Cut(word, ":")
		n, err := strconv.ParseInt(value, 10, 64)
		switch {
		case err != nil || n <= 0 || n > 1e9:
			what = ""
		case what == "filesize":
			o.MaxBytes = n * 1000 // dumpcap's kB
		case what == "duration":
			o.MaxTime = time.Duration(n) * time.Second
		case what == "files":
			o.Files = int(n)
		default:
			what = ""
		}
		if what == "" {
			return refusef("-b %s: want filesize:KB, duration:SECONDS or files:N", word)
		}
	}
	switch {
	case len(words) > 0 && o.Path == "":
		return refusef("-b needs -w FILE")
	case o.Files > 0 && o.MaxBytes == 0 && o.MaxTime == 0:
		return refusef("-b files:%d needs filesize or duration too", o.Files)
	case o.Path == "-":
		return refusef("-w -: standard output holds the findings; tcpdump -w - is the tool for a pipe")
	}
	return nil
}

// StopAfter takes the words of -a into the options: duration:SECONDS, packets:N.
func (o *Options) StopAfter(words []string) error {
	for _, word := range words {
		what, value, _ := strings.Cut(word, ":")
		n, err := strconv.ParseFloat(value, 64)
		switch {
		case err != nil || n <= 0 || n > 1e12:
			what = ""
		case what == "duration":
			o.Time = time.Duration(min(n*1e9, 1<<62))
		case what == "packets":
			o.Packets = int64(n)
		default:
			what = ""
		}
		if what == "" {
			return refusef("-a %s: want duration:SECONDS or packets:N", word)
		}
	}
	return nil
}

// Hosts reads addresses and prefixes; names are not resolved.
func Hosts(words []string) (hosts []netip.Prefix, err error) {
	for _, word := range words {
		p, err := netip.ParsePrefix(word)
		if err != nil {
			addr, err := netip.ParseAddr(strings.Trim(word, "[]"))
			if err != nil || addr.Zone() != "" {
				return nil, refusef("--host %s: want an address or a prefix; names are not resolved", word)
			}
			p = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
		}
		hosts = append(hosts, p)
	}
	return hosts, nil
}
