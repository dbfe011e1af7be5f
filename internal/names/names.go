// Package names reads what the ends of connections are called: a file that gives addresses and networks labels, so that
// findings of recordings on other addresses have the same fingerprints.
package names

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Names are the labels of addresses. The zero value has none.
type Names struct {
	entries []entry // the most particular first
}

// entry is one line of the file.
type entry struct {
	prefix netip.Prefix
	port   uint16 // 0: any
	label  string
}

// Bounds of a file.
const (
	maxEntries = 1 << 16
	maxLabel   = 128 // bytes
)

// Open reads a file.
func Open(path string) (*Names, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	n, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return n, nil
}

// Read reads lines of an address or network, a port where it matters, and a label, with blanks, commas or = between them; behind
// a comma a label may have blanks. What is behind # is a comment.
//
//	172.18.0.2:6379   cache
//	172.18.0.2 6380   sessions
//	10.1.0.0/16,,web front end
//	[2001:db8::7]     worker
func Read(r io.Reader) (*Names, error) {
	n := &Names{}
	s := bufio.NewScanner(r)
	for line := 1; s.Scan(); line++ {
		text, _, _ := strings.Cut(s.Text(), "#")
		if line == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		fields := split(text)
		if len(fields) == 0 {
			continue
		}
		e, err := parse(fields)
		if err == nil && slices.ContainsFunc(n.entries, func(x entry) bool { return x.prefix == e.prefix && x.port == e.port && x.label != e.label }) {
			err = errors.New("it has another label above")
		}
		if err == nil && len(n.entries) == maxEntries {
			err = fmt.Errorf("more than %d entries", maxEntries)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		n.entries = append(n.entries, e)
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	slices.SortStableFunc(n.entries, func(a, b entry) int {
		return cmp.Or(-cmp.Compare(min(a.port, 1), min(b.port, 1)), cmp.Compare(b.prefix.Bits(), a.prefix.Bits()))
	})
	return n, nil
}

// split parts a line into its fields.
func split(line string) (fields []string) {
	between := func(r rune) bool { return unicode.IsSpace(r) || r == '=' }
	if strings.Contains(line, ",") {
		between = func(r rune) bool { return r == ',' }
	}
	for _, field := range strings.FieldsFunc(line, between) {
		if field = strings.TrimSpace(field); field != "" {
			fields = append(fields, field)
		}
	}
	return fields
}

func parse(fields []string) (e entry, err error) {
	const want = "want an address or a network, a port if it matters, and a label"
	if len(fields) < 2 || len(fields) > 3 {
		return e, errors.New(want)
	}
	if e.label = fields[len(fields)-1]; len(e.label) > maxLabel || !utf8.ValidString(e.label) || strings.ContainsFunc(e.label, unicode.IsControl) {
		return e, fmt.Errorf("a label is text of at most %d bytes", maxLabel)
	}
	address, port := fields[0], ""
	if len(fields) == 3 {
		port = fields[1]
	} else if at := strings.LastIndexByte(address, ':'); at > 0 && (strings.Count(address, ":") == 1 || address[at-1] == ']') {
		address, port = address[:at], address[at+1:]
	}
	if port != "" {
		p, err := strconv.ParseUint(port, 10, 16)
		if err != nil || p == 0 {
			return e, fmt.Errorf("port %q: %s", port, want)
		}
		e.port = uint16(p)
	}
	if strings.HasPrefix(address, "[") && strings.HasSuffix(address, "]") {
		address = address[1 : len(address)-1]
	}
	if e.prefix, err = netip.ParsePrefix(address); err != nil {
		a, err := netip.ParseAddr(address)
		if err != nil || a.Zone() != "" {
			return e, fmt.Errorf("address %q: %s", address, want)
		}
		e.prefix = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
	}
	e.prefix = e.prefix.Masked()
	return e, nil
}

// Client returns the label of a client, "" for none. Entries with a port are about servers.
func (n *Names) Client(a netip.Addr) string {
	for i := range n.entries {
		if e := &n.entries[i]; e.port == 0 && e.prefix.Contains(a.Unmap()) {
			return e.label
		}
	}
	return ""
}

// Server returns the name of a server: the label of its address and port, else the label of its address with the port behind
// it, since two servers of one host are two.
func (n *Names) Server(a netip.AddrPort) string {
	for i := range n.entries {
		switch e := &n.entries[i]; {
		case e.port != 0 && e.port != a.Port() || !e.prefix.Contains(a.Addr().Unmap()):
		case e.port != 0:
			return e.label
		default:
			return e.label + ":" + strconv.Itoa(int(a.Port()))
		}
	}
	return ""
}
