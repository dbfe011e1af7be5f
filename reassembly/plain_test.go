package reassembly

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/respsniff/respsniff/capture"
)

// What plain takes, the walk through the layers takes too, and reads the same in it.
func TestPlainIsTheWalk(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	ts := join("0101080a 00000001 00000002")
	tcp := func(options []byte) []byte {
		return ipv4Bytes(addrA, addrB, protoTCP, 7, tcpBytes(40000, 6379, 5, 6, ACK|PSH, options, []byte("PING\r\n")))
	}
	cooked := make([]byte, sll2Header)
	cooked[0], cooked[1] = 0x08, 0x00
	old := make([]byte, sllHeader)
	old[14], old[15] = 0x08, 0x00
	taken, refused := 0, 0
	for _, whole := range []capture.Packet{
		{Link: capture.LinkEthernet, Data: join(etherV4, tcp(nil))},
		{Link: capture.LinkEthernet, Data: join(etherV4, tcp(ts))},
		{Link: capture.LinkEthernet, Data: join(etherV4, tcp(ts), make([]byte, 5))},
		{Link: capture.LinkSLL2, Data: join(cooked, tcp(ts))},
		{Link: capture.LinkSLL, Data: join(old, tcp(nil))},
	} {
		for range 4000 {
			p := whole
			p.Data = append([]byte(nil), whole.Data...)
			for range r.IntN(3) {
				p.Data[r.IntN(len(p.Data))] = byte(r.Uint32())
			}
			p.Length = len(p.Data)
			if r.IntN(5) == 0 {
				p.Data = p.Data[:r.IntN(len(p.Data))]
			}
			var fast, slow packet
			var stats, one Stats
			if !decodePlain(&p, &fast) {
				refused++
				continue
			}
			taken++
			fast.src, fast.dst = fast.route.ends()
			if routeOf(fast.src, fast.dst) != fast.route {
				t.Fatalf("%x: from %x to %x by %+v", p.Data, fast.src, fast.dst, fast.route)
			}
			fast.route = route{}
			one.Packets, one.IPv4 = 1, 1 // as Assembler.take counts it
			walk := decoder{stats: &stats}
			if !walk.walk(&p, &slow) || !same(&fast, &slow) || stats != one || !sameEnds(&fast, &walk.ends, &slow) {
				t.Fatalf("%x: plain reads %+v, the walk %+v", p.Data, fast, slow)
			}
		}
	}
	if taken < 5000 || refused < 2000 {
		t.Errorf("%d taken, %d refused", taken, refused)
	}
}

func same(a, b *packet) bool { return reflect.DeepEqual(a, b) }

// sameEnds asks an empty addresses for the ends of fast, because decodePlain sets none.
func sameEnds(fast *packet, walked *addresses, slow *packet) bool {
	src, dst := new(addresses).of(fast)
	from, to := walked.of(slow)
	return src == from && dst == to
}
