package resp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// FuzzPieces: the fast paths, Next's and Single, and the general path give the same values, errors and marks, and leave
// the decoder in the same state, whatever the bytes, the segments and the holes.
func FuzzPieces(f *testing.F) {
	seeds(f)
	for _, s := range []string{
		"+OK\r\n+\r\n+a\rb\r\n$-1\r\n$-2\r\n$0\r\n\r\n$2\r\nab\r\n:1\r\n:-1\r\n:01\r\n$02\r\nab\r\n$123\r\n",
		"*1\r\n$4\r\nPING\r\n*01\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$0\r\n\r\n*1\r\n$4\r\npost\r\n*2\r\n$3\r\nGET\r\n$01\r\na\r\n",
		"$2\r\nabx\n+OK\r\n$2\r\nab\rx+OK\r\n$-1\rx+OK\r\n+OK\rx+OK\r\n$10\r\n0123456789\r\n$300\r\n", "$300\r\n" + strings.Repeat("a", 300) + "\r\n", "*1\r\n$5\r\nhost:\r\n*1\r\n$4\r\nPING\r\n",
		"*17\r\n$1\r\na\r\n*2\r\n$3\r\nGETxx$1\r\nb\r\n*1\r\n$4294967297\r\nab",
	} {
		for _, cut := range []uint16{0, 2, 30, 196, 197, 198, 199} {
			f.Add([]byte(s), cut)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		samePieces(t, b, rand.New(rand.NewPCG(uint64(cut), 9)), 1+int(cut)%200*5)
	})
}

func TestPieces(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 10))
		var q, p stream
		for range 30 {
			randomRequest(r, &q)
			p.reply(r)
		}
		for _, s := range [][]byte{q.Bytes(), p.Bytes()} {
			for range int(seed%3) * len(s) / 80 {
				s[r.IntN(len(s))] = "\r\n$*:+0129-Z"[r.IntN(12)]
			}
			samePieces(t, s, r, len(s))
			samePieces(t, s, r, 60)
		}
	}
}

// samePieces feeds a stream in segments of random length, some of them missing or cut off.
func samePieces(t *testing.T, b []byte, r *rand.Rand, longest int) {
	t.Helper()
	var fast, slow RequestDecoder
	var fastReplies, slowReplies ReplyDecoder
	var req, slowReq Request
	var rep, slowRep Reply
	for from := 0; from < len(b); {
		to := min(len(b), from+1+r.IntN(longest))
		if i := bytes.IndexAny(b[from:], "*$:+"); r.IntN(2) == 0 && i == 0 { // a segment that may be one value
			if n := readRequest(b, uint(from), &Request{}) + readReply(b, uint(from), &Reply{}); n > 0 {
				to = int(n)
			}
		}
		p, unseen := b[from:to], 0
		switch r.IntN(16) {
		case 0:
			fast.Gap(int64(to - from))
			slow.Gap(int64(to - from))
			fastReplies.Gap(int64(to - from))
			slowReplies.Gap(int64(to - from))
			from = to
			continue
		case 1:
			unseen = len(p) / 2
			p = p[:len(p)-unseen]
		}
		from = to
		slow.Feed(p, unseen)
		slowReplies.Feed(p, unseen)
		single := unseen == 0 && fast.Single(p, &req)
		if !single {
			fast.Feed(p, unseen)
		}
		singleReply := unseen == 0 && fastReplies.Single(p, &rep)
		if !singleReply {
			fastReplies.Feed(p, unseen)
		}
		for {
			var err error
			if !single {
				err = fast.Next(&req)
			}
			want := slowNext(&slow.in, slow.part == nil, func() error { return slow.pieces(&slowReq) })
			compare(t, err, want, fmt.Sprintf("%s doubtful%t", req.show(), req.Doubtful), fmt.Sprintf("%s doubtful%t", slowReq.show(), slowReq.Doubtful))
			if single { // Next has still to find the end of the segment
				slow.in.done()
			}
			compare(t, nil, nil, state(&fast.in, fast.part != nil, fast.empty), state(&slow.in, slow.part != nil, slow.empty))
			if err == ErrShort || single {
				break
			}
		}
		for {
			var err error
			if !singleReply {
				err = fastReplies.Next(&rep)
			}
			want := slowNext(&slowReplies.in, slowReplies.part == nil, func() error { return slowReplies.pieces(&slowRep) })
			compare(t, err, want, fmt.Sprintf("%s doubtful%t", rep.show(), rep.Doubtful), fmt.Sprintf("%s doubtful%t", slowRep.show(), slowRep.Doubtful))
			if singleReply {
				slowReplies.in.done()
			}
			compare(t, nil, nil, state(&fastReplies.in, fastReplies.part != nil, 0), state(&slowReplies.in, slowReplies.part != nil, 0))
			if err == ErrShort || singleReply {
				break
			}
		}
	}
}

// slowNext is Next without its fast path.
func slowNext(in *input, whole bool, pieces func() error) error {
	if whole && in.pos == len(in.p) && in.unseen == 0 {
		in.done()
		return ErrShort
	}
	return pieces()
}

func state(in *input, open bool, empty int64) string {
	return fmt.Sprintf("open%t empty%d at%d framed%d last%d unseen%d longest%d lost%t doubt%t full%t", open, empty, in.offset(), in.framed, in.last,
		in.unseen, in.longest, in.lost, in.doubt, in.full)
}

// compare compares two errors, and two values where there are none.
func compare(t *testing.T, err, wantErr error, got, want string) {
	t.Helper()
	if fmt.Sprint(err) != fmt.Sprint(wantErr) {
		t.Fatalf("got %v, the general way %v", err, wantErr)
	}
	if err == nil && got != want {
		t.Fatalf("got %s\n the general way %s", got, want)
	}
}
