package resp

import "testing"

// A reply of which the snapshot length took the end is closed by who knows that it ended there; what follows is read as if
// nothing had been cut.
func TestCloseCut(t *testing.T) {
	for _, c := range []struct {
		seen   string
		unseen int
		kind   Kind
	}{
		{"-MOVED 12182 198.1", 13, Error}, {"+FULLRESYN", 40, Simple}, {"$24", 30, Bulk}, {"$", 30, NoKind}, {"", 7, NoKind}, {"$-", 3, Null},
		{"*2\r\n$3\r\nab", 20, Array}, {"*2\r\n$3\r\nabc\r\n$", 20, Array}, {":12", 5, Integer},
	} {
		var d ReplyDecoder
		var r Reply
		whole := "+OK\r\n"
		d.Feed([]byte(whole), 0)
		if err := d.Next(&r); err != nil {
			t.Fatal(err)
		}
		d.Feed([]byte(c.seen), c.unseen)
		for d.Next(&r) == nil {
			t.Errorf("%q: a reply", c.seen)
		}
		start, ok := d.Cut()
		if !ok || start != int64(len(whole)) {
			t.Errorf("%q: %d, %v", c.seen, start, ok)
			continue
		}
		d.CloseCut(&r)
		if end := int64(len(whole) + len(c.seen) + c.unseen); r.Start != start || r.End != end || r.Kind != c.kind || !r.Opaque {
			t.Errorf("%q: [%d, %d) %v", c.seen, r.Start, r.End, r.Kind)
		}
		d.Feed([]byte(":1\r\n"), 0)
		if err := d.Next(&r); err != nil || r.Resynced || r.LostBefore != 0 || r.N != 1 {
			t.Errorf("%q: then %v, %+v", c.seen, err, r)
		}
		if _, ok := d.Cut(); ok {
			t.Errorf("%q: still cut", c.seen)
		}
	}
}

// Whatever else was lost, nobody can say where a cut reply ended.
func TestNotCut(t *testing.T) {
	full := make([]byte, 2*minFull)
	copy(full, "$9999\r\n")
	for name, feed := range map[string]func(d *ReplyDecoder){
		"a hole before": func(d *ReplyDecoder) { d.Gap(10); d.Feed([]byte("-MOVED 1"), 10) },
		"a hole behind": func(d *ReplyDecoder) { d.Feed([]byte("-MOVED 1"), 10); d.Next(new(Reply)); d.Gap(10) },
		"known length":  func(d *ReplyDecoder) { d.Feed([]byte("$5\r\na"), 6) },
		"full segment":  func(d *ReplyDecoder) { d.Feed(full, 0); d.Next(new(Reply)); d.Feed([]byte("-MOVED 1"), len(full)-8) },
		"a push":        func(d *ReplyDecoder) { d.Feed([]byte(">"), 30) },
		"whole":         func(d *ReplyDecoder) { d.Feed([]byte("+OK\r\n"), 0) },
		"found again": func(d *ReplyDecoder) {
			d.Feed([]byte("-MOVED 1"), 10)
			d.Next(new(Reply))
			d.Feed([]byte("+OK\r\n"), 0)
		},
		"in mid-stream":    func(d *ReplyDecoder) { d.Resync(); d.Feed([]byte("-MOVED 1"), 10) },
		"what is no reply": func(d *ReplyDecoder) { d.Feed([]byte("hello\r\n"), 10) },
	} {
		var d ReplyDecoder
		feed(&d)
		var r Reply
		for d.Next(&r) != ErrShort {
		}
		if start, ok := d.Cut(); ok {
			t.Errorf("%s: a cut reply at %d", name, start)
		}
	}
}
