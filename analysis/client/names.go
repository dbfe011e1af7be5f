package client

import (
	"bytes"
	"net/netip"
	"regexp"
	"strings"
	"sync"

	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/resp"
)

// names are what clients call themselves, by address. What they give does not depend on the order in which they were seen.
type names struct {
	of        map[netip.Addr]*called
	libraries map[string]netip.Addr // the address that gave a library's name; the zero Addr: several did
	limit     *bound.Bound
}

// called is how the connections of one address call themselves. Those that give no name say nothing.
type called struct {
	role, library            string // of CLIENT SETNAME, of CLIENT SETINFO LIB-NAME
	manyRoles, manyLibraries bool
}

func newNames(bounds *bound.Set) names {
	return names{
		of: map[netip.Addr]*called{}, libraries: map[string]netip.Addr{},
		limit: bounds.New(bound.Bound{ // 200 bytes each
			Name: "clients with a name", Limit: bounds.Scaled(1 << 14), Loses: bound.Detail,
			Hides: "the names of further clients: their fingerprints contain their addresses",
		}),
	}
}

// see takes a command that may give a name.
func (n *names) see(client netip.Addr, req *resp.Request) {
	role, library := nameIn(req)
	if role == "" && library == "" {
		return
	}
	c := n.of[client]
	if c == nil {
		if !n.limit.Admits(len(n.of)) {
			return
		}
		c = &called{}
		n.of[client] = c
	}
	if role != "" {
		c.manyRoles = c.manyRoles || c.role != "" && c.role != role
		c.role = role
	}
	if library != "" && !c.manyLibraries { // of each client two at most are remembered
		c.manyLibraries = c.manyLibraries || c.library != "" && c.library != library
		c.library = library
		if other, known := n.libraries[library]; known && other != client {
			n.libraries[library] = netip.Addr{}
		} else if !known {
			n.libraries[library] = client
		}
	}
}

// Name returns what a client calls itself, so that it has that name at another address too: the name of CLIENT SETNAME or HELLO
// without what is another one in each process; else its library, if no other address has that one, since a library is no
// name where several clients have it. It is "" where the client gives none, or several.
func (r *Registry) Name(client netip.Addr) string {
	switch c := r.names.of[client]; {
	case c == nil:
	case c.role != "" && !c.manyRoles:
		return c.role
	case c.library != "" && !c.manyLibraries && r.names.libraries[c.library] == client:
		return c.library
	}
	return ""
}

// nameIn finds the role or the library's name in a command.
func nameIn(req *resp.Request) (role, library string) {
	args := req.Args
	switch {
	case len(args) < 3:
	case len(args[0].Bytes) == len("CLIENT") && bytes.EqualFold(args[0].Bytes, []byte("CLIENT")):
		switch sub := args[1].Bytes; {
		case bytes.EqualFold(sub, []byte("SETNAME")):
			return roleIn(args[2].Bytes), ""
		case bytes.EqualFold(sub, []byte("SETINFO")) && len(args) > 3 && bytes.EqualFold(args[2].Bytes, []byte("LIB-NAME")):
			return "", libraryNamed(string(args[3].Bytes[:min(len(args[3].Bytes), maxName)])).Name
		}
	case len(args[0].Bytes) == len("HELLO") && bytes.EqualFold(args[0].Bytes, []byte("HELLO")):
		for i := 2; i+1 < len(args); i++ {
			if bytes.EqualFold(args[i].Bytes, []byte("AUTH")) {
				i += 2 // neither is an option
			} else if bytes.EqualFold(args[i].Bytes, []byte("SETNAME")) {
				return roleIn(args[i+1].Bytes), ""
			}
		}
	}
	return "", ""
}

// maxName is how much of a name is looked at, in bytes.
const maxName = 64

// A pod of a Kubernetes Deployment ends in a hash of its template and a random suffix, both of the letters of
// k8s.io/apimachinery/pkg/util/rand, which has neither vowels nor 0, 1 and 3.
var podSuffix = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`-[bcdfghjklmnpqrstvwxz2456789]{6,10}-[bcdfghjklmnpqrstvwxz2456789]{5}$`)
})

var (
	hexWord = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[0-9a-fA-F]{4,}$`)
	})
	digits = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`[0-9]+`)
	})
	word = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`[0-9A-Za-z]+`)
	})
)

// roleIn makes a name the same for every process of its kind, on every host and in every run: numbers, hexadecimal words with
// a digit, and the suffixes of pods become #. "worker-12" and "worker-7" are one role.
func roleIn(name []byte) string {
	s := string(name[:min(len(name), maxName)])
	s = podSuffix().ReplaceAllString(s, "-#")
	s = word().ReplaceAllStringFunc(s, func(w string) string {
		if hexWord().MatchString(w) && strings.ContainsAny(w, "0123456789") {
			return "#"
		}
		return digits().ReplaceAllString(w, "#")
	})
	if strings.Trim(s, "#.:-_/@ ") == "" {
		return "" // a number, an address
	}
	return s
}
