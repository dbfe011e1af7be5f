package commands

import "github.com/respsniff/respsniff/resp"

// keySpec says where keys stand: where to begin, and how far they go (Redis documentation, "Command key specifications").
type keySpec struct {
	keyword string // begin behind this word, searched from pos on, from the end if pos is negative
	pos     int    // or at this argument
	// A range: last is counted from the first key, or from the end if negative; with a limit only that fraction of
	// what follows is keys.
	last, step, limit int
	// Or a count: the argument at count behind the beginning says how many keys stand from first on.
	counted      bool
	count, first int
}

// FirstKey returns the command's first key, if it has one and it was captured.
func (c *Command) FirstKey(req *resp.Request) (key resp.Arg, ok bool) {
	c.Keys(req, func(a resp.Arg) bool {
		key, ok = a, true
		return false
	})
	return key, ok
}

// Keys calls yield with each key of the request until it returns false. Keys beyond Request.Args are left out, the last
// argument excepted. KeyCount counts them too.
func (c *Command) Keys(req *resp.Request, yield func(resp.Arg) bool) {
	if c == nil {
		return
	}
	for i := range c.keys {
		if !c.keys[i].each(req, yield) {
			return
		}
	}
}

// KeyCount returns the number of keys of the request, as far as the captured arguments show.
func (c *Command) KeyCount(req *resp.Request) (n int) {
	if c == nil {
		return 0
	}
	for i := range c.keys {
		first, last, step := c.keys[i].span(req)
		if last >= first && first > 0 {
			n += (last-first)/step + 1
		}
	}
	return n
}

func (k *keySpec) each(req *resp.Request, yield func(resp.Arg) bool) bool {
	first, last, step := k.span(req)
	if first <= 0 {
		return true
	}
	for i := first; i <= last; i += step {
		a, ok := req.Arg(i)
		if !ok {
			continue
		}
		if a.Len == 0 && k.keyword == "" && resp.EqualFold(req.Name(), "MIGRATE") {
			continue // the keys follow KEYS
		}
		if !yield(a) {
			return false
		}
	}
	return true
}

// span returns the indexes of the first and last key and the distance between keys; first is 0 where there are none.
func (k *keySpec) span(req *resp.Request) (first, last, step int) {
	first, step = k.pos, max(k.step, 1)
	if k.keyword != "" {
		first = k.search(req)
	}
	if first <= 0 || first >= req.NArgs {
		return 0, 0, step
	}
	if k.counted {
		a, ok := req.Arg(first + k.count)
		if !ok {
			return 0, 0, step
		}
		n, ok := resp.ParseInt(a.Bytes)
		if !ok || !a.Whole() || n <= 0 || n > int64(req.NArgs) {
			return 0, 0, step
		}
		first += k.first
		return first, min(first+(int(n)-1)*step, req.NArgs-1), step
	}
	switch {
	case k.last >= 0:
		last = first + k.last
	case k.limit > 1:
		last = first + (req.NArgs-first)/k.limit - 1
	default:
		last = req.NArgs + k.last
	}
	return first, min(last, req.NArgs-1), step
}

// search returns the index behind the keyword, or 0. Only the arguments kept are searched.
func (k *keySpec) search(req *resp.Request) int {
	from, by := k.pos, 1
	if k.pos < 0 {
		from, by = min(req.NArgs+k.pos, len(req.Args)-1), -1
	}
	for i := from; i > 0 && i < len(req.Args); i += by {
		if resp.EqualFold(req.Args[i].Bytes, k.keyword) {
			return i + 1
		}
	}
	return 0
}
