//go:build linux && !libpcap

package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// blockSize holds the largest packet several times. The kernel hands whole blocks over.
	blockSize = 1 << 20
	// frameSize only has to divide blockSize: TPACKET_V3 packs packets of any size.
	frameSize = 1 << 11
	// retire is when the kernel hands over a block that is not full.
	retire = 20 * time.Millisecond
)

// ring is a packet socket whose packets the kernel writes into memory shared with this process.
type ring struct {
	name   string
	number int32
	link   LinkType
	fd     int
	mem    []byte
	block  int    // the one being read, or to be read next
	left   uint32 // packets of it not yet read
	at     int    // place in mem of the packet to be read next
	time   Time   // its time
	gone   bool

	dropped Drops
}

// openRing sets everything up before the socket is bound, so that no unwanted packet gets in.
func openRing(name string, number int32, o *LiveOptions) (_ *ring, err error) {
	r := &ring{name: name, number: number, link: linkOf(name), fd: -1}
	index, loopback := 0, 0
	if name != AnyInterface {
		i, err := net.InterfaceByName(name)
		if err != nil {
			return nil, fmt.Errorf("%s: no such interface: %w", name, fs.ErrNotExist)
		}
		index = i.Index
		if i.Flags&net.FlagLoopback != 0 {
			loopback = index
		}
	} else if all, err := net.Interfaces(); err == nil {
		for _, i := range all {
			if i.Flags&net.FlagLoopback != 0 {
				loopback = i.Index
			}
		}
	}
	kind := unix.SOCK_RAW
	if r.link == LinkRaw {
		kind = unix.SOCK_DGRAM // the kernel takes the link-layer header off
	}
	r.fd, err = unix.Socket(unix.AF_PACKET, kind|unix.SOCK_CLOEXEC, 0) // protocol 0: nothing comes in yet
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return nil, fmt.Errorf("%s: %w: %w", name, ErrRights, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: packet socket: %w", name, err)
	}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	program, err := o.Filter.program(r.link == LinkRaw, o.Snaplen, loopback)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	code := make([]unix.SockFilter, len(program))
	for i, x := range program {
		code[i] = unix.SockFilter{Code: x.Op, Jt: x.Jt, Jf: x.Jf, K: x.K}
	}
	err = unix.SetsockoptSockFprog(r.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]})
	if err != nil {
		return nil, fmt.Errorf("%s: attach filter: %w", name, err)
	}
	if loopback > 0 && index == loopback {
		// Saves running the filter on the outgoing copy; Linux before 4.20 cannot.
		_ = unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
	}
	if err = unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return nil, fmt.Errorf("%s: TPACKET_V3: %w", name, err)
	}
	if err = r.share(o.Buffer); err != nil {
		return nil, fmt.Errorf("%s: ring of %d bytes: %w", name, o.Buffer, err)
	}
	if err = unix.Bind(r.fd, &unix.SockaddrLinklayer{Protocol: bigEndian16(unix.ETH_P_ALL), Ifindex: index}); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if o.Promiscuous && index != 0 && loopback == 0 {
		err = unix.SetsockoptPacketMreq(r.fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP,
			&unix.PacketMreq{Ifindex: int32(index), Type: unix.PACKET_MR_PROMISC})
		if err != nil {
			return nil, fmt.Errorf("%s: promiscuous mode: %w", name, err)
		}
	}
	return r, nil
}

func bigEndian16(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return binary.NativeEndian.Uint16(b[:])
}

// share makes the ring of about size bytes, or, where memory is short, of a half or a quarter of it.
func (r *ring) share(size int) (err error) {
	blocks := max(size/blockSize, 2)
	for range 3 {
		err = unix.SetsockoptTpacketReq3(r.fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &unix.TpacketReq3{
			Block_size: blockSize, Block_nr: uint32(blocks), Frame_size: frameSize, Frame_nr: uint32(blocks * (blockSize / frameSize)),
			Retire_blk_tov: uint32(retire.Milliseconds()),
		})
		if err == nil || !errors.Is(err, unix.ENOMEM) || blocks < 4 {
			break
		}
		blocks /= 2
	}
	if err != nil {
		return err
	}
	r.mem, err = unix.Mmap(r.fd, 0, blocks*blockSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	return err
}

// header returns the description of the current block. It lies behind version and offset (struct tpacket_block_desc).
func (r *ring) header() *unix.TpacketHdrV1 {
	return (*unix.TpacketHdrV1)(unsafe.Pointer(&r.mem[r.block*blockSize+8]))
}

// ready reports whether the kernel has handed the current block over.
func (r *ring) ready() bool {
	return atomic.LoadUint32(&r.header().Block_status)&unix.TP_STATUS_USER != 0
}

// load goes to the first packet of the current block if it is there.
func (r *ring) load() bool {
	for r.ready() {
		h := r.header()
		if r.left = h.Num_pkts; r.left > 0 {
			r.at = r.block*blockSize + int(h.Offset_to_first_pkt)
			r.stamp()
			return true
		}
		r.giveBack() // a block that timed out empty
	}
	return false
}

func (r *ring) current() *unix.Tpacket3Hdr { return (*unix.Tpacket3Hdr)(unsafe.Pointer(&r.mem[r.at])) }

func (r *ring) stamp() {
	h := r.current()
	r.time = Time(int64(h.Sec)*int64(time.Second) + int64(h.Nsec))
}

// packet describes the packet to be read next; its data are those in the ring.
func (r *ring) packet(p *Packet) {
	h := r.current()
	start := r.at + int(h.Mac)
	if r.link == LinkRaw {
		start = r.at + int(h.Net)
	}
	*p = Packet{
		Time: r.time, Interface: r.number, Link: r.link, Length: int(h.Len),
		Data: r.mem[start : start+int(h.Snaplen) : start+int(h.Snaplen)],
	}
}

// advance leaves the packet that was read; after the last one the block goes back to the kernel.
func (r *ring) advance() {
	next := int(r.current().Next_offset)
	if r.left--; r.left == 0 {
		r.giveBack()
		return
	}
	r.at += next
	r.stamp()
}

func (r *ring) giveBack() {
	atomic.StoreUint32(&r.header().Block_status, unix.TP_STATUS_KERNEL)
	if r.block++; r.block*blockSize == len(r.mem) {
		r.block = 0
	}
}

// count adds what the kernel has counted since it was last asked (packet(7), PACKET_STATISTICS).
func (r *ring) count() error {
	s, err := unix.GetsockoptTpacketStatsV3(r.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return fmt.Errorf("%s: statistics: %w", r.name, err)
	}
	r.dropped.add(Drops{Known: true, Received: int64(s.Packets), Kernel: int64(s.Drops)})
	return nil
}

func (r *ring) close() error {
	var failed error
	if r.mem != nil {
		failed = unix.Munmap(r.mem)
		r.mem = nil
	}
	if r.fd >= 0 {
		failed = errors.Join(failed, unix.Close(r.fd))
		r.fd = -1
	}
	return failed
}
