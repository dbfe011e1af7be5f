package detectors

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"maps"
	"math/bits"
	"net/netip"
	"slices"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/cluster"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/resp"
)

// What shows that a client hashes wrongly.
const (
	wrongPercent = 90 // … of all that can be tested
	maxMisses    = 128
	maxHashers   = 256 // client addresses
	// byChance is how likely it may be at most that so many slots fit one of the hashes by chance.
	byChance = 1e-5
)

// WrongSlotClient is RS309: a client whose choice of nodes follows from a wrong hash.
func WrongSlotClient() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS309", Name: "wrong-slot-client", Severity: incident.Medium, Since: "0.1.0",
		Summary: "a client computes the slots of keys wrongly",
		Params: []incident.Param{
			{Name: "min", Default: "20", Meaning: "slots of redirected keys whose node the wrong hash must give"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &hashers{
				r: r, least: r.Number("min"), clients: map[netip.Addr]*hasher{},
				bound: r.EvidenceBound(maxHashers, "clients with redirected keys", "whether further clients compute slots wrongly"),
			}
			w.faults = incident.Keep(r.Collector, incident.Texts[wrongHash]{
				Title: func(f *incident.Finding, _ *wrongHash) string {
					return fmt.Sprintf("%s computes slots wrongly: %s to the wrong node", f.Client, incident.Counted(f.Count, "key went", "keys went"))
				},
				Remedy: func(_ *incident.Finding, fault *wrongHash) string {
					return "The client computes slots wrongly for keys " + fault.keys + ". A slot is CRC-16/XMODEM of the text between the first { and the first } " +
						"behind it, where that is not empty, else of the whole key, modulo 16384."
				},
			})
			return analysis.Hooks{Redirect: w.see, Finish: w.finish}
		},
	}
}

// wrongHash is a known way to compute a slot wrongly.
type wrongHash struct {
	what, keys string
	slot       func(key []byte) uint16
}

var wrongHashes = []wrongHash{
	{"CRC-16 of the whole key, hash tag ignored", "with {hash tags}", func(k []byte) uint16 { return crc16(k, 0, false) % resp.Slots }},
	{"CRC-16 modulo 16383", "(wrong modulus)", func(k []byte) uint16 { return crc16(tagged(k), 0, false) % (resp.Slots - 1) }},
	{"CRC-16/CCITT-FALSE (starts with FFFF)", "(wrong CRC-16)", func(k []byte) uint16 { return crc16(tagged(k), 0xffff, false) % resp.Slots }},
	{"CRC-16/KERMIT (reflected)", "(wrong CRC-16)", func(k []byte) uint16 { return crc16(tagged(k), 0, true) % resp.Slots }},
	{"CRC-32", "(wrong CRC)", func(k []byte) uint16 { return uint16(crc32.ChecksumIEEE(tagged(k)) % resp.Slots) }},
}

// crc16 is the CRC with polynomial 1021, bit by bit: it runs over redirected keys only.
func crc16(b []byte, crc uint16, reflected bool) uint16 {
	for _, c := range b {
		if reflected {
			c = bits.Reverse8(c)
		}
		crc ^= uint16(c) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	if reflected {
		return bits.Reverse16(crc)
	}
	return crc
}

// tagged returns the part of a key that is hashed.
func tagged(key []byte) []byte {
	_, rest, ok := bytes.Cut(key, []byte("{"))
	if !ok {
		return key
	}
	tag, _, ok := bytes.Cut(rest, []byte("}"))
	if !ok || len(tag) == 0 {
		return key
	}
	return tag
}

// hasher is what is stored of one client.
type hasher struct {
	misses   []miss
	n        int
	weakened bool
}

// miss is a key that went to the wrong node.
type miss struct {
	key            []byte
	shown          string
	client, server netip.AddrPort
	conn           int64
	frame          int64
	file           int32
	at             capture.Time
}

// hashers looks for a wrong hash by which clients choose their nodes.
type hashers struct {
	r       *analysis.Reporter
	least   int // redirected keys whose node a wrong hash must give
	clients map[netip.Addr]*hasher
	bound   *bound.Bound              // of clients
	faults  incident.Facts[wrongHash] // of each client
}

func (w *hashers) see(e *cluster.Redirected) {
	ex, s := e.Exchange, e.Session
	if e.Redirect.Kind != resp.Moved || e.KnewOwner || !ex.HasKey || !ex.Key.Whole() {
		return
	}
	h := w.clients[s.Client.Addr()]
	if h == nil {
		if !w.bound.Admits(len(w.clients)) {
			return
		}
		h = &hasher{}
		w.clients[s.Client.Addr()] = h
	}
	h.n++
	h.weakened = h.weakened || !e.Certain()
	if len(h.misses) < maxMisses {
		h.misses = append(h.misses, miss{slices.Clone(ex.Key.Raw()), w.r.Run().Key(ex), s.Client, s.Server, s.ID, ex.Frame, ex.File, ex.Serves.Time})
	}
}

func (w *hashers) finish(r *analysis.Run) {
	clients := make([]netip.Addr, 0, len(w.clients))
	for c := range w.clients {
		clients = append(clients, c)
	}
	slices.SortFunc(clients, netip.Addr.Compare)
	for _, c := range clients {
		if h := w.clients[c]; len(h.misses) >= w.least {
			w.judge(r, c, h)
		}
	}
}

// judge looks for the wrong hash that names, for nearly every key, the very node that the client asked.
func (w *hashers) judge(r *analysis.Run, client netip.Addr, h *hasher) {
	for i := range wrongHashes {
		x := &wrongHashes[i]
		tested, hit := 0, 0
		chance := float64(len(wrongHashes))
		fits := w.bySlot(r, client, h, x)
		for _, slot := range slices.Sorted(maps.Keys(fits)) {
			if tested++; fits[slot].all {
				hit++
				chance *= fits[slot].share
			}
		}
		if hit < w.least || hit*100 < tested*wrongPercent || chance*choose(tested, hit) > byChance {
			continue
		}
		first, last := &h.misses[0], &h.misses[len(h.misses)-1]
		level := pairing.Strong
		if h.weakened {
			level = level.Down()
		}
		*w.faults.Add(incident.Occurrence{
			Client: first.client, AnyServer: true, Time: first.at, Last: last.at, Count: h.n, Severity: incident.Medium, Confidence: level, Weakened: h.weakened,
			Evidence: func() incident.Example {
				e := incident.Example{Conn: first.conn, Server: first.server, File: r.File(first.file)}
				e.Facts = append(e.Facts, fmt.Sprintf("the keys of %d of %d slots went to the node that has their slot by %s", hit, tested, x.what))
				for j := range h.misses[:5] {
					m := &h.misses[j]
					e.Frames = append(e.Frames, m.frame)
					e.Facts = append(e.Facts, fmt.Sprintf("%s is in slot %d; the client sent it to %s (frame %d), which has slot %d",
						m.shown, resp.Slot(m.key), m.server, m.frame, x.slot(m.key)))
				}
				return e
			},
		}) = *x
		return
	}
}

// fit is whether a wrong hash gives the node that was asked for all redirected keys of one slot, and the share of all slots that
// this node has: how likely that is by chance. Keys of one hash tag go where one of them goes.
type fit struct {
	all   bool
	share float64
}

func (w *hashers) bySlot(r *analysis.Run, client netip.Addr, h *hasher, x *wrongHash) map[uint16]fit {
	owners := func(slot uint16) netip.AddrPort { return r.Topology().SlotOwner(client, slot) }
	shares, slots := map[netip.AddrPort]float64{}, map[uint16]fit{}
	for j := range h.misses {
		m := &h.misses[j]
		own, wrong := resp.Slot(m.key), x.slot(m.key)
		owner := owners(wrong)
		if own != wrong && !owner.IsValid() {
			continue
		}
		if _, known := shares[m.server]; !known {
			shares[m.server] = shareOf(m.server, owners)
		}
		f, known := slots[own]
		// Where this hash would have been right it is not the reason of the miss.
		f.all = (f.all || !known) && own != wrong && owner == m.server
		f.share = max(f.share, shares[m.server])
		slots[own] = f
	}
	return slots
}

// shareOf is the share of the slots with a known owner that a node has.
func shareOf(node netip.AddrPort, owner func(slot uint16) netip.AddrPort) float64 {
	mine, known := 0, 0
	for slot := range uint16(resp.Slots) {
		if a := owner(slot); a.IsValid() {
			if known++; a == node {
				mine++
			}
		}
	}
	return float64(mine) / float64(max(known, 1))
}

// choose is the number of ways to take k of n.
func choose(n, k int) float64 {
	ways := 1.0
	for i := range min(k, n-k) {
		ways *= float64(n-i) / float64(i+1)
	}
	return ways
}
