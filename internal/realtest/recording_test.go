package realtest

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/respsniff/respsniff/internal/trial"
)

// kernelBuffer is tcpdump's, in KiB: room for what a test sends while tcpdump does not get the processor.
const kernelBuffer = 65536

// probePatience is how long tcpdump may take to write a packet to its file.
const probePatience = 2 * time.Minute

// recording is a tcpdump of the ports of some servers on loopback. Datagrams to a port of its own mark where it begins and ends,
// so that no packet of a conversation between the marks is missing because tcpdump had not begun, or had not written it.
type recording struct {
	path   string
	cmd    *exec.Cmd
	log    bytes.Buffer
	sink   net.PacketConn // takes the marks, so that no ICMP error comes back
	marker net.Conn
}

// record returns when tcpdump has written a packet.
func record(t *testing.T, servers ...*server) *recording {
	t.Helper()
	r := &recording{path: filepath.Join(t.TempDir(), "lo.pcap")}
	var err error
	if r.sink, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.sink.Close() })
	if r.marker, err = net.Dial("udp", r.sink.LocalAddr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.marker.Close() })
	out, err := os.Create(r.path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	_, mark, err := net.SplitHostPort(r.sink.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	filter := "udp port " + mark
	for _, s := range servers {
		filter += fmt.Sprintf(" or tcp port %d", s.port)
	}
	// Not in immediate mode: there each packet takes a slot of the largest size, and the buffer holds few.
	// tcpdump gives up root's rights before it opens a file by name: standard output is open already.
	r.cmd = exec.Command("tcpdump", "-i", "lo", "-n", "-U", "-B", strconv.Itoa(kernelBuffer), "-w", "-",
		filter)
	r.cmd.Stdout, r.cmd.Stderr = out, &r.log
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.cmd.Process.Kill() // stop may have ended it
		_ = r.cmd.Wait()
	})
	r.passes(t, "the recording begins here")
	return r
}

// passes sends marks until one of them is in the file.
func (r *recording) passes(t *testing.T, mark string) {
	t.Helper()
	for end := time.Now().Add(probePatience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if _, err := r.marker.Write([]byte(mark)); err != nil {
			t.Fatal(err)
		}
		if tail, err := r.tail(); err != nil {
			t.Fatal(err)
		} else if bytes.Contains(tail, []byte(mark)) {
			return
		}
	}
	t.Fatalf("tcpdump has not written %q within %v: %s", mark, probePatience, &r.log)
}

// tail reads the last bytes of the file.
func (r *recording) tail() ([]byte, error) {
	const enough = 4 << 10
	f, err := os.Open(r.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(f, max(info.Size()-enough, 0), enough))
}

var droppedByKernel = regexp.MustCompile(`(\d+) packets? dropped by kernel`)

// stop ends the recording and returns its file. It is not whole, and shows nothing, if the kernel could not hand all packets
// to tcpdump.
func (r *recording) stop(t *testing.T, attempt *trial.Trial) (path string, whole bool) {
	t.Helper()
	r.passes(t, "the recording ends here")
	if err := r.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Wait(); err != nil {
		t.Fatalf("tcpdump: %v: %s", err, &r.log)
	}
	m := droppedByKernel.FindSubmatch(r.log.Bytes())
	if m == nil {
		t.Fatalf("tcpdump does not say what it dropped: %s", &r.log)
	}
	dropped, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if attempt.Dropped = dropped; dropped > 0 {
		attempt.Errorf("the recording is not whole")
	}
	return r.path, dropped == 0
}
