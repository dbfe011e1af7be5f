package traffic

import (
	"cmp"
	"container/heap"
	"slices"
)

// hot finds the most frequent of a stream of keys in bounded memory: Metwally's Space-Saving. A key that is in more
// than 1/capacity of the stream is always there; Over bounds how far its count is too high.
type hot struct {
	capacity int
	byKey    map[string]*hotKey
	order    hotHeap
}

type hotKey struct {
	key         string
	count, over int64
	at          int // in the heap
}

func newHot(capacity int) *hot { return &hot{capacity: capacity, byKey: map[string]*hotKey{}} }

func (h *hot) add(key []byte) {
	if k := h.byKey[string(key)]; k != nil {
		k.count++
		heap.Fix(&h.order, k.at)
		return
	}
	if len(h.order) < h.capacity {
		k := &hotKey{key: string(key), count: 1}
		h.byKey[k.key] = k
		heap.Push(&h.order, k)
		return
	}
	k := h.order[0]
	delete(h.byKey, k.key)
	k.key, k.over = string(key), k.count
	k.count++
	h.byKey[k.key] = k
	heap.Fix(&h.order, 0)
}

// top returns the n most frequent, most first.
func (h *hot) top(n int) []*hotKey {
	all := slices.Clone([]*hotKey(h.order))
	slices.SortFunc(all, func(a, b *hotKey) int { return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.key, b.key)) })
	return all[:min(n, len(all))]
}

// hotHeap is a heap with the least frequent key on top.
type hotHeap []*hotKey

func (h hotHeap) Len() int           { return len(h) }
func (h hotHeap) Less(i, j int) bool { return h[i].count < h[j].count }
func (h hotHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push is for package heap.
func (h *hotHeap) Push(x any) {
	k := x.(*hotKey)
	k.at = len(*h)
	*h = append(*h, k)
}

// Pop is for package heap.
func (h *hotHeap) Pop() any {
	last := len(*h) - 1
	k := (*h)[last]
	*h = (*h)[:last]
	return k
}
